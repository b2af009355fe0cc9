"""Dose: from Radiation Dose SR objects where there are any, else estimated and called so."""

from __future__ import annotations

import math

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from labeling.imaging.acquisition import acquisition
from labeling.imaging.dose import DoseReport, craniocaudal_length, dose_report, reported_dlp
from tests.imaging.dose_reports import (
    EVENT,
    SCOUT_EVENT,
    STUDY,
    content,
    dose_sr,
    event,
    header,
    measure,
    through_a_file,
)


def test_the_dlp_of_the_examination_is_taken_from_a_dose_report_of_the_same_study() -> None:
    report = dose_sr("477.25", [event(SCOUT_EVENT, "0.1", "5"), event(EVENT, "12.9", "472.25")])
    found = acquisition([through_a_file(header())], [report])
    assert (found.dlp, found.dlp_source) == (477.25, "reported")
    assert found.ctdivol == 12.5


def test_a_report_of_another_examination_is_passed_over() -> None:
    report = dose_sr("477.25", [], study="1.2.3.4")
    found = acquisition([header(0.0), header(10.0)], [report])
    assert found.dlp_source == "estimated"
    assert found.dlp == pytest.approx(12.5 * 1.3)


def test_without_a_study_uid_no_report_matches() -> None:
    report = dose_sr("477.25", [], study="")
    assert acquisition([header(StudyInstanceUID="")], [report]).dlp_source == "estimated"


def test_the_ctdivol_of_the_report_is_that_of_the_series_event() -> None:
    report = dose_sr("477.25", [event(SCOUT_EVENT, "0.1", "5"), event(EVENT, "12.9", "472.25")])
    assert acquisition([header(CTDIvol=None)], [report]).ctdivol == 12.9
    assert acquisition([header(CTDIvol=None, IrradiationEventUID=None)], [report]).ctdivol is None
    alone = dose_sr("472.25", [event(EVENT, "12.9", "472.25")])
    assert acquisition([header(CTDIvol=None, IrradiationEventUID=None)], [alone]).ctdivol == 12.9


def test_without_a_total_the_events_are_added_up() -> None:
    report = dose_sr(None, [event(SCOUT_EVENT, "0.1", "5"), event(EVENT, "12.9", "472.25")])
    assert acquisition([header()], [report]).dlp == pytest.approx(477.25)


def test_reports_that_repeat_an_event_count_it_once() -> None:
    first = dose_sr("5", [event(SCOUT_EVENT, "0.1", "5")], STUDY + ".7")
    second = dose_sr("477", [event(SCOUT_EVENT, "0.1", "5"), event(EVENT, "12.9", "472")], STUDY + ".8")
    assert acquisition([header()], [first, second]).dlp == pytest.approx(477)
    assert acquisition([header()], [second, second]).dlp == pytest.approx(477)
    without_events = [DoseReport("1", STUDY, 100.0, ()), DoseReport("2", STUDY, 300.0, ())]
    assert reported_dlp(without_events) == 300.0


def test_units_are_looked_at() -> None:
    assert dose_report(dose_sr("477", [], unit="mGycm")).total_dlp == 477  # type: ignore[union-attr]
    assert dose_report(dose_sr("0.477", [], unit="Gy.cm")).total_dlp == pytest.approx(477)  # type: ignore[union-attr]
    assert dose_report(dose_sr("477", [], unit="mSv")) is None


@pytest.mark.parametrize("value", ["", "0", "-5", "NaN", "inf", "1e400", "1\\2", "viel", "1e9"])
def test_a_dose_that_is_no_dose_counts_as_missing(value: str) -> None:
    report = dose_sr("1", [])
    measured = report.ContentSequence[0].ContentSequence[0].MeasuredValueSequence[0]
    tag = Tag(0x0040A30A)
    measured._dict[tag] = RawDataElement(tag, "DS", len(value), value.encode(), 0, False, True)
    assert dose_report(report) is None
    assert acquisition([header(CTDIvol=None)], [report]).dlp is None


def test_a_structured_report_without_ct_dose_is_none() -> None:
    assert dose_report(header()) is None
    assert dose_report(Dataset()) is None


def test_a_report_nested_without_end_is_read_to_a_depth_and_left() -> None:
    deepest = measure("113813", "477", "mGy.cm")
    for _ in range(60):
        deepest = content("CONTAINER", "113811", [deepest])
    dataset = content("CONTAINER", "113701", [deepest])
    dataset.StudyInstanceUID = STUDY
    assert dose_report(dataset) is None


def test_without_any_ctdivol_there_is_no_dlp_and_no_source() -> None:
    found = acquisition([header(CTDIvol=None)], [])
    assert found.dlp is None
    assert found.dlp_source == ""


def test_the_length_of_axial_slices_is_from_first_to_last_with_their_thickness() -> None:
    assert craniocaudal_length([header(z) for z in (0.0, 100.0, 50.0)]) == pytest.approx(103)
    assert craniocaudal_length([header(0.0), header(100.0, SliceThickness=None)]) == pytest.approx(101.5)


def test_the_field_of_view_of_a_tilted_axial_slice_does_not_lengthen_the_scan() -> None:
    tilt = math.radians(20)
    tilted = [0.0, math.cos(tilt), -math.sin(tilt)]
    series = [header(z, ImageOrientationPatient=[1, 0, 0, *tilted]) for z in (0.0, 100.0)]
    assert craniocaudal_length(series) == pytest.approx(100 + 3 * math.cos(tilt))


def test_the_length_of_a_sagittal_series_is_the_height_of_its_picture() -> None:
    series = [
        header(ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImagePositionPatient=[x, -100, 300]) for x in (-30, 0, 30)
    ]
    assert craniocaudal_length(series) == pytest.approx(256)
    assert acquisition(series).spacing_between == 30


def test_headers_without_positions_have_no_length() -> None:
    assert craniocaudal_length([header(ImagePositionPatient=None)]) is None
    assert craniocaudal_length([header(PixelSpacing="0.5")]) is None
    assert craniocaudal_length([]) is None
