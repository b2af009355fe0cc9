"""Axial and coronal planes of real examinations, held against SimpleITK's reading of the same files."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from labeling.imaging.planes import Plane, axial_plane, coronal_plane
from labeling.intake.volumes import Preparing, Ready, volume_of
from labeling.models import Stack
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = pytest.mark.django_db

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat


def prepared_volume() -> Ready:
    until = time.monotonic() + 60
    while isinstance(found := volume_of(Stack.objects.get()), Preparing):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def assert_at_their_places(planes: list[Plane], image: SimpleITK.Image, values: np.ndarray) -> None:
    """Pixels of the planes, by their headers alone, are the voxels at the same place in the patient."""
    random = np.random.default_rng(7)
    for plane in planes:
        for row, column in random.integers(0, plane.values.shape, (40, 2)).tolist():
            point = plane.origin + column * plane.spacing[1] * plane.right + row * plane.spacing[0] * plane.down
            index = image.TransformPhysicalPointToContinuousIndex(point.tolist())
            x, y, z = (round(place) for place in index)
            assert np.abs(np.array(index) - (x, y, z)).max() < 0.02
            assert plane.values[row, column] == values[z, y, x]


@pytest.mark.parametrize("name", ["acrin_flt_breast_001_torso_dicom.zip", "ts_example_dicom_j2k.zip"])
def test_planes_of_real_dicom_lie_where_simpleitk_finds_them(deliver, tmp_path: Path, name: str) -> None:
    assert (DATA / name).is_file(), f"{name} is missing from the sample data."
    deliver(DATA / name)
    with zipfile.ZipFile(DATA / name) as archive:
        archive.extractall(tmp_path / "plain")
    reader = SimpleITK.ImageSeriesReader()
    folder = next(path.parent for path in sorted((tmp_path / "plain").rglob("*")) if path.is_file())
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    ready = prepared_volume()
    low, high = ready.geometry.to_patient([(ready.geometry.shape[0] - 1, 0, 0), (0, ready.geometry.shape[1] - 1, 0)])
    planes = [axial_plane(ready.array, ready.geometry, z) for z in np.linspace(low[2], high[2], 5)]
    planes += [coronal_plane(ready.array, ready.geometry, y) for y in np.linspace(low[1], high[1], 5)]
    assert_at_their_places(planes, image, SimpleITK.GetArrayFromImage(image))


@pytest.mark.parametrize("name", ["ts_example_ct.nii.gz", "ts_thorax_ct_1p5mm.nii.gz"])
def test_planes_of_real_nifti_lie_where_simpleitk_finds_them(deliver, name: str) -> None:
    assert (DATA / name).is_file(), f"{name} is missing from the sample data."
    deliver(DATA / name)
    image = SimpleITK.ReadImage(str(DATA / name))
    ready = prepared_volume()
    origin = ready.geometry.origin
    planes = [axial_plane(ready.array, ready.geometry, origin[2] - step) for step in (0.0, 20.0, 55.0)]
    planes += [coronal_plane(ready.array, ready.geometry, origin[1] + step) for step in (0.0, 20.0, 55.0)]
    assert_at_their_places(planes, image, SimpleITK.GetArrayFromImage(image))
