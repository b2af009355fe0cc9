"""The cases of a soak: a pool to read, and reads that two seniors have locked and differ on."""

from __future__ import annotations

from dataclasses import dataclass

from labeling.models import Assignment, Case, Finding, Read, Reader, ReaderKind, Round, RoundKind
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import put_into_pool
from labeling.reading.washout import refresh
from tests import factories
from tests.bench.installation import Account, make_account

LEVELS = ("L1", "L2", "L3", "L4", "L5")
#: Vertebrae of each case on which the two reads differ.
DIFFER = ("L1", "L3", "L5")


@dataclass(frozen=True)
class Work:
    """Who works on what."""

    readers: list[Account]
    adjudicators: list[Account]
    pool: Round
    panel: Round
    cases: list[Case]


def fill(readers: int, adjudicators: int, pooled: int, disputed: int) -> Work:
    """A pool of `pooled` cases read by the vertebra, and `disputed` cases whose consensus can begin."""
    by_vertebra = {"unit": "vertebra", "second_reader_share": 0.0, "model": "never"}
    pool = factories.make_round(RoundKind.LABELLING, rules=by_vertebra, name="Soak, pool")
    for _ in range(pooled):
        case = factories.make_case()
        factories.make_anatomy(case, LEVELS)
        put_into_pool(pool, case)
    accounts = [make_account("senior") for _ in range(adjudicators)]
    round_ = factories.make_round(RoundKind.INDEPENDENT, name="Soak, independent")
    panel = factories.make_round(
        RoundKind.CONSENSUS,
        rules={"washout_days": 0},
        name="Soak, consensus",
        follows=round_,
        panel=Reader.objects.create(kind=ReaderKind.PANEL, label="Panel of Soak, consensus"),
    )
    cases = [_disputed(round_, panel, accounts) for _ in range(disputed)]
    return Work([make_account("resident") for _ in range(readers)], accounts, pool, panel, cases)


def _disputed(round_: Round, panel: Round, accounts: list[Account]) -> Case:
    from django.contrib.auth.models import User

    case = factories.make_case()
    anatomy = factories.make_anatomy(case, LEVELS)
    for says_fracture in (True, False):
        read = factories.make_read(case, round=round_, reader=factories.make_reader(Role.SENIOR), anatomy=anatomy)
        for body in anatomy.vertebrae.all():
            fracture = says_fracture and body.level in DIFFER
            verdict = {"verdict": "fracture", "ao_body": "A1"} if fracture else {"verdict": "negative"}
            Finding.objects.create(read=read, vertebra=body.vertebra, **verdict)
        factories.lock_plainly(read)
    for account in accounts:
        reader = reader_of(User.objects.get(username=account.name))
        Assignment.objects.create(round=panel, case=case, reader=reader, position=factories.number())
    refresh(panel, case)
    return case


def reads_of(round_: Round) -> list[Read]:
    """The reads of a round, oldest first."""
    return list(Read.objects.filter(round=round_).select_related("round", "reader").order_by("pk"))
