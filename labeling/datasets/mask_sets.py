"""Mask sets: which masks of training patients a segmentation is trained on, frozen under a hash.

A mask counts once it can be trusted to be whole: every vertebra in it segmented, none ticked wrong or missing, and not
a model's own guess that nobody has confirmed. Of a case it is the newest confirmed anatomy, else the newest that no
model made: a guess that came later does not take a mask away from a training.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from labeling.anatomy.levels import SACRUM
from labeling.datasets.freezing import store_training_set
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import media_path, write_named
from labeling.intake.label_maps import Labels, label_map, labels_sha256
from labeling.jobs import queue
from labeling.models import (
    Anatomy,
    Case,
    CaseOrigin,
    CohortState,
    Dataset,
    Job,
    ReaderKind,
    Split,
)

__all__ = ["TARGETS", "LeftOut", "MaskRow", "freeze_masks", "manifest_rows", "mask_cases", "train_segmentation"]

TARGETS = ("bodies", "vertebrae", "verse")
"""Bodies alone, whole vertebrae, or whole vertebrae with their names."""

VALIDATION_SHARE = 0.2
"""Of the patients, kept back from the training to see how it goes; one at least."""


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One mask of a set, as the manifest has it; nothing of it hangs on this database but its number of version.

    case, patient
        Pseudonymous Study Instance UID, and pseudonym.
    stack
        Series Instance UID of the stack.
    anatomy
        Number of the version of the case's anatomy.
    pixels, labels
        Digests of the stack's source and of the label map.
    levels
        Value in the label map → level, '' where it has none.
    confirmed
        Whether a person has checked it.
    part
        ``train`` or ``val``; whole patients.
    """

    case: str
    patient: str
    stack: str
    anatomy: int
    pixels: str
    labels: str
    levels: dict[str, str]
    sacrum: bool
    confirmed: bool
    part: str


@dataclass(slots=True)
class LeftOut:
    """How many masks were left out, by reason."""

    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


def mask_cases(split: str = Split.TRAINING, left_out: LeftOut | None = None, named: bool = False) -> list[Anatomy]:
    """The anatomies of a split whose masks can be trained on, by pseudonym and case.

    Parameters
    ----------
    left_out
        Is told why others cannot.
    named
        Every vertebra must have a name.
    """
    cases = (
        Case.objects.filter(patient__split=split, reading_stack__isnull=False)
        .exclude(cohort_state=CohortState.EXCLUDED)
        .select_related("patient", "reading_stack")
        .order_by("patient__pseudonym", "number")
    )
    found = []
    for case in cases:
        anatomy = _most_trusted(case)
        reason = "no anatomy" if anatomy is None else _why_not(anatomy, named)
        if anatomy is not None and not reason:
            found.append(anatomy)
        elif left_out is not None:
            left_out.add(reason)
    return found


def _most_trusted(case: Case) -> Anatomy | None:
    anatomies = Anatomy.objects.filter(case=case, stack=case.reading_stack).order_by("-n")
    by_people = anatomies.exclude(label_map__in=_guessed_maps(case))
    return anatomies.filter(confirmed_at__isnull=False).first() or by_people.first() or anatomies.first()


def _guessed_maps(case: Case) -> list[str]:
    """The label maps that models made: a person who moves a name takes the map over as it is."""
    guesses = Anatomy.objects.filter(case=case, author__kind=ReaderKind.MODEL).exclude(label_map="")
    return list(guesses.values_list("label_map", flat=True))


def _why_not(anatomy: Anatomy, named: bool) -> str:
    rows = list(anatomy.vertebrae.all())
    if not anatomy.label_map:
        return "no mask"
    if anatomy.confirmed_at is None and anatomy.label_map in _guessed_maps(anatomy.case):
        return "made by a model and not checked"
    if any(row.mask_ok in ("no", "missing") for row in rows):
        return "a mask is ticked wrong or missing"
    if any(not row.label_value for row in rows):
        return "a vertebra is placed by hand and has no mask"
    if named and any(not row.level for row in rows):
        return "a vertebra has no name"
    return ""


