"""Looking again at what was agreed: a drawn share and what the classifier disputes, as a second, named reference."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import Difference, Finding, Read, Reader, ReaderKind, Reference, RoundKind, Settlement
from labeling.reading import washout
from labeling.reading.consensus.opening import correct, lock_consensus, open_consensus
from labeling.reading.consensus.rows import table_of
from labeling.reading.consensus.second_look import SECOND_LOOK, _is_drawn, looked_at_again
from labeling.reading.planning.making import CaseChoice, Plan, defaults_for, preview
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import Role, reader_of
from tests.factories import (
    digest,
    make_assignment,
    make_model_reader,
    make_reader,
    make_round,
    make_user,
    number,
)
from tests.reading.sittings import Sitting, a_sitting, settle_all

pytestmark = pytest.mark.django_db

#: Both call L1 a fracture and L2 negative; they differ on L3.
SAID = ({"L1": "A3", "L3": "A1"}, {"L1": "A3", "L3": "negative"})


def settled(share: float = 0.0) -> tuple[Sitting, Read]:
    """A locked consensus whose round draws this share of what was agreed."""
    sitting = a_sitting(*SAID)
    sitting.round = make_round(
        RoundKind.CONSENSUS,
        rules={"washout_days": 0, "audit_share": share},
        follows=sitting.follows,
        panel=Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {number()}"),
        seed=number(),
    )
    for user in sitting.seniors:
        make_assignment(sitting.case, round=sitting.round, reader=reader_of(user))
    washout.refresh(sitting.round, sitting.case)
    consensus = settle_all(sitting, sitting.open())
    return sitting, lock_consensus(sitting.senior, consensus.pk, base_seq=consensus.seq).consensus


def model_says(sitting: Sitting, consensus: Read, **verdicts: str) -> Read:
    """A classifier's locked read of the case, negative but for these levels."""
    read = Read.objects.create(
        case=sitting.case, reader=make_model_reader(), stack=consensus.stack, anatomy=consensus.anatomy
    )
    for body in consensus.anatomy.vertebrae.all():
        verdict = verdicts.get(body.level, "negative")
        Finding.objects.create(read=read, vertebra=body.vertebra, verdict=verdict)
    read.state, read.locked_at, read.content_sha = "locked", timezone.now(), digest("model")
    read.save(update_fields=["state", "locked_at", "content_sha"])
    return read


def second_look(sitting: Sitting) -> Sitting:
    """A round of two other seniors that looks again."""
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {number()}")
    round_ = make_round(RoundKind.CONSENSUS, rules={"washout_days": 0}, follows=sitting.round, panel=panel)
    people = [make_reader(Role.SENIOR) for _ in range(2)]
    for reader in people:
        make_assignment(sitting.case, round=round_, reader=reader)
    washout.refresh(round_, sitting.case)
    return Sitting(sitting.case, sitting.round, round_, [], [one.user for one in people if one.user is not None])


def levels_of(sitting: Sitting, keys: object) -> set[str]:
    bodies = sitting.case.anatomies.latest("n").vertebrae.all()
    return {body.level for body in bodies if body.vertebra_id in keys}  # type: ignore[operator]


def test_what_the_classifier_disputes_is_looked_at_again_and_what_was_settled_is_not() -> None:
    sitting, consensus = settled()
    # It calls the agreed fracture negative, an agreed negative a fracture, and disputes what was settled.
    model_says(sitting, consensus, L2="fracture", L3="negative")
    found = looked_at_again(consensus, timezone.now())
    assert levels_of(sitting, found) == {"L1", "L2"}


def test_a_model_that_reads_the_case_after_the_second_look_was_opened_changes_nothing() -> None:
    sitting, consensus = settled()
    opened = timezone.now()
    model_says(sitting, consensus, L2="fracture")
    assert looked_at_again(consensus, opened - timedelta(seconds=1)) == frozenset()


