"""Changes to a valid series, and the refusal that follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from labeling.imaging.dicom_series import assemble, scan
from labeling.imaging.refusal import Refusal

SHAPE = (6, 8, 7)


def refusal_of(paths: list[Path]) -> Refusal:
    found = scan(paths)
    assert len(found.series) == 1, found
    with pytest.raises(Refusal) as refused:
        assemble(found.series[0])
    return refused.value


def setting(keyword: str, value: Any, only: int | None = None) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        if only is None or n == only:
            setattr(dataset, keyword, value)

    return change


def without(keyword: str, only: int | None = None) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        if only is None or n == only:
            delattr(dataset, keyword)

    return change


def moved(places: list[float]) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.ImagePositionPatient = [-100, -120, places[n]]

    return change
