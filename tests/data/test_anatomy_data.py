"""Bodies placed by a click on the sample data, against the extents that a mask gives them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from django.db import transaction

from labeling.anatomy.bodies import bodies_only
from labeling.anatomy.boxes import box_at, extent_of, spine_axes
from labeling.anatomy.placing import Placed
from labeling.intake.frames import stack_geometry
from labeling.intake.label_maps import label_map
from labeling.models import Anatomy, Case
from labeling.reading.anatomies import Proposal, make_version
from tests import factories
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = pytest.mark.django_db

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat

#: Slices at each end by which a body of usual size may differ from what the mask holds.
TOLERANCE = 2


def by_level(anatomy: Anatomy) -> dict[str, int]:
    return dict(anatomy.vertebrae.values_list("level", "vertebra"))


def clicked(mask: Anatomy) -> tuple[Placed, ...]:
    """Each complete vertebra of a mask as a reader would place it who clicks on the middle of its body."""
    geometry = stack_geometry(mask.stack)
    bodies = bodies_only(label_map(mask), geometry)
    rows = [row for row in mask.vertebrae.all() if not row.cut]
    points = [geometry.to_patient(np.argwhere(bodies == row.label_value).mean(axis=0)) for row in rows]
    placed = []
    for row, point, axis in zip(rows, points, spine_axes(points), strict=True):
        box = box_at(point, row.level, axis=axis)
        first, last = extent_of(box, geometry)
        placed.append(Placed(None, row.level, "assumed", first, last, box, False, "", "missing", "by_hand"))
    return tuple(placed)


@pytest.mark.parametrize(
    ("ct", "mask", "levels"),
    [
        ("ts_example_ct", "ts_example_vert_verse", ["L1", "L2", "L3", "L4", "L5"]),
        ("tptbox_L3_ct", "tptbox_L3_vert_msk", ["L3"]),
    ],
)
def test_bodies_placed_by_a_click_cross_the_slices_of_the_mask(
    deliver: intake.Deliver, ct: str, mask: str, levels: list[str]
) -> None:
    paths = [DATA / f"{name}.nii.gz" for name in (ct, mask)]
    assert all(path.is_file() for path in paths), "The sample data are missing."
    deliver(*paths)
    case = Case.objects.get()
    before = case.anatomies.get()
    made = make_version(
        user=factories.make_user("lead"), case=case, proposal=Proposal(before.pk, clicked(before), confirm=True)
    )
    after = Anatomy.objects.get(pk=made.anatomy)
    truth = {row.level: row for row in before.vertebrae.all()}
    assert [row.level for row in after.vertebrae.all()] == levels
    for row in after.vertebrae.all():
        there = truth[row.level]
        difference = (row.first_k - there.first_k, row.last_k - there.last_k)
        assert max(map(abs, difference)) <= TOLERANCE, (row.level, difference)
        x0, x1, y0, y1, z0, z1 = row.box
        a0, a1, b0, b1, c0, c1 = there.box
        # Most of the body that the mask holds lies inside.
        shared = (min(x1, a1) - max(x0, a0)) * (min(y1, b1) - max(y0, b0)) * (min(z1, c1) - max(z0, c0))
        assert shared / ((a1 - a0) * (b1 - b0) * (c1 - c0)) > 0.6, row.level


def test_a_mask_that_comes_after_the_clicks_is_of_the_same_vertebrae(deliver: intake.Deliver) -> None:
    ct, mask = DATA / "ts_example_ct.nii.gz", DATA / "ts_example_vert_verse.nii.gz"
    deliver(ct)
    case, lead = Case.objects.get(), factories.make_user("lead")
    # Where the bodies lie is the mask's, brought in for another case and thrown away with it.
    with transaction.atomic():
        deliver(mask, case=case)
        proposal = clicked(case.anatomies.get())
        transaction.set_rollback(True)
    made = make_version(user=lead, case=case, proposal=Proposal(None, proposal))
    by_hand = by_level(Anatomy.objects.get(pk=made.anatomy))
    deliver(mask, case=case)
    after = by_level(case.anatomies.get(n=2))
    assert {level: after[level] for level in by_hand} == by_hand
    assert set(after) - set(by_hand) == {"T11", "T12"}