@pytest.mark.parametrize(("share", "expected"), [(0.0, set()), (1.0, {"T10", "T11", "T12", "L1", "L2"})])
def test_the_share_says_how_much_of_what_was_agreed_is_drawn(share: float, expected: set[str]) -> None:
    sitting, consensus = settled(share)
    assert levels_of(sitting, looked_at_again(consensus, timezone.now())) == expected


def test_a_tenth_is_drawn_in_the_long_run_and_the_same_every_time() -> None:
    drawn = [key for key in range(20_000) if _is_drawn(7, key, 0.1)]
    assert drawn == [key for key in range(20_000) if _is_drawn(7, key, 0.1)]
    assert 1_850 < len(drawn) < 2_150
    assert drawn != [key for key in range(20_000) if _is_drawn(8, key, 0.1)]


def test_it_becomes_a_second_named_reference_beside_the_first() -> None:
    sitting, consensus = settled(1.0)
    again = second_look(sitting)
    opened = again.open()
    table = table_of(opened)
    assert {asked.difference for asked in table.asked} == {Difference.AUDIT}
    assert list(table.sides) == ["A"]
    assert levels_of(sitting, table.agreed) == {"L3"}
    opened = settle_all(again, opened)
    locked = lock_consensus(again.senior, opened.pk, base_seq=opened.seq)
    assert locked.reference.target == SECOND_LOOK
    current = dict(Reference.objects.filter(case=sitting.case, current=True).values_list("target", "read"))
    assert current == {"fracture": consensus.pk, SECOND_LOOK: locked.consensus.pk}
    assert Settlement.objects.filter(consensus=locked.consensus, difference=Difference.AUDIT).count() == 5


def test_which_was_drawn_and_which_the_model_disputes_the_panel_is_not_told() -> None:
    sitting, consensus = settled(1.0)
    model_says(sitting, consensus, L2="fracture")
    asked = table_of(second_look(sitting).open()).asked
    assert len({(one.difference, one.harm, one.why, one.sops) for one in asked}) == 1


def test_nothing_is_looked_at_again_before_the_reference_is_set() -> None:
    sitting = a_sitting(*SAID)
    again = second_look(sitting)
    with pytest.raises(OperationRefused, match="locked"):
        open_consensus(again.senior, again.round.pk, sitting.case.pk)


def test_planning_a_second_look_leaves_out_what_is_not_settled_and_where_nothing_was_drawn() -> None:
    lead = make_user(Role.LEAD)
    senior = make_reader(Role.SENIOR)

    def planned(sitting: Sitting) -> tuple[int, int]:
        choice = CaseChoice(names=(sitting.case.name,))
        rules = defaults_for(RoundKind.CONSENSUS, sitting.round)
        follows = sitting.round.pk
        plan = Plan(f"Again {number()}", RoundKind.CONSENSUS, rules, choice, readers=(senior.pk,), follows=follows)
        seen = preview(plan, lead)
        return len(seen.entry), len(seen.left_out)

    drawn, _ = settled(1.0)
    nothing, _ = settled(0.0)
    assert planned(drawn) == (1, 0)
    assert planned(nothing) == (0, 1)
    assert planned(a_sitting(*SAID)) == (0, 1)


def test_both_truths_stay_open_to_correction_beside_each_other() -> None:
    sitting, consensus = settled(1.0)
    again = second_look(sitting)
    opened = settle_all(again, again.open())
    looked = lock_consensus(again.senior, opened.pk, base_seq=opened.seq)
    for seat, locked, target in ((sitting, consensus, "fracture"), (again, looked.consensus, SECOND_LOOK)):
        later = correct(seat.senior, locked.pk, "Seen on MRI.")
        reference = lock_consensus(seat.senior, later.pk, base_seq=later.seq).reference
        assert (reference.target, reference.current) == (target, True)
    assert Reference.objects.filter(case=sitting.case, current=True).count() == 2
