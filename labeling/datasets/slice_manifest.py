"""The text of a slice set: a line on how slices are cut, then a line of JSON for each slice, and its SHA-256 its name.

Nothing in it hangs on this database: the same record gives the same text on any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SliceRecipe
from labeling.intake.frames import media_path
from labeling.models import Dataset, Patient, Split

__all__ = ["SliceRow", "manifest_rows", "manifest_text", "refuse_unless_training"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice of a set, as the manifest has it.

    case, patient, stack
        Pseudonymous Study Instance UID, pseudonym, Series Instance UID of the stack.
    anatomy, vertebra
        Number of the version of the case's anatomy, and the vertebra's place in it from head to feet, from 1.
    k, pixels
        The slice in its stack, and the SHA-256 of its stored values.
    labels
        SHA-256 of the label map, '' for a body that was placed by hand.
    value, first_k, last_k, box
        Of the body, see `labeling.imaging.vertebral_slices.BodyPlace`.
    label
        1 for a fracture, 0 for a negative slice.
    part
        ``training`` or ``validation``; whole patients.
    """

    sop: str
    case: str
    patient: str
    stack: str
    anatomy: int
    vertebra: int
    level: str
    k: int
    pixels: str
    labels: str
    value: int
    first_k: int
    last_k: int
    box: list[float]
    label: int
    part: str


def manifest_text(recipe: SliceRecipe, rows: Iterable[SliceRow]) -> bytes:
    """The text of a set, in canonical JSON."""
    head = {"format": FORMAT, "slices": recipe.plain(), "slices_sha256": recipe.sha256()}
    lines = [head, *(asdict(row) for row in rows)]
    return "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines).encode()


def manifest_rows(dataset: Dataset) -> tuple[SliceRecipe, list[SliceRow]]:
    """How the slices of a frozen set are cut, and its rows, checked against its hash.

    Raises
    ------
    Refusal
        ``missing-manifest`` where its file is missing or was changed, ``not-slices`` where it is a set of masks.
    """
    if "slices_sha256" not in dataset.recipe:
        raise Refusal("not-slices", f"{dataset.name} is no set of slices. Freeze slices, then train on those.")
    try:
        data = media_path(dataset.manifest).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != dataset.sha256:
        raise Refusal("missing-manifest", f"The manifest of {dataset.name} is missing or was changed. Freeze it again.")
    head, *rows = [json.loads(line) for line in data.decode().splitlines()]
    return SliceRecipe.read(head["slices"]), [SliceRow(**row) for row in rows]


def refuse_unless_training(rows: Iterable[SliceRow]) -> None:
    """Raises ``test-patient`` where a patient of a set is not of the training split, or not here any more.

    A trigger keeps others out as a set is frozen; what was moved since, it cannot know.
    """
    named = {row.patient for row in rows}
    fine = set(Patient.objects.filter(pseudonym__in=named, split=Split.TRAINING).values_list("pseudonym", flat=True))
    others = sorted(named - fine)
    if others:
        raise Refusal(
            "test-patient",
            f"The set names {others[0]}, who is not in the training split. Nothing is trained on such patients: freeze "
            "the slices again.",
        )
