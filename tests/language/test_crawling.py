"""The search for candidates over a corpus of sentences as radiologists write them, in German, English and French."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.language.crawl_rules import DEFAULT_RULES, parse
from labeling.language.crawling import crawl

CORPUS = {
    path.stem.removeprefix("crawl_"): [
        (verdict, text.replace("\\n", "\n"))
        for verdict, _, text in (line.partition("\t") for line in path.read_text().splitlines())
    ]
    for path in sorted((Path(__file__).parent / "corpus").glob("crawl_*.tsv"))
}
SENTENCES = [text for lines in CORPUS.values() for _, text in lines]


@pytest.mark.parametrize("language", sorted(CORPUS))
def test_every_sentence_of_the_corpus_is_understood(language: str) -> None:
    """The rules were written beside these sentences: this keeps what they know, and promises nothing of others."""
    lines = CORPUS[language]
    assert len(lines) >= 100
    misread = {text: found for verdict, text in lines if (found := crawl(text, DEFAULT_RULES).verdict) != verdict}
    assert misread == {}


def test_every_kind_of_mention_stands_in_the_corpus_of_every_language() -> None:
    kinds = {"candidate", "history", "negated", "nothing", "other_bone", "uncertain"}
    assert {language: {verdict for verdict, _ in lines} for language, lines in CORPUS.items()} == dict.fromkeys(
        CORPUS, kinds
    )


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("Sinterungsfrakturen LWK 1 und BWK 12.", {"L1", "T12"}),
        ("Burst fracture of L2. No fracture of L3.", {"L2"}),
        ("Tassement de L4, pas de fracture de L5.", {"L4"}),
    ],
)
def test_the_levels_of_what_is_broken_are_told_and_of_nothing_else(text: str, levels: set[str]) -> None:
    assert set(crawl(text, DEFAULT_RULES).levels) == levels


def test_a_known_old_fracture_counts_unless_the_rules_say_otherwise() -> None:
    text = "Bekannte alte Fraktur LWK 1."
    assert crawl(text, DEFAULT_RULES).counts
    assert not crawl(text, parse({"count_old": False})).counts


def test_a_report_counts_by_the_strongest_of_its_sentences() -> None:
    text = "Keine Rippenfraktur. Alte Fraktur BWK 8. Frische Fraktur LWK 2. HWS unauffällig."
    found = crawl(text, DEFAULT_RULES)
    assert found.verdict == "candidate"
    assert [text[one.start : one.end].strip() for one in found.passages if one.kind == "fracture"] == [
        "Frische Fraktur LWK 2."
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES), max_size=6), st.text(max_size=40))
def test_marks_lie_in_their_passages_and_passages_in_the_text_in_order(sentences: list[str], noise: str) -> None:
    text = noise.join(sentences) + noise
    found = crawl(text, DEFAULT_RULES)
    at = 0
    for passage in found.passages:
        assert at <= passage.start < passage.end <= len(text)
        at = passage.end
        assert all(passage.start <= mark.start < mark.end <= passage.end for mark in passage.marks)


def test_a_long_text_without_a_full_stop_is_read_in_a_moment() -> None:
    assert crawl("keine Fraktur und " * 20_000 + "Fraktur LWK 1", DEFAULT_RULES).verdict in {"candidate", "negated"}
