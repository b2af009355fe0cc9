"""What the models say of a case, beside a person's own read of it: when it is shown, what, and that it was.

A model is a second opinion. Who reads may see it from the beginning, after their own lock, or not at all, by the rules
of the round and by the draw; whoever owes another read of the case without it does not see it here either. What is
shown is written down in the transaction that serves it: an `Exposure` to the model, and which opinion stood beside
which read. While it is hidden, nothing here depends on whether a model has read the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labeling.anatomy.case_verdict import Assessed, CaseVerdict, case_verdict
from labeling.models import (
    AnatomyVertebra,
    Assignment,
    Finding,
    LabelOperation,
    LabelSource,
    ModelShowing,
    ModelState,
    ModelVersion,
    Read,
    ReaderKind,
    Reference,
    RoundState,
    SliceLabel,
    Verdict,
)
from labeling.reading.refusals import OperationRefused
from labeling.reading.reopening import versions_of
from labeling.reading.rules import Rules
from labeling.reading.verbs import touched_vertebra
from labeling.reading.visibility import note_exposure, owed_assignments, owes_without_model

__all__ = [
    "FIRST",
    "HIDDEN",
    "REVEALED",
    "Opinion",
    "Suggested",
    "case_verdict_of",
    "checked_screen",
    "model_beside",
    "opinion_of",
    "refuse_what_nobody_suggested",
    "reveals",
    "stage",
    "standing",
]

#: Nothing is shown; shown while the first verdict is still to come; shown beside what was locked.
HIDDEN, FIRST, REVEALED = "hidden", "first", "revealed"

_KINDS = ("classifier", "morphometry")


@dataclass(frozen=True)
class Suggested:
    """What a model says of one vertebra; `slices` maps SOP Instance UIDs to value and probability of fracture.

    `ao_body`, and `words` that say all of it, are for the truth: no model gives a type.
    """

    verdict: str
    why: str
    reason: str
    score: float | None
    slices: Mapping[str, tuple[str, float | None]]
    ao_body: str | None = None
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "why": self.why,
            "reason": self.reason,
            "score": self.score,
            "slices": {sop: {"value": value, "p": p} for sop, (value, p) in sorted(self.slices.items())},
            "ao_body": self.ao_body,
            "words": self.words,
        }


@dataclass(frozen=True)
class Opinion:
    """A model's read as a second opinion; `vertebrae` by the primary key of the `Vertebra`."""

    read: int
    kind: str
    name: str
    at: datetime
    case: CaseVerdict
    vertebrae: Mapping[int, Suggested]

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "kind": self.kind,
            "name": self.name,
            "at": self.at.isoformat(),
            "case": {"kind": self.case.kind, "text": self.case.text},
            "vertebrae": {str(key): said.as_json() for key, said in self.vertebrae.items()},
        }


# --- when -----------------------------------------------------------------------------------------------------------


def stage(user: User, read: Read) -> str | None:
    """Whether the models are hidden, shown first, or revealed beside this read; None where it is no round's read of
    this person. Whether a model has read the case makes no difference."""
    if read.round is None or read.reader.user_id != user.pk:
        return None
    if owes_without_model(user, read.case_id, besides=read.round_id):
        return HIDDEN
    rule = Rules.parse(read.round.rules).model
    if rule == "never":
        return REVEALED if _is_settled(user, read) else HIDDEN
    if rule == "shown" and not _is_drawn_hidden(read):
        return FIRST if read.state == "draft" else REVEALED
    return REVEALED if _is_committed(read) else HIDDEN


def _is_drawn_hidden(read: Read) -> bool:
    return Assignment.objects.filter(round=read.round_id, case=read.case_id, model_hidden=True).exists()


def _is_committed(read: Read) -> bool:
    """Whether the reader has locked what they saw by themselves, and has it locked still or was shown the models since.

    Whoever goes back to a read before they were shown anything is to say by themselves once more what they see.
    """
    if read.state == "draft" and read.version == 1:
        return False
    versions = versions_of(read)
    if read.state == "locked" and not versions.filter(state="draft").exists():
        return True
    return ModelShowing.objects.filter(read__in=versions).exists()


def _is_settled(user: User, read: Read) -> bool:
    """Whether a read that no model may be laid beside has become history: its round is closed, its case has a reference
    standard, and this person owes no other read of it."""
    return (
        read.state == "locked"
        and read.round is not None
        and read.round.state == RoundState.CLOSED
        and Reference.objects.filter(case=read.case_id, current=True).exists()
        and not owed_assignments(user).filter(case=read.case_id).exists()
    )


# --- what -----------------------------------------------------------------------------------------------------------


