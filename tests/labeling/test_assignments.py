"""What the triggers of an assignment let pass."""

import pytest

from labeling.models import Exposure, RoundKind
from tests.factories import make_assignment, make_case, make_reader, make_round

pytestmark = pytest.mark.django_db


def test_what_a_blind_reader_is_shown_after_the_assignment_does_not_freeze_it():
    """Feedback after the lock is an exposure; the assignment can still be skipped, moved or taken back."""
    reader, case = make_reader(), make_case()
    assignment = make_assignment(case, round=make_round(RoundKind.INDEPENDENT), reader=reader)
    Exposure.objects.create(reader=reader, case=case, what="truth")
    assignment.state, assignment.skip_reason = "skipped", "image"
    assignment.save()
    assignment.refresh_from_db()
    assert assignment.state == "skipped"
