"""Sealed identities open with their key, with no other, and can be moved to a new one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal

IDENTITY = {"patient_id": "0012345", "name": "Müller^Änne", "birth_date": "19431224", "age": 81, "accession": None}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), values, max_size=6))
def test_what_was_sealed_comes_out_again(record: dict[str, object]) -> None:
    seal = Seal([Seal.new_key()])
    assert seal.open(seal.seal(record)) == record


def test_nothing_of_the_identity_can_be_read_in_the_sealed_bytes() -> None:
    sealed = Seal([Seal.new_key()]).seal(IDENTITY)
    assert sealed.isascii()
    for secret in (b"0012345", b"M\xc3\xbcller", b"19431224", b"patient_id"):
        assert secret not in sealed


def test_two_seals_of_one_record_differ() -> None:
    seal = Seal([Seal.new_key()])
    assert seal.seal(IDENTITY) != seal.seal(IDENTITY)


def test_a_database_may_hand_the_bytes_over_as_a_memoryview() -> None:
    seal = Seal([Seal.new_key()])
    assert seal.open(memoryview(seal.seal(IDENTITY))) == IDENTITY  # type: ignore[arg-type]


def test_a_wrong_key_is_refused_with_a_sentence_that_says_what_to_do() -> None:
    sealed = Seal([Seal.new_key()]).seal(IDENTITY)
    with pytest.raises(Refusal) as refused:
        Seal([Seal.new_key()]).open(sealed)
    assert refused.value.code == "seal-unreadable"
    assert refused.value.sentence.endswith(
        "Put the key it was sealed with back, after the current one, and look again."
    )


@pytest.mark.parametrize("place", [0, 10, 40, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    seal = Seal([Seal.new_key()])
    sealed = bytearray(seal.seal(IDENTITY))
    sealed[place] = ord("A") if sealed[place] != ord("A") else ord("B")
    with pytest.raises(Refusal):
        seal.open(bytes(sealed))


def test_rotation_moves_a_record_to_the_first_key_and_the_old_key_can_go() -> None:
    old, new = Seal.new_key(), Seal.new_key()
    sealed = Seal([old]).seal(IDENTITY)
    both = Seal([new, old])
    assert both.open(sealed) == IDENTITY
    rotated = both.rotate(sealed)
    assert Seal([new]).open(rotated) == IDENTITY
    with pytest.raises(Refusal):
        Seal([old]).open(rotated)
    with pytest.raises(Refusal):
        Seal([new]).rotate(sealed)


def test_new_seals_use_the_first_key() -> None:
    old, new = Seal.new_key(), Seal.new_key()
    assert Seal([new]).open(Seal([new, old]).seal(IDENTITY)) == IDENTITY


@pytest.mark.parametrize("keys", [[], [b"short"], [b"!" * 44], [b""]])
def test_missing_and_malformed_keys_are_refused_without_being_quoted(keys: list[bytes]) -> None:
    with pytest.raises(Refusal) as refused:
        Seal(keys)
    assert refused.value.code == "seal-key"
    assert "short" not in refused.value.sentence
    assert "!!" not in refused.value.sentence


def test_a_record_that_is_not_plain_data_is_refused_without_being_quoted() -> None:
    with pytest.raises(Refusal) as refused:
        Seal([Seal.new_key()]).seal({"name": {"Mustermann"}})
    assert refused.value.code == "seal-content"
    assert "Mustermann" not in refused.value.sentence
    assert refused.value.__cause__ is None


def test_keys_are_never_shown() -> None:
    key = Seal.new_key()
    assert key.decode() not in repr(Seal([key]))


def test_new_keys_differ() -> None:
    assert len({Seal.new_key() for _ in range(10)}) == 10