def model_beside(user: User, read: Read) -> dict[str, Any] | None:
    """What the room shows of the models beside a read, with the record of it; None where the read is none of a round
    or not this person's own."""
    now = stage(user, read)
    if now is None or read.round is None:
        return None
    opinions: list[Opinion] = []
    if now != HIDDEN:
        with transaction.atomic():
            opinions = [opinion_of(each) for each in _model_reads(read)]
            _note_shown(user, read, opinions)
    rule = Rules.parse(read.round.rules).model
    return {"rule": rule, "stage": now, "opinions": [opinion.as_json() for opinion in opinions]}


def reveals(user: User, read: Read) -> bool:
    """Whether the room of this read, just locked, now has something of the models to show that was not shown before."""
    if stage(user, read) != REVEALED:
        return False
    known = set(ModelShowing.objects.filter(read__in=versions_of(read)).values_list("model_read", flat=True))
    return any(each.pk not in known for each in _model_reads(read))


def _model_reads(read: Read) -> list[Read]:
    """The reads of models that stand beside a read, on its stack and anatomy."""
    reads = Read.objects.filter(
        stack=read.stack_id, anatomy=read.anatomy_id, round__isnull=True, state="locked", reader__kind=ReaderKind.MODEL
    )
    return standing(reads.select_related("reader__model_version").order_by("-locked_at", "-pk"))


def standing(reads: Iterable[Read]) -> list[Read]:
    """Which of the models that have read an anatomy are heard: the active classifier, else the newest that is not
    retired; then morphometry as it is now. `reads` come the newest first."""
    found: dict[str, Read] = {}
    for each in reads:
        version = _version_of(each)
        is_first = version.kind not in found
        is_fallback = version.kind == "classifier" and version.state != ModelState.RETIRED and is_first
        if version.state == ModelState.ACTIVE or is_fallback:
            found[version.kind] = each
    return [found[kind] for kind in _KINDS if kind in found]


def opinion_of(read: Read) -> Opinion:
    """The locked read of a model as an opinion; it shows nobody anything by itself."""
    version = _version_of(read)
    said = _suggested(read)
    at = read.locked_at or read.created_at
    return Opinion(read.pk, version.kind, version.name, at, case_verdict_of(read, said), said)


def case_verdict_of(read: Read, said: Mapping[int, Suggested]) -> CaseVerdict:
    """What is said of the case as a whole, out of what is said of the vertebrae of this read."""
    bodies = AnatomyVertebra.objects.filter(anatomy=read.anatomy_id).order_by("rank", "pk")
    return case_verdict(
        [
            Assessed(
                body.level or f"vertebra {place}",
                said[body.vertebra_id].verdict if body.vertebra_id in said else None,
                body.cut,
            )
            for place, body in enumerate(bodies, 1)
        ]
    )


def _suggested(read: Read) -> dict[int, Suggested]:
    slices: dict[int, dict[str, tuple[str, float | None]]] = {}
    marks = SliceLabel.objects.filter(finding__read=read)
    for vertebra, sop, value, p in marks.values_list("finding__vertebra", "slice", "value", "p"):
        slices.setdefault(vertebra, {})[sop] = (value, p)
    return {
        finding.vertebra_id: Suggested(
            finding.verdict or "", finding.why, _reason(finding), finding.score, slices.get(finding.vertebra_id, {})
        )
        for finding in Finding.objects.filter(read=read).order_by("vertebra")
    }


def _reason(finding: Finding) -> str:
    """The sentence for people that a model left with a finding: why it judged nothing, else what it remarks."""
    evidence = finding.evidence
    return str(evidence.get("reason") or finding.comment or evidence.get("note") or "")


def _version_of(read: Read) -> ModelVersion:
    version = read.reader.model_version
    if version is None:
        raise ValueError(f"Read {read.pk} was made by no model.")
    return version


def _note_shown(user: User, read: Read, opinions: Iterable[Opinion]) -> None:
    shown = [opinion.read for opinion in opinions]
    if not shown:
        return
    note_exposure(user, read.case_id, "model")
    earlier = ModelShowing.objects.filter(read__in=versions_of(read), first=True).exclude(read=read)
    before = set(earlier.values_list("model_read", flat=True))
    is_first = read.version == 1 and read.state == "draft"
    ModelShowing.objects.bulk_create(
        [ModelShowing(read=read, model_read_id=each, first=is_first or each in before) for each in shown],
        ignore_conflicts=True,
    )


# --- what was done with it ------------------------------------------------------------------------------------------


