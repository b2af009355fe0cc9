"""DICOM files become series, and a series becomes a volume."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from .dicom_checks import checked_geometry, is_localizer, refuse_unreadable
from .dicom_header import Instance, number, numbers, read_header, text, texts
from .dicom_pixels import is_lossy, read_stored, rescaled
from .geometry import Geometry
from .refusal import Refusal
from .sagittal import orientation_of
from .volume import Volume

__all__ = ["DicomSeries", "RefusedFile", "Scan", "assemble", "scan", "series_geometry"]

_RADIATION_DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
_DOSE_REPORT_CONCEPT = "113701"  # X-Ray Radiation Dose Report (PS3.16 TID 10001), also inside general reports


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that belongs to no series: `path`, and the code and sentence of its refusal."""

    path: Path
    code: str
    sentence: str


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """The instances of one series, in order of their position along the slice normal.

    Where positions cannot be read the order is that of Instance Number; `assemble` then says what is wrong.
    `problem` holds a refusal that is already known from the scan, else None.
    """

    instances: tuple[Instance, ...]
    problem: Refusal | None = None

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """Headers without pixels, in position order. UIDs that the file left out are filled in."""
        return tuple(instance.header for instance in self.instances)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(instance.path for instance in self.instances)

    @property
    def sop_uids(self) -> tuple[str, ...]:
        return tuple(instance.sop_uid for instance in self.instances)

    def _text(self, keyword: str) -> str:
        return text(self.instances[0].header, keyword)

    @property
    def series_uid(self) -> str:
        return self._text("SeriesInstanceUID")

    @property
    def study_uid(self) -> str:
        return self._text("StudyInstanceUID")

    @property
    def patient_id(self) -> str:
        return self._text("PatientID")

    @property
    def issuer(self) -> str:
        return self._text("IssuerOfPatientID")

    @property
    def modality(self) -> str:
        return self._text("Modality")

    @property
    def description(self) -> str:
        return self._text("SeriesDescription")

    @property
    def kernel(self) -> tuple[str, ...]:
        """Convolution Kernel, all values: name, and on some scanners the strength of the iteration."""
        return texts(self.instances[0].header, "ConvolutionKernel")

    @property
    def image_type(self) -> tuple[str, ...]:
        return texts(self.instances[0].header, "ImageType")

    @property
    def rows(self) -> int:
        return int(number(self.instances[0].header, "Rows") or 0)

    @property
    def columns(self) -> int:
        return int(number(self.instances[0].header, "Columns") or 0)

    @property
    def lossy(self) -> bool:
        """Whether any slice went through compression that takes something away."""
        return any(is_lossy(instance) for instance in self.instances)

    @cached_property
    def orientation(self) -> str:
        """'sagittal', 'coronal' or 'axial' within 30 degrees, 'oblique' between, '' where it is not known."""
        cosines = numbers(self.instances[0].header, "ImageOrientationPatient", 6)
        if cosines is None or not np.isfinite(cosines).all():
            return ""
        return orientation_of(cosines)

    @cached_property
    def spacing(self) -> tuple[float, float, float] | None:
        """Millimetres between slices, rows and columns; None where the series has no sound geometry."""
        try:
            between, rows, columns = series_geometry(self).spacing.tolist()
        except Refusal:
            return None
        return between, rows, columns


@dataclass(frozen=True, slots=True)
class Scan:
    """What a heap of files holds: series of images, Radiation Dose SR documents, and files that were turned away."""

    series: list[DicomSeries]
    dose_reports: list[Dataset]
    refused: list[RefusedFile]


def scan(paths: Iterable[Path]) -> Scan:
    """Read the header of every file, once, and sort them into series.

    Files are known by their content, never by their name. Series are told apart by patient (ID and issuer), Study and
    Series Instance UID; scouts that share a series with a volume become a series of their own. The same instance given
    twice is kept once.
    """
    groups: defaultdict[tuple[str, ...], list[Instance]] = defaultdict(list)
    dose_reports: dict[str, Dataset] = {}
    refused: list[RefusedFile] = []
    for path in paths:
        try:
            instance = read_header(path)
        except Refusal as refusal:
            refused.append(RefusedFile(path, refusal.code, refusal.sentence))
            continue
        if _is_dose_report(instance.header):
            dose_reports.setdefault(instance.sop_uid, instance.header)
            continue
        _complete_series_uids(instance.header)
        groups[_series_key(instance.header)].append(instance)
    series = [one for group in groups.values() for one in _series_of(group)]
    return Scan(series, list(dose_reports.values()), refused)


def _is_dose_report(header: Dataset) -> bool:
    if text(header, "SOPClassUID") == _RADIATION_DOSE_REPORT:
        return True
    if text(header, "Modality") != "SR":
        return False
    concept = header.get("ConceptNameCodeSequence")
    return bool(concept) and text(concept[0], "CodeValue") == _DOSE_REPORT_CONCEPT


def _series_key(header: Dataset) -> tuple[str, ...]:
    keywords = ("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID")
    return tuple(text(header, keyword) for keyword in keywords)


