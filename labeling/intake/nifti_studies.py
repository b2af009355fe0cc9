"""NIfTI files become studies: which files are NIfTI, and which mask is named like which CT."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from labeling.imaging.acquisition import Acquisition
from labeling.imaging.choice import Candidate
from labeling.imaging.nifti import read_ct
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap, Volume, canonical, canonical_labels
from labeling.intake import frames
from labeling.intake.arrivals import Arrival, Facts, Person, Study
from labeling.intake.quarantine import Source

__all__ = ["anonymous_sentence", "is_nifti", "label_facts", "name_stem", "nifti_study", "same_stem"]

_MAGICS = (b"n+1", b"n+2", b"ni1", b"ni2")
_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
#: Parts of a file name that say what a file is and not whose.
_KINDS = """
    ct cta img image images volume vol scan orig msk mask masks seg segmentation label labels lbl vert verts vertebra
    vertebrae verse subreg subregion iso gt truth
"""
_KIND_WORDS = frozenset(_KINDS.split())


def is_nifti(source: Source) -> bool:
    """Whether a file is NIfTI by its content, or was meant to be: named .nii, or compressed and cut short."""
    with source.path.open("rb") as plain:
        head = plain.read(552)
    named = bool(_SUFFIX.search(source.name))
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(source.path) as file:
                head = file.read(552)
        except (EOFError, OSError, zlib.error):
            return named
    if len(head) < 348:
        return named and len(head) > 0
    sizes = {struct.unpack(f"{order}i", head[:4])[0] for order in "<>"}
    return bool(sizes & {348, 540}) and (head[344:347] in _MAGICS or head[4:7] in _MAGICS or named)


def name_stem(name: str) -> tuple[str, ...]:
    """What of a file name says whose it is: "sub-07/sub-07_seg-vert_msk.nii.gz" gives ("sub", "07").

    A file called only by its kind ("ct.nii.gz") goes by the name of its folder.
    """
    path = PurePosixPath(name)
    for part in (_SUFFIX.sub("", path.name), path.parent.name):
        words = [word for word in re.split(r"[^a-z0-9]+", part.lower()) if word]
        own = tuple(word for word in words if word not in _KIND_WORDS)
        if own:
            return own
    return ()


def anonymous_sentence(refusal: Refusal, path: Path) -> Refusal:
    """The refusal without the name that the file has on disk."""
    sentence = refusal.sentence.replace(path.name, "The file")
    return Refusal(refusal.code, sentence[:1].upper() + sentence[1:])


def nifti_study(
    source: Source, relative: str, pseudonymizer: Pseudonymizer, *, named_patient: str, origin: str
) -> Study:
    """Read one CT file as a study of one series, known again by its voxels, in whatever orientation they are stored.

    Raises
    ------
    Refusal
        as `nifti.read_ct`, with a sentence that does not name the file.
    """
    try:
        volume = canonical(read_ct(source.path))
    except Refusal as refusal:
        raise anonymous_sentence(refusal, source.path) from None
    volume = Volume(volume.geometry, np.ascontiguousarray(volume.array), volume.slope, volume.intercept)
    digest = frames.digest(volume, frames.frame_hashes(volume))
    count, rows, columns = volume.geometry.shape
    between, row_spacing, column_spacing = volume.geometry.spacing.tolist()
    arrival = Arrival(
        series_uid=pseudonymizer.derived_uid("nifti-series", digest),
        facts=Facts(
            images=count, rows=rows, columns=columns, spacing=(column_spacing, row_spacing, between), orientation=""
        ),
        files=[relative],
        read=lambda: volume,
        acquisition=partial(Acquisition, rows=rows, columns=columns),
        sop_uids=[pseudonymizer.derived_uid("nifti-frame", digest, k) for k in range(count)],
        frame_of_reference=pseudonymizer.derived_uid("nifti-frame-of-reference", digest),
        candidate=Candidate(volume.geometry, (), sliced=False),
    )
    return Study(
        person=_person(digest, pseudonymizer, named_patient),
        study_uid=pseudonymizer.derived_uid("nifti-study", digest),
        study_date=None,
        age=None,
        origin=origin,
        series=[arrival],
        identity={"file": source.name},
    )


def _person(digest: str, pseudonymizer: Pseudonymizer, named_patient: str) -> Person:
    if named_patient:
        return Person(pseudonymizer.patient(named_patient), "", {"patient_id": named_patient, "issuer": ""})
    return Person(pseudonymizer.patient_of_study(digest), "", {"patient_id": "", "issuer": f"voxels {digest}"})


def label_facts(labels: LabelMap | None) -> dict[str, Any]:
    """Columns of the `Series` row of a mask."""
    facts: dict[str, Any] = {"modality": "SEG", "words": "mask", "images": 1}
    if labels is not None:
        geometry = canonical_labels(labels).geometry
        between, row_spacing, column_spacing = geometry.spacing.tolist()
        facts |= {
            "images": geometry.shape[0],
            "rows": geometry.shape[1],
            "columns": geometry.shape[2],
            "spacing": [column_spacing, row_spacing, between],
        }
    return facts


def same_stem(name: str, others: Sequence[str]) -> list[int]:
    """Places of the names that say the same owner as `name`."""
    stem = name_stem(name)
    return [place for place, other in enumerate(others) if stem and name_stem(other) == stem]
