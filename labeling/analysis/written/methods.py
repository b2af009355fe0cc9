"""Methods text in plain scientific English, out of the record: cases, rounds and their rules, reference, models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth.models import User

from labeling.analysis.columns import REFERENCE, reads_of
from labeling.analysis.scope import Scope
from labeling.analysis.written.asking import Answers
from labeling.analysis.written.pieces import Address, Block, Cell, Table, Text
from labeling.cohort.splitting import draws
from labeling.models import (
    Anatomy,
    Assignment,
    Dataset,
    ExclusionReason,
    ModelVersion,
    Participant,
    Read,
    Reader,
    ReaderKind,
    Round,
    RoundKind,
    SegmentationCause,
    Settlement,
)
from labeling.reading.owing import cases_before_models
from labeling.reading.rules import Rules

__all__ = ["case_blocks", "model_blocks", "reading_blocks", "reference_blocks"]

_NUMERALS: Final = ("i", "ii", "iii", "iv", "v")
_REPORT = {
    "shown": "report shown",
    "after_lock": "report shown after the own lock",
    "hidden": "report hidden",
}
_MODEL = {
    "shown": "model shown first",
    "after_lock": "model shown after the own lock",
    "never": "model hidden until the reference was locked",
}
_OUTLINES = {"shown": "mask outlines shown", "hidden": "mask outlines hidden at first look"}
_ANATOMY = {"editable": "anatomy could be corrected", "pinned": "anatomy fixed"}
_KINDS = {
    ReaderKind.PANEL: "by consensus of a panel",
    ReaderKind.PERSON: "by the read of one person",
    ReaderKind.REPORT: "by the clinical report",
    ReaderKind.MODEL: "by a model",
}


def case_blocks(scope: Scope) -> list[Block]:
    """How cases were found, left out, and split."""
    criteria = [str(reason.label) for reason in ExclusionReason if reason.value and reason != "segmentation"]
    excluded = "; ".join(f"({number}) {words}" for number, words in zip(_NUMERALS, criteria, strict=True))
    causes = ", ".join(str(cause.label) for cause in SegmentationCause if cause.value and cause.value != "other")
    blocks: list[Block] = [
        Text(
            "Reports are searched by rules, in German, English and French, for a mention of a vertebral body fracture; "
            "a person reads the matching sentence and confirms each candidate. Cases may also come without a report or "
            "be chosen by a person. A known old fracture counts as a fracture.",
            "Finding cases.",
        ),
        Text(
            f"Cases are excluded for {excluded}; and later where segmentation is impossible ({causes}). Each exclusion "
            "is coded and its history kept. Excluded cases are in no number of this report.",
            "Exclusion.",
        ),
        Text(
            "Identifiers are replaced by pseudonyms as images arrive; names of patients, accession numbers and texts "
            "of reports are not in this report.",
            "De-identification.",
        ),
    ]
    drawn = list(draws())
    if drawn:
        last = drawn[0]
        strata = ", stratified by whether a case of the patient has a fracture" if last.stratified else ""
        words = (
            f"Patients, not cases, were assigned to splits by a keyed hash of their pseudonym{strata}: a share of "
            f"{last.test_share:.0%} for test, and {last.validation_share:.0%} of the others for validation "
            f"({len(drawn)} draw{'' if len(drawn) == 1 else 's'}, the last on {last.at:%Y-%m-%d}). No patient is in "
            "two splits."
        )
    else:
        words = (
            "Splits hold whole patients, so no patient is in two of them. No split was drawn here: where cases have "
            "one, it was set by hand or came with them, and how is not known to Sagittal."
        )
    return [*blocks, Text(words, "Split.")]


def _rounds(user: User, scope: Scope) -> list[Round]:
    of_assignments = Assignment.objects.filter(case__in=scope.cases).values("round")
    of_reads = Read.objects.filter(case__in=scope.cases, round__isnull=False).values("round")
    found = Round.objects.filter(pk__in=of_assignments) | Round.objects.filter(pk__in=of_reads)
    return list(found.select_related("follows").order_by("created_at", "pk"))


def reading_blocks(user: User, scope: Scope) -> list[Block]:
    """Who read what under which rules: a row a round."""
    rounds = _rounds(user, scope)
    if not rounds:
        return [Text("No round of reading holds any of these cases.")]
    closed = set(cases_before_models(user).values_list("pk", flat=True))
    told = [pk for pk in scope.cases if pk not in closed]
    blocks: list[Block] = [
        Text(
            "Readers worked in rounds whose rules the server held: an opinion that a rule hid from a reader was not "
            "sent to their screen before they had locked their own read. A locked read never changes; reopening one "
            "makes a new version, and both are kept. Each showing of another's opinion was written down as an exposure."
        )
    ]
    rows = tuple(_round_row(round_, told) for round_ in rounds)
    notes = []
    if closed & set(scope.cases):
        n = len(closed & set(scope.cases))
        notes.append(
            f"{n:,} case{'' if n == 1 else 's'} still closed to the person who made this report are not counted."
        )
    notes.append(
        "Order of cases: drawn with the seed of the round. The protocol record of a round has who saw what, when."
    )
    head = ("Round", "Cases and readers", "What readers saw", "Order, wash-out, exceptions")
    blocks.append(
        Table("Rounds of reading", head, rows, (1.2, 1.2, 1.8, 1.8), tuple(notes), numbered=False, words=True)
    )
    return blocks


def _round_row(round_: Round, cases: Sequence[int]) -> tuple[Cell, ...]:
    assigned = Assignment.objects.filter(round=round_, case__in=cases)
    locked = Read.objects.filter(round=round_, case__in=cases, state="locked")
    n = len(set(assigned.values_list("case", flat=True)) | set(locked.values_list("case", flat=True)))
    readers = set(assigned.filter(reader__isnull=False).values_list("reader", flat=True))
    readers |= set(locked.values_list("reader", flat=True))
    pairs = len(set(locked.values_list("case", "reader")))
    names = ", ".join(
        sorted(str(one) for one in Reader.objects.filter(pk__in=readers).select_related("user", "model_version"))
    )
    to = Address("round-protocol", args=(round_.pk,))
    return (
        Cell(round_.name, f"{round_.get_kind_display().lower()}, {round_.state}", to),
        Cell(f"{n:,} case{'' if n == 1 else 's'}, {pairs:,} locked read{'' if pairs == 1 else 's'}", names, to),
        Cell(_seen(round_)),
        Cell(_how(round_, assigned)),
    )


def _seen(round_: Round) -> str:
    if round_.imported:
        return "Reads were brought in from a spreadsheet: what their readers saw is not known."
    rules = Rules.parse(round_.rules)
    words = [
        f"unit: {rules.unit}",
        _REPORT[rules.report],
        _MODEL[rules.model],
        _OUTLINES[rules.outlines],
        _ANATOMY[rules.anatomy],
    ]
    if rules.model == "shown":
        words.append(f"model hidden by draw in {rules.model_hidden_share:.0%} of the cases")
    return "; ".join(words).capitalize() + "."


def _how(round_: Round, assigned: Any) -> str:
    if round_.imported:
        return "Not known."
    rules = Rules.parse(round_.rules)
    required = "the panel" if round_.kind == RoundKind.CONSENSUS else f"{rules.required_reads} required"
    words = [f"seed {round_.seed}", f"reads of a case: {required}"]
    if round_.follows is not None:
        words.append(f"follows {round_.follows.name}")
    words.append(f"wash-out {rules.washout_days} days" if rules.washout_days else "no wash-out")
    if rules.second_reader_share:
        words.append(f"{rules.second_reader_share:.0%} drawn for a second reader")
    earlier = assigned.exclude(washout_override="").count()
    exposed = assigned.exclude(exposure_override="").count()
    skipped = assigned.filter(state="skipped").count()
    words += [f"wash-out shortened for {earlier:,} by the lead"] if earlier else []
    words += [f"{exposed:,} assigned despite an earlier exposure, with a reason"] if exposed else []
    words += [f"{skipped:,} skipped"] if skipped else []
    return "; ".join(words).capitalize() + "."


def reference_blocks(user: User, scope: Scope) -> list[Block]:
    """What the truth is, by whom, and how differences were settled."""
    truths = reads_of(user, scope.cases).get(REFERENCE, {})
    if not truths:
        return [Text("None of these cases has a reference yet.")]
    kinds = Counter(Read.objects.filter(pk__in=truths.values()).values_list("reader__kind", flat=True))
    made = ", ".join(f"{n:,} {_KINDS[ReaderKind(kind)]}" for kind, n in sorted(kinds.items()))
    without = len(scope.cases) - len(truths)
    blocks: list[Block] = [
        Text(
            f"The reference is one locked read per case. {len(truths):,} of {len(scope.cases):,} cases have one: "
            f"{made}. " + (f"The other {without:,} are in no comparison with the reference." if without else "")
        )
    ]
    open_cases = [case for case in truths if case not in set(cases_before_models(user).values_list("pk", flat=True))]
    reads = [truths[case] for case in open_cases]
    settled = Settlement.objects.filter(consensus__in=reads)
    present = Participant.objects.filter(consensus__in=reads).values("consensus").distinct().count()
    if kinds.get(ReaderKind.PANEL):
        n = settled.count()
        vertebrae = f"{n:,} vertebra{'' if n == 1 else 'e'}" if n else "no vertebra so far"
        words = (
            f"A panel saw the reads as letters, not names, and settled those on which they differed ({vertebrae}), "
            "each with a coded reason; what the reads agreed on was taken over. Who was present is recorded for "
            f"{present:,} of these cases. {_washouts(reads)}"
        )
        blocks.append(Text(words.strip(), "Consensus."))
    return blocks


def _washouts(reads: Sequence[int]) -> str:
    rounds = Round.objects.filter(reads__in=reads, imported=False).distinct()
    days = sorted({Rules.parse(one.rules).washout_days for one in rounds})
    if not days:
        return ""
    told = " or ".join(str(one) for one in days)
    return f"The rule asked for {told} days between the last required lock and the consensus."


def model_blocks(answers: Answers) -> list[Block]:
    """Models that read or segmented these cases, and the frozen datasets they were trained on."""
    cases = answers.scope.cases
    readers = [int(column.key[1:]) for column in answers.columns if column.kind == "model"]
    read = set(Reader.objects.filter(pk__in=readers).values_list("model_version", flat=True))
    authors = Anatomy.objects.filter(case__in=cases, author__model_version__isnull=False)
    made = set(authors.values_list("author__model_version", flat=True))
    found = list(
        ModelVersion.objects.filter(pk__in={*read, *made} - {None}).select_related("dataset", "parent").order_by("pk")
    )
    if not found:
        return [Text("No model has read or segmented these cases.")]
    marked = {column.label: column.incorporated for column in answers.columns if column.kind == "model"}
    rows = tuple(_model_row(version, marked.get(version.name, "")) for version in found)
    head = ("Model", "SHA-256 of its files", "Training set and its SHA-256", "Recipe")
    table = Table("Models", head, rows, (1.0, 1.25, 1.25, 1.5), numbered=False, words=True, to=Address("models"))
    return [table, *_datasets(found)]


def _model_row(version: ModelVersion, incorporated: str) -> tuple[Cell, ...]:
    to = Address("model", args=(version.pk,))
    kind = version.get_kind_display()
    dataset = version.dataset
    return (
        Cell(version.name, ", ".join(filter(None, (kind, f"registered {version.created_at:%Y-%m-%d}"))), to),
        Cell(_broken(version.sha256)),
        Cell(dataset.name, _broken(dataset.sha256)) if dataset else Cell("Not known to Sagittal", incorporated),
        Cell(_recipe(version.recipe), f"began with {version.parent.name}" if version.parent else ""),
    )


def _datasets(versions: Sequence[ModelVersion]) -> list[Block]:
    keys = {version.dataset_id for version in versions if version.dataset_id}
    found = Dataset.objects.filter(pk__in=keys).order_by("pk")
    if not found:
        return [Text("None of these models was trained on a dataset that was frozen here.", "Frozen datasets.")]
    rows = tuple(
        (
            Cell(one.name, one.purpose),
            Cell(f"{one.patients.count():,}"),
            Cell(f"{one.created_at:%Y-%m-%d}"),
            Cell(_broken(one.sha256)),
        )
        for one in found
    )
    head = ("Frozen dataset", "Patients", "Frozen", "SHA-256 of its manifest")
    return [Table("Frozen datasets", head, rows, (1.4, 0.6, 0.8, 2.2), numbered=False, words=True)]


def _broken(sha256: str) -> str:
    """In groups of eight, so that it breaks into lines."""
    return " ".join(sha256[start : start + 8] for start in range(0, len(sha256), 8))


def _recipe(recipe: dict[str, Any]) -> str:
    """The plain values of a recipe, as many as fit a cell."""
    plain = [(name, value) for name, value in sorted(recipe.items()) if isinstance(value, str | int | float)]
    told = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in plain[:12])
    return told[:300] or "Not known to Sagittal"