def _complete_series_uids(header: Dataset) -> None:
    """Give a header without Study or Series UID (de-identified exports) one that the same files always get again."""
    about = [
        text(header, keyword) for keyword in ("PatientID", "IssuerOfPatientID", "StudyDate", "FrameOfReferenceUID")
    ]
    if not text(header, "StudyInstanceUID"):
        header.StudyInstanceUID = _uid_from("study", *about)
    if not text(header, "SeriesInstanceUID"):
        keywords = ("StudyInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "FrameOfReferenceUID")
        series = [text(header, keyword) for keyword in keywords]
        kernel = "\\".join(texts(header, "ConvolutionKernel"))
        header.SeriesInstanceUID = _uid_from("series", *series, kernel, "\\".join(texts(header, "ImageType")))


def _uid_from(*parts: str) -> str:
    """A UID under 2.25 (PS3.5 annex B.2) that depends on `parts` alone."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, chr(0).join(parts)).int}"


def _series_of(group: Sequence[Instance]) -> list[DicomSeries]:
    instances, problem = _without_repeats(group)
    scouts, slices = _split_scouts(instances)
    parts = [part for part in (slices, scouts) if part]
    return [DicomSeries(_in_position_order(part), problem) for part in parts]


def _without_repeats(group: Sequence[Instance]) -> tuple[list[Instance], Refusal | None]:
    kept: dict[str, Instance] = {}
    problem = None
    for instance in group:
        first = kept.setdefault(instance.sop_uid, instance)
        if first is not instance and not _same_image(first, instance):
            problem = Refusal(
                "duplicate-uid",
                "Two different images carry the same SOP Instance UID, so one of them is not what it says. "
                "Export the series again.",
            )
    return list(kept.values()), problem


def _same_image(one: Instance, other: Instance) -> bool:
    keywords = (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "Rows",
        "Columns",
        "RescaleIntercept",
        "RescaleSlope",
    )
    if any(texts(one.header, keyword) != texts(other.header, keyword) for keyword in keywords):
        return False
    # Under two transfer syntaxes the bytes must differ; geometry and UID are then all there is to go by.
    return one.transfer_syntax != other.transfer_syntax or _pixel_bytes(one) == _pixel_bytes(other)


def _pixel_bytes(instance: Instance) -> bytes:
    with instance.path.open("rb") as file:
        file.seek(instance.pixel_offset)
        return file.read()


def _split_scouts(instances: Sequence[Instance]) -> tuple[list[Instance], list[Instance]]:
    """Scouts apart from slices: by Image Type, or as one or two images of another plane beside a whole stack."""
    scouts = [instance for instance in instances if is_localizer(instance)]
    slices = [instance for instance in instances if not is_localizer(instance)]
    planes: defaultdict[tuple[object, ...], list[Instance]] = defaultdict(list)
    for instance in slices:
        cosines = numbers(instance.header, "ImageOrientationPatient", 6)
        finite = cosines is not None and bool(np.isfinite(cosines).all())
        plane = orientation_of(cosines) if cosines is not None and finite else None
        planes[(text(instance.header, "Rows"), text(instance.header, "Columns"), plane)].append(instance)
    largest = max(planes.values(), key=len, default=[])
    others = [group for group in planes.values() if group is not largest]
    if len(largest) >= 10 and others and all(len(group) <= 2 and _has_plane(group[0]) for group in others):
        return scouts + [instance for group in others for instance in group], largest
    return scouts, slices


def _has_plane(instance: Instance) -> bool:
    # An image without orientation is a damaged slice, not a scout: it must be named, not put aside.
    return numbers(instance.header, "ImageOrientationPatient", 6) is not None


def _in_position_order(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    cosines = numbers(instances[0].header, "ImageOrientationPatient", 6)
    positions = [numbers(instance.header, "ImagePositionPatient", 3) for instance in instances]
    known = [position for position in positions if position is not None]
    if cosines is None or len(known) < len(positions) or not np.isfinite([*cosines, *np.ravel(known)]).all():
        return tuple(sorted(instances, key=lambda instance: number(instance.header, "InstanceNumber") or 0.0))
    along = np.array(known) @ np.cross(cosines[:3], cosines[3:])
    return tuple(instances[n] for n in np.argsort(along, kind="stable"))


def series_geometry(series: DicomSeries) -> Geometry:
    """Where the volume of a series lies, from its headers alone; axes (slice along the normal, row, column).

    Raises
    ------
    Refusal
        whatever makes the series unfit, before any pixel is read (`dicom_checks`).
    """
    if series.problem is not None:
        raise series.problem
    refuse_unreadable(series.instances)
    return checked_geometry(series.instances)


def assemble(series: DicomSeries) -> Volume:
    """The volume of a series: stored values, exact in every lossless transfer syntax.

    Slices in position order; ``array[k]`` is the image ``series.instances[k]``, rows and columns untouched. Values are
    unsigned 16 bit, signed ones moved together with the intercept, where that is exact; else they stay signed.

    Raises
    ------
    Refusal
        from `series_geometry`, and for pixels that are truncated, damaged, of an unread transfer syntax or without a
        common rescale.
    """
    geometry = series_geometry(series)
    stored, _signed = read_stored(series.instances)
    array, slope, intercept = rescaled(stored, series.instances)
    return Volume(geometry, array, slope, intercept)
