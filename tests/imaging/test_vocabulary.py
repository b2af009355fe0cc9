"""What may leave a free text: known words and short codes, and nothing that could name a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.vocabulary import body_part, contrast_agent, image_type, kernel, maker, model, series_words

NAME, PATIENT_ID, BIRTH_DATE, PHONE, STREET = "Mustermann", "PID-4711-0815", "19310415", "+41791234567", "Petersgraben"


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (f"{NAME}, LWS sag Knochen 2.0", ["lws", "sag", "knochen"]),
        ("Wirbelsa\u0308ule", ["wirbelsaeule"]),
        ("WIRBELSÄULE SAG Knochen", ["wirbelsaeule", "sag", "knochen"]),
        ("Rachis lombaire os sagittal", ["rachis", "lombaire", "os", "sagittal"]),
        ("C-SPINE 0.75 Bone AXIAL Bone", ["spine", "bone", "axial"]),
        ("SagLWS3 soft_tissue", ["sag", "lws", "soft", "tissue"]),
        ("Th12-L1 cor", ["th12", "l1", "cor"]),
        (f"{PATIENT_ID} {BIRTH_DATE} {PHONE}", []),
        ("Bonemann Sagmeister Lwsoft", []),
        ("", []),
    ],
)
def test_only_known_words_of_a_description_are_shown(description: str, words: list[str]) -> None:
    assert series_words(description) == words


@given(st.text(max_size=64))
def test_every_word_shown_stands_in_the_description_letter_for_letter(description: str) -> None:
    assert all(word.isascii() and word == word.lower() and len(word) < 20 for word in series_words(description))


@pytest.mark.parametrize(
    "name",
    [
        "SIEMENS",
        "Siemens Healthineers",
        "GE MEDICAL SYSTEMS",
        "Philips",
        "TOSHIBA",
        "UIH",
        "Canon Medical Systems Corporation",
        "CANON_MEC",
    ],
)
def test_known_makers_are_kept(name: str) -> None:
    assert maker(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "SOMATOM Definition AS+",
        "SOMATOM Force",
        "SOMATOM go.Top",
        "SOMATOM X.cite",
        "NAEOTOM Alpha",
        "Sensation 64",
        "Biograph40_mCT 4R",
        "Discovery LS",
        "LightSpeed16",
        "LightSpeed VCT",
        "Revolution EVO",
        "Discovery CT750 HD",
        "Optima CT660",
        "Brilliance 64",
        "iCT 256",
        "Ingenuity Core 128",
        "IQon - Spectral CT",
        "Aquilion ONE",
        "Aquilion Prime SP",
        "uCT 760",
    ],
)
def test_known_scanners_are_kept(name: str) -> None:
    assert model(name) == name


@pytest.mark.parametrize(
    "values",
    [
        ["Br60f", "3"],
        ["Br38f"],
        ["B60s"],
        ["I70f", "2"],
        ["U70u"],
        ["SOFT"],
        ["BONEPLUS"],
        ["BONE+"],
        ["FC30"],
        ["YB"],
        ["D"],
        ["B_SHARP_C"],
        ["Hr64h", "", ""],
    ],
)
def test_known_kernels_are_kept(values: list[str]) -> None:
    assert kernel(values) == tuple(value for value in values if value)


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        f"SIEMENS {NAME}",
        f"{NAME}^Erika",
        PATIENT_ID,
        PHONE,
        BIRTH_DATE,
        STREET,
        "SOMATOM 4711 0815",
        "Müller",
        "Br60f Erika",
        "x" * 65,
        "SIEMENS\nx",
    ],
)
def test_nothing_personal_passes_for_a_device_or_an_agent(text: str) -> None:
    assert maker(text) == model(text) == contrast_agent(text) == body_part(text) == ""
    assert kernel([text]) == ()
    assert image_type(["ORIGINAL", "PRIMARY", text]) == ("ORIGINAL", "PRIMARY")


def test_image_types_are_cut_at_the_first_unknown_value_so_that_no_place_shifts() -> None:
    assert image_type(["DERIVED", "SECONDARY", "MPR"]) == ("DERIVED", "SECONDARY", "MPR")
    assert image_type(["DERIVED", "SECONDARY", NAME, "MPR"]) == ("DERIVED", "SECONDARY")
    assert image_type([NAME, "PRIMARY", "AXIAL"]) == ()
    assert image_type(["ORIGINAL"]) == ()


def test_an_unknown_strength_does_not_take_the_name_of_the_kernel_with_it():
    assert kernel(["Br64f", "for Dr Muster"]) == ("Br64f",)
    assert kernel(["Dr Muster", "Br64f"]) == ()
