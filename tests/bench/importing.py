"""Instances per second of an import, beside `pydicom.dcmread` over the same files in the same run."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pydicom
from numpy.typing import NDArray

from config.folders import REPOSITORY
from tests.bench.installation import Site
from tests.bench.report import Row
from tests.bench.scale import Scale

DATA = Path(os.environ.get("SAGITTAL_DATA", REPOSITORY.parent / "shared" / "data"))
REAL = "acrin_flt_breast_001_torso_dicom.zip"

#: Seconds by what was done in them.
Spent = dict[str, float]

#: Where the time of an import goes, by the module that is at work or waits for its threads.
_STATIONS = {
    "codec": "JPEG-LS encoding",
    "frames": "JPEG-LS encoding",
    "sagittal": "sagittal stack",
    "dicom_pixels": "reading pixels",
    "dicom_series": "reading headers",
    "dicom_header": "reading headers",
    "dicom_checks": "reading headers",
    "header_values": "reading headers",
    "deidentify": "de-identification",
    "pseudonyms": "de-identification",
    "acquisition": "acquisition data",
    "store": "database",
    "jobs": "database",
    "batches": "receiving files",
    "quarantine": "receiving files",
    "unpack": "unpacking",
}


def run(site: Site, scale: Scale) -> list[Row]:
    """The generated series, then the real one where it is there."""
    # Loading code is no part of either rate.
    importlib.import_module("labeling.intake.importer")
    folder = site.scratch / "axial"
    paths = _write_series(folder, scale)
    _ = pydicom.dcmread(paths[0]).pixel_array
    rows = _beside_pydicom(f"{len(paths)} axial {scale.matrix} x {scale.matrix} instances", paths, folder)
    if not scale.real_data:
        return rows
    archive = DATA / REAL
    if not archive.exists():
        return [*rows, Row(f"import of {REAL}", "the file is not there")]
    unpacked = site.scratch / "real"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
    files = sorted(path for path in unpacked.rglob("*") if path.is_file() and pydicom.misc.is_dicom(path))
    return [*rows, *_beside_pydicom(f"{len(files)} real axial instances (acrin, from the zip)", files, archive)]


def _write_series(folder: Path, scale: Scale) -> list[Path]:
    """A body of soft tissue with a spine of bone in it, and noise that compresses as that of a scanner does."""
    from tests.imaging.dicom_factory import write_ct_series

    random = np.random.default_rng(0)
    across = np.linspace(-1, 1, scale.matrix)
    body = across[:, None] ** 2 / 0.5 + across[None, :] ** 2 / 0.8 < 1
    bone = (across[:, None] - 0.3) ** 2 + across[None, :] ** 2 < 0.01
    plane = np.select([bone, body], [300.0, 40.0], -1000.0).astype(np.float32) + 1024

    def frame() -> NDArray[np.int16]:
        noise = random.standard_normal(plane.shape, dtype=np.float32) * 14
        values: NDArray[np.int16] = np.maximum(np.rint(plane + noise), 0).astype(np.int16)
        return values

    stored = np.stack([frame() for _ in range(scale.instances)])
    spacing = 400.0 / scale.matrix
    return write_ct_series(folder, stored, pixel_spacing=(spacing, spacing), patient_id="BENCH-IMPORT")


def _beside_pydicom(what: str, paths: Sequence[Path], delivered: Path) -> list[Row]:
    headers = _rate(paths, lambda path: pydicom.dcmread(path))
    pixels = _rate(paths, lambda path: pydicom.dcmread(path).pixel_array)
    with _sampled() as spent:
        begun = time.perf_counter()
        _import(delivered, len(paths))
        rate = len(paths) / (time.perf_counter() - begun)
    return [
        Row(f"import, {what}", f"{rate:.1f} instances/s", f"dcmread {headers:.1f} instances/s", rate / headers),
        Row(
            "the same, beside dcmread with pixels",
            f"{rate:.1f} instances/s",
            f"{pixels:.1f} instances/s",
            rate / pixels,
        ),
        Row("where that import's time goes", _shares(spent)),
    ]


def _rate(paths: Sequence[Path], read: Callable[[Path], object]) -> float:
    """Instances per second; the files have just been written or read, so the disk takes no part."""
    begun = time.perf_counter()
    for path in paths:
        read(path)
    return len(paths) / (time.perf_counter() - begun)


def _import(delivered: Path, instances: int) -> None:
    """Deliver a file or folder and import it here and now, as `manage.py import_cases` does.

    Raises
    ------
    RuntimeError
        where not all of it came in: a figure for half an import would be a lie.
    """
    from labeling.intake import batches
    from labeling.intake.importer import import_batch
    from labeling.intake.store import KEPT

    batch = batches.new_batch(None, "bench", "command")
    batches.add_path(batch, delivered)
    batches.finish_batch(batch, announce=False)
    import_batch(batch.uuid)
    batch.refresh_from_db()
    came = sum(batch.series.filter(outcome__in=KEPT).values_list("images", flat=True))
    if came != instances:
        reasons = [batch.message, *batch.series.values_list("why", flat=True)]
        raise RuntimeError(f"{came} of {instances} instances came in. {' '.join(reasons)}")


@contextmanager
def _sampled(every: float = 0.005) -> Iterator[Spent]:
    """Seconds by station, of the thread that calls: who of ours is innermost on its stack, looked up again and again.

    A profiler would slow down Python and not C; a look every few milliseconds slows down neither.
    """
    spent: Spent = defaultdict(float)
    done = threading.Event()
    watched = threading.get_ident()

    def look() -> None:
        before = time.perf_counter()
        while not done.wait(every):
            frame = sys._current_frames().get(watched)
            now = time.perf_counter()
            spent[_station(frame)] += now - before
            before = now

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield spent
    finally:
        done.set()
        thread.join()


def _station(frame: FrameType | None) -> str:
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent.name in ("imaging", "intake") and path.parent.parent.name == "labeling":
            return _STATIONS.get(path.stem, path.stem)
        if "django/db" in frame.f_code.co_filename:
            return "database"
        frame = frame.f_back
    return "other"


def _shares(spent: Spent) -> str:
    whole = sum(spent.values()) or 1.0
    most = sorted(spent.items(), key=lambda item: -item[1])
    parts = [f"{name} {seconds / whole:.0%}" for name, seconds in most[:6] if seconds / whole >= 0.01]
    return f"{whole:.1f} s: {', '.join(parts)}"