def freeze_masks(name: str, by: User | None, target: str = "bodies") -> Dataset:
    """Freeze the masks of the training patients as a set; the same masks again are the same set, whatever its name.

    Raises
    ------
    Refusal
        ``bad-target``, ``name-taken``, ``too-few-masks`` with why masks were left out, ``missing-label-map``.
    """
    if target not in TARGETS:
        raise Refusal("bad-target", f"There is no target {target!r}. There are {', '.join(TARGETS)}.")
    left_out = LeftOut()
    anatomies = mask_cases(Split.TRAINING, left_out, named=target == "verse")
    patients = sorted({anatomy.case.patient.pseudonym for anatomy in anatomies})
    if len(patients) < 2:
        raise Refusal("too-few-masks", _too_few(len(patients), left_out))
    kept_back = _kept_back(patients)
    rows = [_row(anatomy, kept_back) for anatomy in anatomies]
    recipe = {
        "masks": target,
        "sacrum": _has_sacrum(rows),
        "cases": len(rows),
        "patients": len(patients),
        "validation_patients": len(kept_back),
        "simulated": all(anatomy.case.origin == CaseOrigin.SIMULATED for anatomy in anatomies),
        "left_out": left_out.reasons,
    }
    head = {"masks": target, "sacrum": recipe["sacrum"]}
    text = "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in [head, *(asdict(row) for row in rows)])
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    # Also where there is such a set already: freezing again brings its file back.
    manifest = write_named(f"datasets/{sha256}.jsonl", text.encode())
    before = Dataset.objects.filter(sha256=sha256).first()
    if before is not None:
        return before
    return store_training_set(
        name,
        by,
        what="masks",
        sha256=sha256,
        manifest=manifest,
        recipe=recipe,
        patients=[anatomy.case.patient for anatomy in anatomies],
        kept_back=kept_back,
    )


def _too_few(patients: int, left_out: LeftOut) -> str:
    words = {0: "There are no masks of training patients", 1: "There are masks of one training patient only"}
    why = "; ".join(f"{reason}: {count}" for reason, count in sorted(left_out.reasons.items()))
    aside = f" Left out: {why}." if why else ""
    return f"{words[patients]}, and two patients are needed: one to validate on.{aside} Put patients into training."


def _kept_back(pseudonyms: Sequence[str]) -> set[str]:
    """The patients to validate on: a fifth, by a hash of the pseudonym, so that further patients move few of them."""
    ordered = sorted(pseudonyms, key=lambda pseudonym: hashlib.sha256(pseudonym.encode()).hexdigest())
    return set(ordered[: max(1, math.floor(VALIDATION_SHARE * len(ordered)))])


def _row(anatomy: Anatomy, kept_back: set[str]) -> MaskRow:
    labels = label_map(anatomy)
    return MaskRow(
        case=anatomy.case.study_uid,
        patient=anatomy.case.patient.pseudonym,
        stack=anatomy.stack.series_uid,
        anatomy=anatomy.n,
        pixels=anatomy.stack.source_digest,
        labels=labels_sha256(labels),
        levels={str(row.label_value): row.level for row in anatomy.vertebrae.all()},
        sacrum=_shows_sacrum(labels),
        confirmed=anatomy.confirmed_at is not None,
        part="val" if anatomy.case.patient.pseudonym in kept_back else "train",
    )


def _shows_sacrum(labels: Labels) -> bool:
    return bool((labels == SACRUM).any())


def _has_sacrum(rows: Iterable[MaskRow]) -> bool:
    """Whether the sacrum can be a class: a mask with L5 and no sacrum would teach that there is none."""
    shown = [row.sacrum for row in rows]
    silent = [row for row in rows if not row.sacrum and {"L5", "L6"} & set(row.levels.values())]
    return any(shown) and not silent


def manifest_rows(dataset: Dataset) -> tuple[dict[str, Any], list[MaskRow]]:
    """The head and the rows of a frozen mask set, checked against its hash.

    Raises
    ------
    Refusal
        ``missing-manifest`` where its file is missing or was changed, ``not-masks`` where it is a set of labels.
    """
    if dataset.recipe.get("masks") not in TARGETS:
        raise Refusal("not-masks", f"{dataset.name} is no set of masks. Freeze masks, then train on those.")
    try:
        data = media_path(dataset.manifest).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != dataset.sha256:
        raise Refusal("missing-manifest", f"The manifest of {dataset.name} is missing or was changed. Freeze it again.")
    head, *rows = [json.loads(line) for line in data.decode().splitlines()]
    return head, [MaskRow(**row) for row in rows]


def train_segmentation(dataset: Dataset, training: dict[str, Any], by: User | None, name: str) -> Job:
    """Ask for a training on a mask set; the same set and settings asked for twice are one job and one model.

    Parameters
    ----------
    training
        Settings of the training, see `inference.segmentation.settings.TrainingSettings`; checked where it runs.
    name
        Of the model that comes of it.

    Raises
    ------
    Refusal
        as `manifest_rows`.
    """
    manifest_rows(dataset)
    chosen = {"device": settings.INFERENCE_DEVICE, **training}
    settings_sha = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()
    return queue.enqueue(
        f"train:{dataset.sha256[:16]}:{settings_sha[:16]}",
        "train-segmentation",
        {"dataset": dataset.pk, "settings": chosen, "name": name.strip()[:80] or dataset.name},
        title=f"Train {name.strip() or dataset.name}"[:120],
        by=by,
    )
