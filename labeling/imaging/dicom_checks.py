"""What must be true of a DICOM series before its pixels are worth reading: every check with its own sentence.

Sources: DICOM PS3.3 C.7.6.2 (image plane), C.8.2.1 (CT image), C.7.6.3 (image pixel).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .dicom_header import Instance, number, numbers, text, texts
from .geometry import Geometry
from .refusal import Refusal

__all__ = ["checked_geometry", "is_localizer", "refuse_unreadable"]

Floats = NDArray[np.float64]

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

#: Defined terms of Photometric Interpretation (PS3.3 C.7.6.3.1.2); anything else was typed, and is not repeated.
_PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "XYB")
_PHOTOMETRIC_YBR = re.compile(r"YBR_(FULL|FULL_422|PARTIAL_422|PARTIAL_420|ICT|RCT)")

_FEWEST_SLICES = 3
_LARGEST_SIDE = 4096
_MOST_VOXELS = 1_200_000_000  # 2.4 GB of stored values; a whole-body CT of 512 x 512 x 4,500
_ORTHONORMAL = 2e-3  # direction cosines written with three decimals still pass
_SAME_ORIENTATION = 1e-3
_TILT_DEGREES = 0.25  # rounding of the cosines stays below, every gantry tilt lies above
_SAME_POSITION_MM = 0.01


def is_localizer(instance: Instance) -> bool:
    """Whether Image Type says scout (PS3.3 C.8.2.1.1.1, value 3 LOCALIZER)."""
    return "LOCALIZER" in (value.upper() for value in texts(instance.header, "ImageType"))


def refuse_unreadable(instances: Sequence[Instance]) -> None:
    """Refuse a series that is no volume of 16-bit CT slices, whatever its geometry.

    Raises
    ------
    Refusal
        ``secondary-capture``, ``enhanced-ct``, ``not-ct``, ``scout``, ``too-few-slices``, ``color``, ``8-bit``,
        ``bit-depth``, ``matrix`` or ``too-large``.
    """
    for instance in instances:
        _refuse_class(instance)
    if all(is_localizer(instance) for instance in instances):
        raise Refusal("scout", "The series is a scout (LOCALIZER), not a volume. It was left out.")
    if len(instances) < _FEWEST_SLICES:
        images = "1 image" if len(instances) == 1 else f"{len(instances)} images"
        raise Refusal(
            "too-few-slices",
            f"The series has {images}. A stack needs at least {_FEWEST_SLICES}. "
            "Send the whole series, or leave it out.",
        )
    for n, instance in enumerate(instances, start=1):
        _refuse_pixels(instance, n)
    sizes = Counter(_matrix(instance) for instance in instances)
    if len(sizes) > 1:
        listed = " and ".join(f"{rows} x {columns}" for (rows, columns), _ in sizes.most_common(3))
        raise Refusal("matrix", f"The slices differ in size (rows x columns): {listed}. Send one series at a time.")
    rows, columns = next(iter(sizes))
    if rows * columns * len(instances) > _MOST_VOXELS:
        raise Refusal(
            "too-large",
            f"The series has {len(instances)} slices of {rows} x {columns}, more than can be held. Send part.",
        )


def _refuse_class(instance: Instance) -> None:
    header = instance.header
    sop_class, modality = text(header, "SOPClassUID"), text(header, "Modality")
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(f"{_SECONDARY_CAPTURE}."):
        raise Refusal(
            "secondary-capture",
            "The images are screen captures (Secondary Capture), not CT slices. Send the originals.",
        )
    frames = number(header, "NumberOfFrames")
    if sop_class in _ENHANCED_CT or (modality == "CT" and frames is not None and frames > 1):
        raise Refusal(
            "enhanced-ct", "This is an Enhanced (multi-frame) CT, not read for now. Send it as single CT slices."
        )
    if (modality or "CT") != "CT":
        # A modality is two or three capitals (PS3.3 C.7.3.1.1.1); other text is not repeated, it may be anything.
        kind = modality if re.fullmatch("[A-Z]{2,4}", modality) else "of another kind"
        raise Refusal("not-ct", f"The series is {kind}, not CT. Only CT slices are read.")
    if sop_class not in ("", CT_IMAGE):
        raise Refusal("not-ct", "The series holds objects that are not CT images. Only CT slices are read.")


def _matrix(instance: Instance) -> tuple[int, int]:
    return int(number(instance.header, "Rows") or 0), int(number(instance.header, "Columns") or 0)


def _refuse_pixels(instance: Instance, n: int) -> None:
    header = instance.header
    samples = number(header, "SamplesPerPixel")
    photometric = text(header, "PhotometricInterpretation") or "MONOCHROME2"
    if samples not in (None, 1.0) or photometric != "MONOCHROME2":
        known = photometric in _PHOTOMETRIC or _PHOTOMETRIC_YBR.fullmatch(photometric)
        shown = photometric if known else "of an unknown kind"
        raise Refusal("color", f"Image {n} is {shown}, not a gray CT slice (MONOCHROME2). Send the originals.")
    allocated, stored = number(header, "BitsAllocated"), number(header, "BitsStored")
    if allocated == 8:
        raise Refusal("8-bit", f"Image {n} has 8 bits per pixel; Hounsfield units need more. Send the originals.")
    high = number(header, "HighBit")
    if allocated != 16 or stored is None or not 9 <= stored <= 16 or high not in (None, stored - 1):
        raise Refusal(
            "bit-depth",
            f"Image {n} has {_said(stored)} bits stored in {_said(allocated)} allocated, high bit {_said(high)}. "
            "Only 9 to 16 bits in 16 are read.",
        )
    if number(header, "PixelRepresentation") not in (0.0, 1.0):
        raise Refusal("bit-depth", f"Image {n} does not say whether its values are signed (Pixel Representation).")
    rows, columns = _matrix(instance)
    if not (1 <= rows <= _LARGEST_SIDE and 1 <= columns <= _LARGEST_SIDE):
        raise Refusal("matrix", f"Image {n} is {rows} x {columns} pixels. Sides of 1 to {_LARGEST_SIDE} are read.")


def _said(value: float | None) -> str:
    return "no" if value is None else f"{value:g}"


def checked_geometry(instances: Sequence[Instance]) -> Geometry:
    """The geometry of slices in position order, axes (slice along the normal, row, column), LPS millimetres.

    Voxel centres follow equation C.7.6.2.1-1 of PS3.3; along the slices the even grid nearest to all positions is
    taken, so that positions rounded by the scanner do not add up.

    Raises
    ------
    Refusal
        ``no-spacing``, ``no-position``, ``no-orientation``, ``orientation``, ``inconsistent-orientation``,
        ``inconsistent-spacing``, ``frame-of-reference``, ``gantry-tilt``, ``duplicate-positions``,
        ``interleaved-acquisitions``, ``missing-slices`` or ``uneven-slices``.
    """
    row_spacing, column_spacing = _common_spacing(instances)
    along_row, along_column = _common_orientation(instances)
    _refuse_several_frames_of_reference(instances)
    positions = np.array([_position(instance, n) for n, instance in enumerate(instances, start=1)])
    normal = np.cross(along_row, along_column)
    _refuse_irregular(instances, positions @ normal, shown_sign=float(np.sign(normal[np.abs(normal).argmax()])))
    step, first = _even_grid(positions)
    _refuse_tilt(instances, step, normal)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, along_column * row_spacing, along_row * column_spacing
    affine[:3, 3] = first
    rows, columns = _matrix(instances[0])
    return Geometry((len(instances), rows, columns), affine)


def _common_spacing(instances: Sequence[Instance]) -> tuple[float, float]:
    spacings = []
    for n, instance in enumerate(instances, start=1):
        values = numbers(instance.header, "PixelSpacing", 2)
        if values is None:
            raise Refusal("no-spacing", f"Pixel Spacing is missing in image {n}. Without it nothing can be measured.")
        if not all(math.isfinite(value) and value > 0 for value in values):
            raise Refusal(
                "no-spacing", f"Pixel Spacing of image {n} is {values[0]:g} x {values[1]:g} mm. Send the series again."
            )
        spacings.append(values)
    first = spacings[0]
    for n, values in enumerate(spacings, start=1):
        if not np.allclose(values, first, rtol=1e-4, atol=0):
            raise Refusal(
                "inconsistent-spacing",
                f"Pixel Spacing changes inside the series: {first[0]:g} x {first[1]:g} mm in image 1, "
                f"{values[0]:g} x {values[1]:g} mm in image {n}. Send one series at a time.",
            )
    return first[0], first[1]


def _common_orientation(instances: Sequence[Instance]) -> tuple[Floats, Floats]:
    """Unit vectors along a row (growing column) and along a column (growing row)."""
    found = np.array([_orientation(instance, n) for n, instance in enumerate(instances, start=1)])
    differing = np.flatnonzero(np.abs(found - found[0]).max(axis=1) > _SAME_ORIENTATION)
    if differing.size:
        raise Refusal(
            "inconsistent-orientation",
            f"The orientation changes inside the series, first in image {differing[0] + 1}. Send one series at a time.",
        )
    row, column = found[0, :3], found[0, 3:]
    return row / np.linalg.norm(row), column / np.linalg.norm(column)


def _orientation(instance: Instance, n: int) -> tuple[float, ...]:
    values = numbers(instance.header, "ImageOrientationPatient", 6)
    if values is None or not all(math.isfinite(value) for value in values):
        raise Refusal(
            "no-orientation", f"Image Orientation is missing or no number in image {n}. Send the series again."
        )
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column))) > _ORTHONORMAL:
        raise Refusal(
            "orientation",
            f"Image Orientation of image {n} is not two unit vectors at right angles (lengths {lengths[0]:.3f} and "
            f"{lengths[1]:.3f}, cosine {float(row @ column):.3f}). Send the series again.",
        )
    return values


def _position(instance: Instance, n: int) -> tuple[float, ...]:
    values = numbers(instance.header, "ImagePositionPatient", 3)
    if values is None or not all(math.isfinite(value) for value in values):
        raise Refusal("no-position", f"Image Position is missing or no number in image {n}. Send the series again.")
    return values


def _refuse_several_frames_of_reference(instances: Sequence[Instance]) -> None:
    frames = {text(instance.header, "FrameOfReferenceUID") for instance in instances}
    if len(frames) > 1:
        raise Refusal(
            "frame-of-reference",
            f"The series mixes {len(frames)} frames of reference, so its positions do not belong together. "
            "Send one series at a time.",
        )


def _refuse_irregular(instances: Sequence[Instance], along: Floats, shown_sign: float) -> None:
    """Refuse positions (mm along the normal, ascending) that are not one evenly spaced row.

    Sentences show them times `shown_sign`, so that they run as the patient axis they lie closest to.
    """
    steps = np.diff(along)
    typical = float(np.median(steps))
    tolerance = _tolerance(typical)
    grid = np.polynomial.Polynomial.fit(np.arange(len(along)), along, 1)(np.arange(len(along)))
    if steps.min() > _SAME_POSITION_MM and np.abs(along - grid).max() <= tolerance:
        return
    groups = _acquisitions(instances, along)
    if groups > 1:
        raise Refusal(
            "interleaved-acquisitions",
            f"The series holds {groups} acquisitions of the same region, slice by slice. Send each as its own series.",
        )
    shown = shown_sign * along
    twice = np.flatnonzero(steps <= _SAME_POSITION_MM)
    if twice.size:
        n = int(twice[0])
        raise Refusal(
            "duplicate-positions",
            f"Images {n + 1} and {n + 2} lie at the same position, {shown[n]:.1f} mm, but are not the same image. "
            "Send the series again.",
        )
    gaps = np.flatnonzero(steps > 1.5 * typical)
    if gaps.size:
        n = int(gaps[0])
        raise Refusal(
            "missing-slices",
            f"Slices are missing. Positions jump from {_pair(shown[n], shown[n + 1])} mm after image {n + 1}. "
            "Send the series again.",
        )
    n = int(np.abs(steps - typical).argmax())
    raise Refusal(
        "uneven-slices",
        f"Slices are unevenly spaced: {steps[n]:.2f} mm after image {n + 1}, {typical:.2f} mm as a rule. "
        "Send a reconstruction with even spacing.",
    )


def _tolerance(spacing: float) -> float:
    """How far (mm) a slice may lie off the even grid.

    Scanners round positions, some to 0.1 mm, so half of that at each slice is no fault; a fifth of the spacing
    keeps thin slices honest, and 0.01 mm is allowed always.
    """
    return max(0.01, min(0.1, 0.2 * spacing))


def _acquisitions(instances: Sequence[Instance], along: Floats) -> int:
    """How many evenly spaced stacks, each over most of the range, the series is mixed of; 1 where it is not.

    They are told apart by Acquisition Number, kernel or acquisition time, or by every position occurring equally often.
    """
    counts = Counter(np.round(along / _SAME_POSITION_MM).astype(int).tolist())
    often = set(counts.values())
    if len(often) == 1 and often != {1} and len(counts) >= _FEWEST_SLICES:
        return int(often.pop())
    span = float(along[-1] - along[0])
    for keyword in ("AcquisitionNumber", "ConvolutionKernel", "AcquisitionTime", "ImageType"):
        groups: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
        for instance, position in zip(instances, along, strict=True):
            groups[texts(instance.header, keyword)].append(float(position))
        if len(groups) > 1 and all(_is_even(group, span) for group in groups.values()):
            return len(groups)
    return 1


def _is_even(positions: list[float], span: float) -> bool:
    if len(positions) < _FEWEST_SLICES or positions[-1] - positions[0] < 0.5 * span:
        return False
    steps = np.diff(positions)
    return bool(steps.min() > _SAME_POSITION_MM and np.ptp(steps) <= 2 * _tolerance(float(np.median(steps))))


def _even_grid(positions: Floats) -> tuple[Floats, Floats]:
    """Step and first position (mm, LPS) of the even grid nearest to `positions` (n, 3) in the least-squares sense."""
    k = np.arange(len(positions)) - (len(positions) - 1) / 2
    centre = positions.mean(axis=0)
    step: Floats = (k[:, None] * (positions - centre)).sum(axis=0) / (k**2).sum()
    first: Floats = centre + k[0] * step
    return step, first


def _refuse_tilt(instances: Sequence[Instance], step: Floats, normal: Floats) -> None:
    cosine = float(step @ normal / np.linalg.norm(step))
    angle = math.degrees(math.acos(min(1.0, abs(cosine))))
    if angle <= _TILT_DEGREES:
        return
    tilt = number(instances[0].header, "GantryDetectorTilt")
    if tilt:
        raise Refusal(
            "gantry-tilt",
            f"The gantry was tilted by {abs(tilt):.1f} degrees, which is not read for now. "
            "Send a reconstruction without tilt.",
        )
    raise Refusal(
        "gantry-tilt",
        f"The slices are shifted against each other: the stack leans by {angle:.1f} degrees, "
        "which is not read for now. Send a reconstruction without tilt.",
    )


def _pair(start: float, end: float) -> str:
    return f"{start:.1f} to {end:.1f}" if abs(end - start) >= 0.5 else f"{start:.3f} to {end:.3f}"
