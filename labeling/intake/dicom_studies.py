"""Scanned DICOM series become studies of pseudonymous persons. The originals' names end here, or in the seal."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydicom import Dataset

from labeling.imaging import vocabulary
from labeling.imaging.acquisition import acquisition, patient_age, patient_sex
from labeling.imaging.choice import Candidate
from labeling.imaging.dicom_series import DicomSeries, assemble, series_geometry
from labeling.imaging.header_values import number, text
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.intake.arrivals import Arrival, Facts, Person, Study
from labeling.models import CaseOrigin

__all__ = ["MODALITIES", "dose_report_facts", "studies_of"]

#: Codes of Modality (0008,0060) that may be shown; anything else in this field was typed by somebody.
_CODES = "CT MR PT NM CR DX RF XA US MG SR SEG OT SC PR KO REG RTSTRUCT RTDOSE RTPLAN"
MODALITIES = frozenset(_CODES.split())
_HIGHEST_NUMBER = 99_999

#: Manufacturer (0008,0070) and Image Comments (0020,4000) of simulated images, as the simulator writes them.
_SIMULATOR, _NO_PATIENT = "Simulated", "Simulated, not a patient"


def studies_of(
    series: Sequence[DicomSeries],
    dose_reports: Sequence[Dataset],
    pseudonymizer: Pseudonymizer,
    relative: Callable[[Path], str],
    *,
    named_patient: str = "",
    origin: str,
) -> tuple[list[Study], list[tuple[DicomSeries, Refusal]]]:
    """Group series by patient and study.

    Parameters
    ----------
    relative
        A path in quarantine as it is stored.
    named_patient
        Whose the studies without a Patient ID are; without one each such study is a patient of its own.
    origin
        Of the cases, unless the images say themselves that they are simulated.

    Returns
    -------
    studies, nameless
        and the series for which not even a study can be told, with the refusal.
    """
    groups: defaultdict[tuple[str, str, str], list[DicomSeries]] = defaultdict(list)
    for one in series:
        groups[(one.patient_id, one.issuer, one.study_uid)].append(one)
    studies: list[Study] = []
    nameless: list[tuple[DicomSeries, Refusal]] = []
    for group in groups.values():
        try:
            studies.append(_study(group, dose_reports, pseudonymizer, relative, named_patient, origin))
        except Refusal as refusal:
            nameless += [(one, refusal) for one in group]
    return studies, nameless


def _study(
    group: Sequence[DicomSeries],
    dose_reports: Sequence[Dataset],
    pseudonymizer: Pseudonymizer,
    relative: Callable[[Path], str],
    named_patient: str,
    origin: str,
) -> Study:
    header = group[0].headers[0]
    headers = [one.headers[0] for one in group]
    person = _person(header, headers, pseudonymizer, named_patient)
    ordered = sorted(group, key=lambda one: (_series_number(one) is None, _series_number(one) or 0))
    return Study(
        person=person,
        study_uid=pseudonymizer.uid(group[0].study_uid),
        study_date=_moved_date(header, pseudonymizer, person.pseudonym),
        age=patient_age(headers),
        origin=CaseOrigin.SIMULATED if any(_is_simulated(one) for one in headers) else origin,
        series=[_arrival(one, dose_reports, pseudonymizer, relative) for one in ordered],
        identity={
            "study_uid": group[0].study_uid,
            "accession_number": text(header, "AccessionNumber"),
            "study_date": text(header, "StudyDate"),
            "description": text(header, "StudyDescription"),
        },
    )


def _is_simulated(header: Dataset) -> bool:
    """Whether the simulator of this project wrote an image, by either of two marks: a de-identification on the way may
    have taken one. A name alone says nothing, a person may be called anything."""
    return text(header, "Manufacturer") == _SIMULATOR or text(header, "ImageComments") == _NO_PATIENT


def _person(header: Dataset, headers: Sequence[Dataset], pseudonymizer: Pseudonymizer, named_patient: str) -> Person:
    patient_id, issuer = text(header, "PatientID"), text(header, "IssuerOfPatientID")
    try:
        pseudonym = pseudonymizer.patient(patient_id, issuer)
    except Refusal:
        if named_patient:
            patient_id, issuer = named_patient, ""
            pseudonym = pseudonymizer.patient(named_patient)
        else:
            patient_id, issuer = "", f"study {text(header, 'StudyInstanceUID')}"
            pseudonym = pseudonymizer.patient_of_study(text(header, "StudyInstanceUID"))
    return Person(
        pseudonym,
        patient_sex(headers),
        {
            "patient_id": patient_id,
            "issuer": issuer,
            "name": text(header, "PatientName"),
            "birth_date": text(header, "PatientBirthDate"),
        },
    )


def _moved_date(header: Dataset, pseudonymizer: Pseudonymizer, pseudonym: str) -> datetime.date | None:
    for keyword in ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate"):
        moved = pseudonymizer.shift_date(text(header, keyword), pseudonym)
        if moved:
            return datetime.date(int(moved[:4]), int(moved[4:6]), int(moved[6:]))
    return None


def _arrival(
    series: DicomSeries,
    dose_reports: Sequence[Dataset],
    pseudonymizer: Pseudonymizer,
    relative: Callable[[Path], str],
) -> Arrival:
    candidate, refusal = None, None
    try:
        candidate = Candidate(series_geometry(series), series.kernel)
    except Refusal as error:
        refusal = _without_modality(error, series.modality)
    sop_uids = [pseudonymizer.uid(uid) for uid in series.sop_uids]
    frame = text(series.headers[0], "FrameOfReferenceUID")
    series_uid = pseudonymizer.uid(series.series_uid)
    return Arrival(
        series_uid=series_uid,
        facts=_facts(series, candidate),
        files=[relative(path) for path in series.paths],
        read=partial(assemble, series),
        acquisition=partial(acquisition, series.headers, dose_reports),
        sop_uids=sop_uids,
        frame_of_reference=pseudonymizer.uid(frame) if frame else "",
        candidate=candidate,
        refusal=refusal,
        lossy=series.lossy,
        identity={
            "series": {series_uid: series.series_uid},
            "instances": dict(zip(sop_uids, series.sop_uids, strict=True)),
            "frames_of_reference": {pseudonymizer.uid(frame): frame} if frame else {},
        },
    )


def _facts(series: DicomSeries, candidate: Candidate | None) -> Facts:
    spacing = None
    if candidate is not None:
        between, rows, columns = candidate.geometry.spacing.tolist()
        spacing = (columns, rows, between)
    return Facts(
        number=_series_number(series),
        words=" ".join(vocabulary.series_words(series.description))[:80],
        modality=series.modality if series.modality in MODALITIES else "",
        kernel=" ".join(vocabulary.kernel(series.kernel))[:64],
        orientation=series.orientation,
        images=len(series.instances),
        rows=series.rows or None,
        columns=series.columns or None,
        spacing=spacing,
    )


def _series_number(series: DicomSeries) -> int | None:
    value = number(series.headers[0], "SeriesNumber", 0, _HIGHEST_NUMBER)
    return None if value is None else int(value)


def _without_modality(refusal: Refusal, modality: str) -> Refusal:
    """The refusal without a Modality that is no code: what is typed there may be anything, a name too."""
    if not modality or modality in MODALITIES or modality not in refusal.sentence:
        return refusal
    return Refusal(refusal.code, refusal.sentence.replace(modality, "of an unknown kind"))


def dose_report_facts(report: Dataset) -> Facts:
    return Facts(number=None, words="dose report", modality="SR", images=1)
