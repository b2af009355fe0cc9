"""Levels in all their spellings, and sentences in reports that dots and headings run through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.language import LEVELS, Section, level_mentions, read_report, sentences_of


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("L1", "L1"), ("LWK 1", "L1"), ("LWK1", "L1"), ("LWK-1-Fraktur", "L1"), ("1. LWK", "L1"), ("D12", "T12"),
        ("Th12", "T12"), ("Th 11", "T11"), ("BWK 12", "T12"), ("HWK 7", "C7"), ("T 9", "T9"), ("SWK 1", "S1"),
        ("T12-L2", "T12 L1 L2"), ("BWK 5 bis 8", "T5 T6 T7 T8"), ("de D5 à D8", "T5 T6 T7 T8"),
        ("T5 to T8", "T5 T6 T7 T8"),
        ("L4-S1", "L4 L5 S1"), ("L1/L2", "L1 L2"), ("L4/5", "L4 L5"), ("L5/S1", "L5 S1"),
        ("LWK 2, 3 und 5", "L2 L3 L5"),
        ("BWK 12 und LWK 1", "T12 L1"), ("LWK 2 und 3", "L2 L3"), ("C1 to C3", "C1 C2 C3"),
        ("12. Brustwirbelkörper", "T12"), ("first lumbar vertebra", "L1"), ("2e vertèbre lombaire", "L2"),
        ("douzième vertèbre thoracique", "T12"), ("erster Lendenwirbel", "L1"), ("T13", "T13"), ("L6", "L6"),
        # What is none
        ("T14", ""), ("L7", ""), ("C8", ""), ("T2-weighted", ""), ("T1w", ""), ("c3", ""), ("Vitamin D3", ""),
        ("L1, 4 mm", "L1"), ("LWK 1 um 30 %", "L1"), ("A1", ""), ("0.4 mm", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_spelling_is_known(text: str, levels: str) -> None:
    assert " ".join(level for one in level_mentions(text) for level in one.levels) == levels


def test_two_levels_with_a_stroke_may_be_a_disc() -> None:
    assert [one.is_pair for one in level_mentions("L4/5, L4-5, L3 and 4, T5-T8")] == [True, True, False, False]


@given(st.text(alphabet="LTDCS12345/-–, .bisundWKtoà;\nFraktur", max_size=60))
def test_mentions_lie_in_the_text_one_after_the_other_and_name_levels_alone(text: str) -> None:
    at = 0
    for one in level_mentions(text):
        assert at <= one.start < one.end <= len(text)
        assert one.levels
        assert set(one.levels) <= set(LEVELS)
        at = one.end


@given(st.text(max_size=300))
def test_any_text_is_read_and_every_span_lies_in_it(text: str) -> None:
    reading = read_report(text)
    for one in reading.proposals:
        assert one.level in LEVELS
        assert all(0 <= start < end <= len(text) for start, end in one.spans)
    at = 0
    for sentence in sentences_of(text):
        assert at <= sentence.start < sentence.end
        assert text[sentence.start : sentence.end] == sentence.text
        at = sentence.end


def test_abbreviations_and_ordinals_end_no_sentence() -> None:
    text = "Z. n. Sturz am 3. Januar, V. a. Fraktur des 12. Brustwirbels, ca. 30 %. Keine weitere."
    assert [one.text for one in sentences_of(text)] == [text[:-15].strip(), "Keine weitere."]
    assert len(sentences_of("Fraktur LWK 1. Keine Fraktur LWK 2. BWK 12 intakt.")) == 3


def test_headings_say_what_is_asked_and_what_was_found() -> None:
    text = "Fragestellung: Fraktur LWK 1?\nTechnik: 1 mm.\nBefund:\nFraktur LWK 2.\nBeurteilung: Fraktur LWK 2."
    assert [(one.text, one.section) for one in sentences_of(text)] == [
        ("Fraktur LWK 1?", Section.INDICATION),
        ("1 mm.", Section.TECHNIQUE),
        ("Fraktur LWK 2.", Section.FINDINGS),
        ("Fraktur LWK 2.", Section.IMPRESSION),
    ]


def test_a_line_that_a_program_has_broken_stays_one_sentence() -> None:
    text = (
        "Es zeigt sich eine frische Kompressionsfraktur der Deckplatte des dritten\nLendenwirbels mit Höhenminderung."
    )
    assert len(sentences_of(text)) == 1
    reading = read_report(text)
    assert [(one.level, one.verdict) for one in reading.proposals] == [("L3", "fracture")]


def test_a_report_that_contradicts_itself_says_so() -> None:
    reading = read_report("Fraktur LWK 1.\nBeurteilung: Keine Fraktur LWK 1.")
    (one,) = reading.proposals
    assert (one.verdict, len(one.spans)) == ("fracture", 2)
    assert "broken in one place and unbroken in another" in one.doubt


def test_a_general_denial_speaks_of_what_is_not_named_and_of_its_region_alone() -> None:
    reading = read_report("Fraktur BWK 12. Keine Fraktur der LWS.")
    said = {level: one.verdict if (one := reading.of(level)) else None for level in ("T11", "T12", "L1")}
    assert said == {"T11": None, "T12": "fracture", "L1": "negative"}
    fresh = read_report("Keine frische Fraktur.").of("L1")
    assert fresh is not None
    assert fresh.fresh_only


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("Frische Fraktur LWK 1.", "fracture"), ("Alte Fraktur LWK 1.", "old"),
        ("V. a. Fraktur LWK 1.", "indeterminate"),
        ("Keine Fraktur.", "negative"), ("Rippenfraktur.", ""),
        ("Multiple vertebral compression fractures.", "fracture"),
        ("Indication: rule out fracture.", ""),
    ],
)  # fmt: skip
def test_a_report_is_told_by_the_strongest_thing_it_says(text: str, mention: str) -> None:
    assert read_report(text).mention == mention


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("Z. n. Kyphoplastie L1, neue Fraktur L3.", {"instrumented"}),
        ("Pathologische Fraktur BWK 7 bei Metastase.", {"malignant"}),
        ("No metastases. Spondylodiscitis L3/4.", {"spondylodiscitis"}),
        ("Kein Hinweis auf Metastasen.", set()),
    ],
)
def test_reasons_to_exclude_a_case_are_seen(text: str, reasons: set[str]) -> None:
    assert {name for name, *_ in read_report(text).exclusions} == reasons
