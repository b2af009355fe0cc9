"""The split by patient: keyed, stable, in its shares."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.statistics.splitting import SPLITS, Shares, place_of, split_by_stratum, split_of

KEY = b"a key of thirty-two random bytes"
PATIENTS = [f"SAG-P{n:05d}" for n in range(4000)]

pseudonyms = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=60)


def test_the_shares_of_four_thousand_patients_are_nine_to_one_and_a_tenth_of_training_for_validation():
    found = [split_of(KEY, patient) for patient in PATIENTS]
    assert found.count("test") == pytest.approx(400, abs=60)
    assert found.count("validation") == pytest.approx(360, abs=60)
    assert found.count("training") == pytest.approx(3240, abs=90)


def test_a_split_is_the_same_tomorrow():
    """Written down once: a change of the hash would move patients of running studies."""
    assert place_of(KEY, "SAG-P00000") == Fraction(14_485_282_268_966_061_467, 2**64)


def test_another_key_splits_otherwise():
    other = b"another key of thirty-two bytes!"
    assert [split_of(KEY, patient) for patient in PATIENTS] != [split_of(other, patient) for patient in PATIENTS]


def test_a_larger_share_for_validation_leaves_the_test_set_alone():
    larger = Shares(validation=Fraction(1, 4))
    assert {p for p in PATIENTS if split_of(KEY, p) == "test"} == {
        p for p in PATIENTS if split_of(KEY, p, larger) == "test"
    }


@given(pseudonyms, st.randoms())
def test_neither_order_nor_later_patients_move_anyone(patients, random):
    first = {patient: split_of(KEY, patient) for patient in patients}
    shuffled = [*patients, "someone new"]
    random.shuffle(shuffled)
    later = {patient: split_of(KEY, patient) for patient in shuffled}
    assert all(later[patient] == split for patient, split in first.items())
    assert set(first.values()) <= set(SPLITS)


@given(
    st.dictionaries(st.text(min_size=1, max_size=12), st.sampled_from(["fracture", "none"]), max_size=80), st.randoms()
)
def test_every_stratum_meets_its_shares_to_within_one_patient_in_any_order(strata, random):
    found = split_by_stratum(KEY, strata)
    assert found.keys() == strata.keys()
    for stratum in set(strata.values()):
        members = [patient for patient in strata if strata[patient] == stratum]
        splits = [found[patient] for patient in members]
        assert abs(splits.count("test") - len(members) / 10) <= 0.5
        assert abs(splits.count("validation") - (len(members) - splits.count("test")) / 10) <= 0.5
    shuffled = list(strata)
    random.shuffle(shuffled)
    assert split_by_stratum(KEY, {patient: strata[patient] for patient in shuffled}) == found


def test_settled_patients_stay_when_a_stratum_grows_and_the_newcomers_fill_the_shares():
    strata = {patient: int(patient[-1]) % 2 for patient in PATIENTS[:200]}
    first = split_by_stratum(KEY, strata)
    grown = strata | {patient: int(patient[-1]) % 2 for patient in PATIENTS[200:400]}
    later = split_by_stratum(KEY, grown, kept=first | {"left the cohort": "test"})
    assert all(later[patient] == split for patient, split in first.items())
    assert list(later.values()).count("test") == 40
    assert "left the cohort" not in later
    moved = [p for p in strata if split_by_stratum(KEY, grown)[p] != first[p]]
    assert moved, "without `kept`, patients at the border move: that is what stratifying gives up"


def test_a_test_set_that_is_already_too_large_takes_nobody_more():
    kept = dict.fromkeys(PATIENTS[:10], "test")
    found = split_by_stratum(KEY, dict.fromkeys(PATIENTS[:20], "all"), kept=kept)
    assert [found[patient] for patient in PATIENTS[:10]] == ["test"] * 10
    assert "test" not in [found[patient] for patient in PATIENTS[10:20]]


def test_a_short_key_an_empty_pseudonym_and_a_share_of_everything_are_refused():
    with pytest.raises(ValueError, match="The key of the split has 5 bytes"):
        split_of(b"short", "SAG-1")
    with pytest.raises(ValueError, match="without a pseudonym"):
        split_of(KEY, "")
    with pytest.raises(ValueError, match="test share is 1"):
        Shares(test=Fraction(1))
