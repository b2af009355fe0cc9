"""Two members at the same moment, on two machines: real connections, real locks."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from labeling.models import LabelOperation, Read, Reference, Settlement, Settles
from labeling.reading.consensus.opening import Choice, Locked, lock_consensus, settle
from labeling.reading.labels import Conflict, replay
from labeling.reading.projection import load_state
from labeling.reading.refusals import OperationRefused, ReadLocked
from labeling.reading.reopening import reopen
from tests.reading.sittings import a_sitting, settle_all
from tests.reading.test_two_writers import at_once

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = {"T12": "A1", "L1": "A1"}
SECOND = {"L1": "A3"}


def test_two_members_who_open_at_once_get_the_same_consensus() -> None:
    for _ in range(3):
        sitting = a_sitting(FIRST, SECOND)
        results = at_once(*(partial(sitting.open, user) for user in sitting.seniors))
        assert {result.pk for result in results if isinstance(result, Read)} == {results[0].pk}
        assert Read.objects.filter(round=sitting.round).count() == 1
        assert Settles.objects.filter(consensus=results[0]).count() == 2


def test_of_two_members_who_settle_at_once_one_writes_and_the_other_is_told() -> None:
    sitting = a_sitting(FIRST, SECOND)
    consensus = sitting.open()
    base = consensus.seq
    choices = [Choice(sitting.vertebra("L1"), took, "limbus", "unknown") for took in "ab"]

    results = at_once(
        *(
            partial(settle, user, consensus.pk, uuid=uuid4(), base_seq=base, choice=choice)
            for user, choice in zip(sitting.seniors, choices, strict=True)
        )
    )
    written = [result for result in results if isinstance(result, Read)]
    assert [type(result) for result in results if not isinstance(result, Read)] == [Conflict]
    assert written[0].seq == base + 1 == LabelOperation.objects.filter(read=consensus).count()
    winner = choices[results.index(written[0])]
    assert Settlement.objects.get(consensus=consensus).took == winner.took
    assert load_state(consensus)[0] == replay(written[0])


def test_of_two_who_lock_at_once_one_sets_the_truth() -> None:
    sitting = a_sitting(FIRST, SECOND)
    consensus = settle_all(sitting, sitting.open())
    results = at_once(
        *(lambda user=user: lock_consensus(user, consensus.pk, base_seq=consensus.seq) for user in sitting.seniors)
    )
    assert sorted(type(result) for result in results if not isinstance(result, Locked)) == [ReadLocked]
    assert Reference.objects.filter(case=sitting.case).count() == 1


def test_a_read_is_opened_again_or_settled_but_never_both() -> None:
    for _ in range(5):
        sitting = a_sitting(FIRST, SECOND)
        read = sitting.reads[0]
        opened, again = at_once(
            sitting.open, partial(reopen, read_id=read.pk, reader=read.reader, reason="a slice forgotten")
        )
        refused = [one.code for one in (opened, again) if isinstance(one, OperationRefused)]
        assert refused in (["later_version_open"], ["consensus_begun"]), (opened, again)
        draft = Read.objects.filter(supersedes=read).exists()
        assert draft != Settles.objects.filter(read=read).exists()
