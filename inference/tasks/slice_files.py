"""A frozen slice set as files: the images that a classifier is trained on, cut case by case out of the stacks."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from inference.classifier.manifest import SliceWriter
from labeling.datasets.slice_manifest import SliceRow
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SliceRecipe
from labeling.imaging.vertebral_slices import BodyPlace, VertebralSlices, vertebral_slices
from labeling.intake.classifier_inputs import prepare_stack
from labeling.intake.label_maps import Labels, label_map, labels_sha256
from labeling.jobs.queue import Lease
from labeling.models import Anatomy

__all__ = ["write_slices"]


def write_slices(
    recipe: SliceRecipe, rows: Sequence[SliceRow], folder: Path, lease: Lease | None = None, share: float = 1.0
) -> dict[str, int]:
    """Cut the slices of a set into `folder/slices`, complete or not at all; a complete one is kept.

    Parameters
    ----------
    share
        Of the whole job, done when all are cut.

    Returns
    -------
    How many vertebrae were left out because of what only the image shows (metal), by the word for it.

    Raises
    ------
    Refusal
        ``slices-changed`` where the record no longer holds what was frozen, ``missing-label-map``, ``missing-pack``,
        ``damaged-pack`` or ``damaged-frame``.
    LeaseLost
        where the job is no longer ours.
    """
    target, about = folder / "slices", folder / "left_out.json"
    before = _left_out(about) if (target / "dataset.json").is_file() else None
    left_out: Counter[str] = Counter(before)
    if before is None:
        cases = [list(of_case) for _, of_case in groupby(rows, key=lambda row: row.case)]
        with SliceWriter(target, recipe) as writer:
            for place, of_case in enumerate(cases):
                if lease is not None:
                    lease.say(f"Cutting slices: case {place + 1} of {len(cases)}", share * place / len(cases))
                for cut, vertebra in _cut(recipe, of_case, folder / "stack"):
                    if cut.why:
                        left_out[cut.why] += 1
                    else:
                        _add(writer, cut, vertebra)
            _write_left_out(about, left_out)  # before the set is complete
    return dict(left_out)


def _left_out(about: Path) -> dict[str, int] | None:
    """What was left out of a complete set; None where the power went before it lay there: the set is cut again."""
    try:
        return {str(why): int(count) for why, count in json.loads(about.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _write_left_out(about: Path, left_out: Counter[str]) -> None:
    with about.open("w") as file:
        json.dump(left_out, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def _cut(
    recipe: SliceRecipe, rows: Sequence[SliceRow], scratch: Path
) -> Iterator[tuple[VertebralSlices, list[SliceRow]]]:
    """The slices of each vertebra of a case, with its rows."""
    anatomy = _anatomy(rows)
    labels = _labels(anatomy, rows)
    shutil.rmtree(scratch, ignore_errors=True)  # a worker that died may have left another case's
    try:
        path, geometry = prepare_stack(anatomy.stack, scratch)
        vertebrae = [list(of_one) for _, of_one in groupby(rows, key=lambda row: row.vertebra)]
        try:
            found = vertebral_slices(
                np.load(path, mmap_mode="r"), geometry, [_place(one[0]) for one in vertebrae], labels, recipe
            )
        except ValueError as error:  # shapes that differ
            raise _changed() from error
        yield from zip(found, vertebrae, strict=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _anatomy(rows: Sequence[SliceRow]) -> Anatomy:
    """The anatomy that a case was frozen on, if the record holds it and the slices as they were."""
    first = rows[0]
    anatomies = Anatomy.objects.filter(case__study_uid=first.case, n=first.anatomy, stack__series_uid=first.stack)
    anatomy = anatomies.select_related("stack").first()
    if anatomy is None:
        raise _changed()
    known = {sop: rest for sop, *rest in anatomy.stack.slices.values_list("sop_uid", "k", "pixel_sha256")}
    if any(known.get(row.sop) != [row.k, row.pixels] for row in rows):
        raise _changed()
    return anatomy


def _labels(anatomy: Anatomy, rows: Sequence[SliceRow]) -> Labels | None:
    frozen = {row.labels for row in rows} - {""}
    if not frozen:
        return None
    if not anatomy.label_map:
        raise _changed()
    labels = label_map(anatomy)
    if frozen != {labels_sha256(labels)}:
        raise _changed()
    return labels


def _place(row: SliceRow) -> BodyPlace:
    x0, x1, y0, y1, z0, z1 = row.box
    return BodyPlace(row.vertebra, row.level, row.value, row.first_k, row.last_k, (x0, x1, y0, y1, z0, z1))


def _add(writer: SliceWriter, cut: VertebralSlices, rows: Sequence[SliceRow]) -> None:
    """Those of the slices that were cut whose label is known."""
    by_k = {row.k: row for row in rows}
    known = np.isin(cut.ks, list(by_k))
    if int(known.sum()) != len(by_k):
        raise _changed()
    chosen = [by_k[k] for k in cut.ks[known].tolist()]
    writer.add(
        replace(cut, ks=cut.ks[known], images=cut.images[known]),
        sop_uids=[row.sop for row in chosen],
        labels=[row.label for row in chosen],
        case=rows[0].case,
        patient=rows[0].patient,
        vertebra=str(rows[0].vertebra),
        split=rows[0].part,
    )


def _changed() -> Refusal:
    return Refusal("slices-changed", "The record no longer holds a case of this set as it was. Freeze the set again.")
