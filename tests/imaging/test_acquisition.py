"""Acquisition and dose: the figures of a methods section, and nothing in a header that can stop an import."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from labeling.imaging.acquisition import Acquisition, acquisition, capped_age, patient_age, patient_sex
from tests.imaging.dose_reports import header, through_a_file


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_figures_of_a_series_are_read_from_its_headers(syntax: str) -> None:
    series = [through_a_file(header(z, Exposure=str(200 + 10 * n)), syntax) for n, z in enumerate((6.0, 0.0, 4.0, 2.0))]
    found = acquisition(series, [])
    assert found == Acquisition(
        kv=120.0,
        mas=215.0,
        tube_current=200.0,
        collimation_mm=0.6,
        total_collimation_mm=57.6,
        ctdivol=12.5,
        dlp=pytest.approx(12.5 * 0.9),
        dlp_source="estimated",
        slice_thickness=3.0,
        spacing_between=2.0,
        kernel="Br60f",
        kernel_strength="3",
        manufacturer="SIEMENS",
        model="SOMATOM Force",
        rows=512,
        columns=500,
        contrast=None,
        contrast_agent="",
    )


def test_no_headers_give_an_empty_answer() -> None:
    assert acquisition([], []) == Acquisition()
    assert acquisition([Dataset()], [Dataset()]) == Acquisition()


@pytest.mark.parametrize(
    ("fields", "mas"),
    [
        ({"Exposure": "217"}, 217.0),
        ({"Exposure": None, "ExposureInuAs": "217500"}, 217.5),
        ({"Exposure": "0", "ExposureInuAs": "217500"}, 217.5),
        ({"Exposure": None}, 200.0),
        ({"Exposure": "4803", "XRayTubeCurrent": "80", "ExposureTime": "1186"}, 94.88),
        ({"Exposure": None, "ExposureTime": None}, None),
        ({"Exposure": None, "XRayTubeCurrent": "0"}, None),
    ],
)
def test_the_exposure_falls_back_to_microampere_seconds_and_to_current_times_time(
    fields: dict[str, Any], mas: float | None
) -> None:
    assert acquisition([header(**fields)]).mas == (None if mas is None else pytest.approx(mas))


def test_the_spacing_comes_from_positions_before_the_tag() -> None:
    tagged = [header(z, SpacingBetweenSlices="3") for z in (0.0, 2.5, 5.0)]
    assert acquisition(tagged).spacing_between == 2.5
    assert acquisition(tagged[:1]).spacing_between == 3.0
    assert acquisition([header(SpacingBetweenSlices="-3")]).spacing_between == 3.0


def test_collimation_is_one_detector_row_and_never_the_whole_beam() -> None:
    found = acquisition([header(SingleCollimationWidth=None)])
    assert found.collimation_mm is None
    assert found.total_collimation_mm == 57.6


@pytest.mark.parametrize(
    ("fields", "contrast", "agent"),
    [
        ({}, None, ""),
        ({"ContrastBolusAgent": ""}, None, ""),
        ({"ContrastBolusAgent": "NONE"}, False, ""),
        ({"ContrastBolusAgent": "nativ"}, False, ""),
        ({"ContrastBolusAgent": "Imeron 400"}, True, "IMERON 400"),
        ({"ContrastBolusAgent": "APPLIED", "ContrastBolusVolume": "0"}, True, "APPLIED"),
        ({"ContrastBolusAgent": "Imeron Mustermann"}, True, ""),
        ({"ContrastBolusAgent": "", "ContrastBolusVolume": "90"}, True, ""),
        ({"ContrastBolusRoute": "IV"}, True, ""),
        ({"ContrastBolusAgentSequence": Sequence([Dataset()])}, True, ""),
        ({"ContrastBolusVolume": "0"}, None, ""),
    ],
)
def test_contrast_is_known_unknown_or_denied(fields: dict[str, Any], contrast: bool | None, agent: str) -> None:
    found = acquisition([header(**fields)])
    assert found.contrast is contrast
    assert found.contrast_agent == agent


@pytest.mark.parametrize(
    ("age", "born", "years"),
    [
        ("077Y", None, 77),
        ("077Y", "19900101", 77),
        ("018M", None, 1),
        ("100W", None, 1),
        ("400D", None, 1),
        ("012M", None, 1),
        (None, "19440301", 79),
        (None, "19440229", 80),
        (None, "1944.02.28", 80),
        ("000Y", "19440228", 80),
        ("000Y", None, 0),
        (None, "19000101", None),
        (None, "20250101", None),
        (None, None, None),
        ("77", None, None),
        ("77 Y", None, None),
        ("999Y", None, None),
    ],
)
def test_the_age_comes_from_the_header_or_from_birth_and_study_dates(
    age: str | None, born: str | None, years: int | None
) -> None:
    dataset = header(PatientAge=None)
    for tag, value in ((0x00101010, age), (0x00100030, born)):
        if value is not None:
            dataset.add(DataElement(tag, "LO", value))
    assert patient_age([dataset]) == years


def test_the_first_header_that_knows_the_age_says_it() -> None:
    assert patient_age([header(PatientAge=None), header(PatientAge="077Y")]) == 77
    assert patient_age([]) is None


@given(st.integers(0, 130))
def test_ages_above_89_are_shown_as_90(age: int) -> None:
    assert capped_age(age) == (age if age <= 89 else 90)


@pytest.mark.parametrize(
    ("stated", "sex"), [("F", "F"), ("m ", "M"), ("O", "O"), ("", ""), ("W", ""), ("Mustermann", "")]
)
def test_the_sex_is_one_of_three_or_unknown(stated: str, sex: str) -> None:
    dataset = header(PatientSex=None)
    dataset.add(DataElement(0x00100040, "LO", stated))
    assert patient_sex([dataset]) == sex
    assert patient_sex([header(PatientSex=None), header()]) == "F"


READ = [
    "KVP",
    "Exposure",
    "ExposureInuAs",
    "ExposureTime",
    "XRayTubeCurrent",
    "SingleCollimationWidth",
    "TotalCollimationWidth",
    "CTDIvol",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ConvolutionKernel",
    "Manufacturer",
    "ManufacturerModelName",
    "Rows",
    "Columns",
    "ContrastBolusAgent",
    "ContrastBolusVolume",
    "ContrastBolusAgentSequence",
    "PatientAge",
    "PatientSex",
    "PatientBirthDate",
    "StudyDate",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "StudyInstanceUID",
    "IrradiationEventUID",
]
raw_bytes = st.binary(max_size=20) | st.sampled_from(
    [
        b"",
        b"\\",
        b"NaN ",
        b"inf ",
        b"120\\140 ",
        b"1e400",
        b"-0",
        b"M\xfcller",
        b"1_000 ",
        b"120 kV",
        b"\0\0",
        b"20240231",
    ]
)
vrs = st.sampled_from(["", "LO", "DS", "IS", "CS", "FD", "US", "SS", "UI", "DA", "SQ", "UN", "OB", "PN", "AS", "??"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(READ), st.tuples(vrs, raw_bytes), min_size=1))
def test_no_garbage_in_any_field_stops_an_import(garbage: dict[str, tuple[str, bytes]]) -> None:
    dataset = header()
    for keyword, (vr, value) in garbage.items():
        tag = Tag(keyword)
        dataset._dict[tag] = RawDataElement(tag, vr or None, len(value), value, 0, not vr, True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = acquisition([dataset, header(3.0)], [dataset])
    # pydicom's warnings about invalid values quote them: a name would stand in the log.
    assert not [warning for warning in said if "Invalid value" in str(warning.message)]
    for figure in (found.kv, found.mas, found.ctdivol, found.dlp, found.slice_thickness, found.collimation_mm):
        assert figure is None or (math.isfinite(figure) and figure > 0)
    age = patient_age([dataset])
    assert age is None or 0 <= age <= 120
    assert patient_sex([dataset]) in ("F", "M", "O", "")


@pytest.mark.parametrize("keyword", ["KVP", "CTDIvol", "SingleCollimationWidth", "SliceThickness"])
@pytest.mark.parametrize("value", [b"", b"NaN ", b"120\\140 ", b"Mustermann", b"-5", b"1e30"])
def test_a_value_that_is_no_single_number_counts_as_missing(keyword: str, value: bytes) -> None:
    dataset = header(SpacingBetweenSlices=None)
    tag = Tag(keyword)
    dataset._dict[tag] = RawDataElement(tag, "LO", len(value), value, 0, False, True)
    field = {"KVP": "kv", "CTDIvol": "ctdivol", "SingleCollimationWidth": "collimation_mm"}.get(
        keyword, "slice_thickness"
    )
    assert getattr(acquisition([dataset]), field) is None
