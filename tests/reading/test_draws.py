"""Which cases of a round keep the models hidden: drawn from its seed, in blocks, as they enter."""

from __future__ import annotations

from io import StringIO
from math import floor

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Assignment, Case, Exposure, Round
from labeling.reading.planning.draws import block_size, draw_model_hidden, is_drawn
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import claim, enter_open_round, put_into_pool
from labeling.reading.skipping import skip
from tests.factories import make_anatomy, make_bare_case, make_case, make_patient, make_reader, make_round, make_user

SHARES = st.one_of(st.sampled_from([0.2, 0.25, 1 / 3, 0.5, 1.0]), st.floats(0.2, 1.0))
SEEDS = st.integers(0, 2**63 - 1)


# --- the law ------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, share=SHARES, blocks=st.integers(1, 40))
def test_in_every_full_block_one_is_hidden_and_the_share_holds(seed: int, share: float, blocks: int) -> None:
    size = block_size(share)
    drawn = [is_drawn(seed, place, share) for place in range(blocks * size)]
    assert [sum(drawn[start : start + size]) for start in range(0, len(drawn), size)] == [1] * blocks
    assert sum(drawn) >= share * len(drawn)


@given(seed=SEEDS, share=SHARES, place=st.integers(0, 10_000))
def test_the_same_seed_and_place_draw_the_same(seed: int, share: float, place: int) -> None:
    assert is_drawn(seed, place, share) == is_drawn(seed, place, share)


def test_a_share_of_a_fifth_is_one_of_five_and_all_is_all() -> None:
    assert [block_size(share) for share in (0.2, 0.25, 0.3, 0.5, 0.7, 1.0)] == [5, 4, 3, 2, 1, 1]
    assert all(is_drawn(seed, place, 1.0) for seed in range(5) for place in range(5))
    for nonsense in (0.0, -0.2, 1.2):
        with pytest.raises(ValueError, match="cannot be drawn"):
            block_size(nonsense)


def test_every_place_of_a_block_is_drawn_about_as_often() -> None:
    counts = [0] * 5
    for seed in range(2000):
        counts[next(place for place in range(5) if is_drawn(seed, place, 0.2))] += 1
    assert min(counts) > 330, counts
    # Nor does one block tell the next.
    after = [next(place for place in range(5, 10) if is_drawn(seed, place, 0.2)) - 5 for seed in range(500)]
    same = sum(is_drawn(seed, place, 0.2) for seed, place in enumerate(after))
    assert 60 < same < 140


# --- in a round ---------------------------------------------------------------------------------------------------


def shown_first(share: float = 0.2, **fields: object) -> Round:
    return make_round(rules={"model": "shown", "model_hidden_share": share}, **fields)