def checked_screen(read: Read, verb: str, payload: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """What was on screen at an operation, as the log keeps it: with what the model suggested there.

    Parameters
    ----------
    read
        The draft, its row held.
    payload
        Of an operation that `labeling.reading.state.apply` took.
    shown
        As the client sent it; ``suggestion`` {"read"} names the opinion that stood there.

    Raises
    ------
    OperationRefused
        ``another_suggestion`` where that is no opinion that this reader was shown beside this draft, or another one
        than is accepted. What was hidden since may stand on a screen still: then it is told as it was.
    """
    screen = {key: value for key, value in shown.items() if key != "suggestion"}
    said = shown.get("suggestion")
    if said is None:
        if verb != "accept":
            return screen
        said = {"read": payload["model_read"]}
    model_read = said.get("read") if isinstance(said, Mapping) and len(said) == 1 else None
    if not isinstance(model_read, int) or isinstance(model_read, bool):
        raise OperationRefused("bad_payload", "suggestion of shown must be a JSON object with the number of a read.")
    showing = _showing(read, model_read)
    if showing is None or (verb == "accept" and model_read != payload["model_read"]):
        raise OperationRefused("another_suggestion", "The suggestion on screen was another one. Reload the case.")
    vertebra = touched_vertebra(dict(payload))
    finding = Finding.objects.filter(read=model_read, vertebra=vertebra).first()
    mark = SliceLabel.objects.filter(finding=finding, slice=str(shown.get("sop_uid") or "")).first()
    suggestion = {
        "read": model_read,
        "kind": _version_of(showing.model_read).kind,
        "verdict": finding and finding.verdict,
        "score": finding and finding.score,
        "p": mark and mark.p,
    }
    return {**screen, "suggestion": suggestion}


def refuse_what_nobody_suggested(read: Read, verb: str, payload: Mapping[str, Any]) -> None:
    """
    Raises
    ------
    OperationRefused
        ``no_suggestion`` where something is accepted that no classifier says, or none that the reader is shown now; or
        where marks are put back as accepted that never were.
    """
    if verb == "restore":
        refuse = not _were_accepted(read, payload["vertebra"], payload["finding"])
    else:
        refuse = verb == "accept" and not _is_suggested(read, payload)
    if refuse:
        name = AnatomyVertebra.objects.values_list("level", flat=True).get(
            anatomy=read.anatomy_id, vertebra=payload["vertebra"]
        )
        raise OperationRefused(
            "no_suggestion", f"There is no suggestion for {name or 'this vertebra'} here. Reload the case."
        )


def _is_suggested(read: Read, payload: Mapping[str, Any]) -> bool:
    if not _is_shown(read, payload["model_read"]):
        return False
    model_read = Read.objects.select_related("reader__model_version").get(pk=payload["model_read"])
    said = _suggested(model_read).get(payload["vertebra"])
    return (
        _version_of(model_read).kind == "classifier"
        and said is not None
        and said.verdict in (Verdict.FRACTURE, Verdict.NEGATIVE)
        and said.verdict == payload["verdict"]
        and {sop: value for sop, (value, _) in said.slices.items()} == payload["slices"]
    )


def _is_shown(read: Read, model_read: int) -> bool:
    """Whether the reader has this opinion before them: it was served beside this draft, and nothing hides it since."""
    user = read.reader.user
    return user is not None and stage(user, read) not in (None, HIDDEN) and _showing(read, model_read) is not None


def _showing(read: Read, model_read: int) -> ModelShowing | None:
    """That this opinion was served beside this draft, on the anatomy that it stands on."""
    if not 0 < model_read < 2**63:
        return None
    shown = ModelShowing.objects.filter(
        read=read, model_read=model_read, model_read__stack=read.stack_id, model_read__anatomy=read.anatomy_id
    )
    return shown.select_related("model_read__reader__model_version").first()


def _were_accepted(read: Read, vertebra: int, finding: Mapping[str, Any] | None) -> bool:
    """Whether the accepted marks of a finding, which `restore` took, stand in the draft or were accepted in a version
    of this read, each for this vertebra."""
    slices = finding["slices"] if finding is not None else {}
    accepted = {(sop, mark["value"]) for sop, mark in slices.items() if mark["source"] == LabelSource.ACCEPTED}
    marks = SliceLabel.objects.filter(finding__read=read, finding__vertebra=vertebra, source=LabelSource.ACCEPTED)
    if not accepted or accepted <= set(marks.values_list("slice", "value")):
        return True
    once = LabelOperation.objects.filter(read__in=versions_of(read), verb="accept", payload__vertebra=vertebra)
    known = {said for payload in once.values_list("payload", flat=True) for said in payload["slices"].items()}
    return accepted <= known | set(marks.values_list("slice", "value"))
