"""What of a person a report holds: spellings of names, dates and numbers, and words that are none."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.identity_traces import traces_of

NAME, BORN, NUMBER, ACCESSION = (
    "the patient's name",
    "the date of birth",
    "the patient's number",
    "the accession number",
)
#: Invented.
PERSON = {
    "patient": {"name": "Müller-Groß^Jürgen^Emil^Dr.", "birth_date": "19500307", "patient_id": "00471.1234"},
    "study": {"accession_number": "A-2020-001234"},
}
REPORT = "Wedge fracture of L1 with 30 % loss of the anterior height. No fracture of T12. Old process fracture L3."


@pytest.mark.parametrize(
    "text",
    [
        "Herr Müller-Groß stürzte am Montag.",
        "MUELLER-GROSS JUERGEN",
        "Muller Gross, J.",
        "Mr Muller has pain.",
        "jürgen müller, pain",
        "Jürgen E. Müller-Groß",
        "Gross (Jürgen): L1",
    ],
)
def test_a_name_is_found_in_the_spellings_of_reports(text: str) -> None:
    assert traces_of(f"{text} {REPORT}", PERSON) == [NAME]


@pytest.mark.parametrize(
    "text",
    [
        "grosse Deckplattenimpression",
        "gross deformity",  # the family name is also a word: in small letters alone it is that word
        "Jürgen",
        "Mullerian cyst",
        "",
    ],
)
def test_words_that_only_resemble_a_name_are_none(text: str) -> None:
    assert traces_of(f"{text} {REPORT}", PERSON) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Anonymous", "Anonymous patient", False),
        ("PATIENT^TEST", "The patient fell. Test of the hip.", False),
        ("Li^Wei", "Fracture in li region, Li.", False),
        ("Li^Wei", "Wei Li, fracture", True),
        ("Maria Muster", "Frau Muster", True),
        ("Muster^", "Muster", True),
        ("von der Heide^Anna", "Fraktur der Deckplatte von L1, die Anna-Schiene", False),
        ("von der Heide^Anna", "Frau von der Heide", True),
        ("Yamada^Tarou=山田^太郎", "山田 太郎", True),
        ("", "Muster", False),
        ("^^^", "Muster", False),
        ("Klein^Eva", "KLEIN EVA", True),
    ],
)
def test_names_of_all_kinds(name: str, text: str, found: bool) -> None:
    assert bool(traces_of(text, {"patient": {"name": name}})) == found


@pytest.mark.parametrize(
    "text",
    [
        "7.3.1950", "07.03.1950", "7. 3. 1950", "07/03/1950", "3/7/1950", "1950-03-07", "19500307", "07031950",
        "7.3.50", "7. März 1950", "7 Maerz 1950", "07 Mar 1950", "7th of March, 1950", "March 7, 1950", "7 mars 1950",
        "7 marzo 1950", "*07.03.1950", "(07.03.1950)", "geb.07.03.1950", "MARCH 7 1950",
    ],
)  # fmt: skip
def test_a_date_of_birth_is_found_in_the_ways_it_is_written(text: str) -> None:
    assert traces_of(f"Pain since Monday, {text}, {REPORT}", PERSON) == [BORN]


@pytest.mark.parametrize(
    "text", ["7.3.2020", "8.3.1950", "T7, 3 mm, 50 HU", "1.7.3.50.2", "March", "1950", "17.3.1950", "7.3.19501"]
)
def test_other_dates_and_numbers_are_no_date_of_birth(text: str) -> None:
    assert BORN not in traces_of(f"{text}, {REPORT}", PERSON)


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2024, 12, 31)), st.sampled_from(["%d.%m.%Y", "%Y-%m-%d"]))
def test_any_date_of_birth_is_found_as_it_is_mostly_written(born: datetime.date, way: str) -> None:
    identity = {"patient": {"birth_date": born.strftime("%Y%m%d")}}
    assert traces_of(f"born {born.strftime(way)}.", identity) == [BORN]
    assert traces_of(f"born {(born - datetime.timedelta(400)).strftime(way)}.", identity) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("00471.1234", [NUMBER]),
        ("PID 004711234:", [NUMBER]),
        ("0047 1123 4", [NUMBER]),
        ("1004711234", []),
        ("47112", []),
        ("A2020001234", [ACCESSION]),
        ("a-2020-001234", [ACCESSION]),
        ("2020-001234", []),
    ],
)
def test_numbers_are_found_however_their_parts_are_kept_apart(text: str, found: list[str]) -> None:
    assert traces_of(f"{REPORT} {text}", PERSON) == found


@pytest.mark.parametrize(
    ("number", "text", "found"),
    [
        ("4711", "Window 4711", False),
        ("4711", "Pat. 4711", True),
        ("4711", "ID: 4711", True),
        ("4711", "patient no. 4711", True),
        ("12", "Pat. 12", False),
        ("L1", "Fracture of L1", False),
        ("ANON", "anon", False),
        ("", "anything", False),
    ],
)
def test_a_short_number_counts_only_where_it_is_called_one(number: str, text: str, found: bool) -> None:
    assert bool(traces_of(text, {"patient": {"patient_id": number}})) == found


def test_all_that_was_found_is_named_in_order() -> None:
    text = "Jürgen Müller-Groß, 7.3.1950, 00471.1234, A-2020-001234"
    assert traces_of(text, PERSON) == [NAME, BORN, NUMBER, ACCESSION]


@given(st.text(), st.dictionaries(st.sampled_from(["name", "birth_date", "patient_id"]), st.text()))
def test_no_text_and_no_identity_is_an_error(text: str, patient: dict[str, str]) -> None:
    assert isinstance(traces_of(text, {"patient": patient, "age": 93}), list)