def drawn_in(round_: Round) -> list[bool]:
    return list(Assignment.objects.filter(round=round_).order_by("position").values_list("model_hidden", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("share", [0.2, 0.4, 1.0])
def test_the_order_of_entry_decides_and_the_share_holds_in_every_full_block(share: float) -> None:
    round_ = shown_first(share, seed=20261123)
    for _ in range(12):
        with transaction.atomic():
            put_into_pool(round_, make_bare_case())
    assert drawn_in(round_) == [is_drawn(round_.seed, place, share) for place in range(12)]
    size = floor(1 / share)
    full = 12 // size * size
    assert sum(drawn_in(round_)[:full]) == full // size
    again = shown_first(share, seed=20261123)
    for case in Case.objects.order_by("-pk"):
        with transaction.atomic():
            put_into_pool(again, case)
    assert drawn_in(again) == drawn_in(round_), "which case it is makes no difference, only when it came"


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["after_lock", "never"])
def test_nothing_is_drawn_where_nobody_is_shown_the_model_first(model: str) -> None:
    round_ = make_round(rules={"model": model, "model_hidden_share": 1.0})
    with transaction.atomic():
        assert not put_into_pool(round_, make_bare_case()).model_hidden


@pytest.mark.django_db
def test_what_was_drawn_for_a_case_holds_for_everyone_who_reads_it() -> None:
    round_ = shown_first(0.5, seed=7)
    cases = [make_case(slices=1) for _ in range(4)]
    for case in cases:
        assert enter_open_round(case) is not None
    drawn = dict(Assignment.objects.filter(round=round_).values_list("case", "model_hidden"))
    assert sorted(drawn.values()) == [False, False, True, True]
    user = make_user(Role.RESIDENT)
    for case in cases:
        claimed = claim(reader=reader_of(user), case=case)
        assert claimed.model_hidden == drawn[case.pk], "taking it from the pool keeps it"
        with transaction.atomic():
            assert draw_model_hidden(round_, case) == drawn[case.pk], "so does a second reader"
        skip(user=user, case_id=case.pk, reason="known")
        assert Assignment.objects.get(round=round_, case=case, reader=None).model_hidden == drawn[case.pk]
    newcomers = [make_case(slices=1), make_case(slices=1)]
    entered = [enter_open_round(case) for case in newcomers]
    assert [one.model_hidden for one in entered if one] == [is_drawn(7, 4, 0.5), is_drawn(7, 5, 0.5)]


# --- the command --------------------------------------------------------------------------------------------------


def opened(*arguments: str) -> str:
    out = StringIO()
    call_command("open_round", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_round_that_shows_first_is_opened_with_the_cases_of_a_split() -> None:
    cases = [make_case(slices=1, patient=make_patient(split="training")) for _ in range(10)]
    make_case(slices=1)
    bare = make_bare_case(patient=make_patient(split="training"))
    said = opened("Shown first", "--model", "shown", "--hidden-share", "0.2", "--split", "training")
    assert "10 cases, the models hidden first in 2" in said
    assert bare.name in said
    round_ = Round.objects.get(name="Shown first")
    assert (round_.kind, round_.state, round_.rules["model"]) == ("labelling", "open", "shown")
    pool = Assignment.objects.filter(round=round_, reader=None).order_by("position")
    assert [assignment.case for assignment in pool] == cases
    assert drawn_in(round_) == [is_drawn(round_.seed, place, 0.2) for place in range(10)]
    other = opened("Once more", "--split", "training")
    assert "the models hidden first in 10" in other
    assert Round.objects.get(name="Once more").seed != round_.seed


@pytest.mark.django_db
def test_a_round_is_opened_for_named_readers_and_each_reads_the_same_draw() -> None:
    cases = [make_case(slices=1) for _ in range(5)]
    names = [case.name for case in reversed(cases)]
    for name in ("anna", "otto"):
        make_user(Role.RESIDENT, username=name)
    opened("Two readers", "--model", "shown", "--cases", *names, "--readers", "anna", "otto")
    for name in ("anna", "otto"):
        own = Assignment.objects.filter(reader__user__username=name).order_by("position")
        assert [assignment.case.name for assignment in own] == names
        assert sum(assignment.model_hidden for assignment in own) == 1
    assert Assignment.objects.filter(model_hidden=True).values("case").distinct().count() == 1


@pytest.mark.django_db
def test_a_round_that_cannot_be_is_refused_with_a_sentence_and_nothing_is_left_of_it() -> None:
    case, test = make_case(slices=1), make_case(slices=1, patient=make_patient(split="test"))
    make_anatomy(case)
    make_user(Role.RESIDENT, username="anna")
    exposed = make_reader(Role.SENIOR, username="otto")
    Exposure.objects.create(case=case, reader=exposed, what="model")
    refused = {
        "stays hidden in at least 20%": ["R", "--model", "shown", "--hidden-share", "0.1", "--cases", case.name],
        "no case called P0": ["R", "--cases", case.name, "P0"],
        "None of these cases": ["R", "--cases", test.name],
        "no account called nobody": ["R", "--cases", case.name, "--readers", "nobody"],
        "no account called anna that reads in a consensus": [
            "R", "--kind", "consensus", "--cases", case.name, "--readers", "anna",
        ],
        "cannot read it blind": ["R", "--kind", "independent", "--cases", case.name, "--readers", "otto"],
    }  # fmt: skip
    for sentence, arguments in refused.items():
        with pytest.raises(CommandError, match=sentence):
            opened(*arguments)
    assert not Round.objects.exists()
    opened("R", "--cases", case.name)
    with pytest.raises(CommandError, match="called R already"):
        opened("R", "--cases", case.name)
    assert opened("T", "--kind", "independent", "--cases", test.name)
