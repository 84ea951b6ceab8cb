"""Grey values against the standard's formulas, written out value by value, and against dcmtk."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage

from rakurs.dicom.pixels import image_from_dataset, read_dataset
from rakurs.study import Image
from tests.films import dicom, dicom12, film, film_of, look_up_table


def read(data: bytes, **settings: Any) -> Image:
    return image_from_dataset(read_dataset(data), sha256="0" * 64, **settings)


def ramp(bits: int = 12) -> npt.NDArray[np.uint16]:
    """Every value of so many bits once, in rows of 64."""
    return np.arange(1 << bits, dtype=np.uint16).reshape(-1, 64)


# The formulas of PS3.3 C.11.2.1.2.1 and C.11.2.1.3, written out value by value as the standard's pseudo-code does.
def linear(x: float, *, centre: float, width: float) -> float:
    if x <= centre - 0.5 - (width - 1) / 2:
        return 0
    if x > centre - 0.5 + (width - 1) / 2:
        return 1
    return (x - (centre - 0.5)) / (width - 1) + 0.5


def linear_exact(x: float, *, centre: float, width: float) -> float:
    if x <= centre - width / 2:
        return 0
    if x > centre + width / 2:
        return 1
    return (x - centre) / width + 0.5


def sigmoid(x: float, *, centre: float, width: float) -> float:
    return 1 / (1 + math.exp(min(700.0, -4 * (x - centre) / width)))


FUNCTIONS = {"LINEAR": linear, "LINEAR_EXACT": linear_exact, "SIGMOID": sigmoid}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("centre", "width"), [(2048, 4096), (600, 400), (1000.5, 1), (100, 3), (3000, 9000)])
def test_a_window_follows_the_formula_of_the_standard(function: str, *, centre: float, width: float) -> None:
    image = read(dicom12(ramp(), WindowCenter=centre, WindowWidth=width, VOILUTFunction=function))
    expected = [FUNCTIONS[function](float(x), centre=centre, width=width) for x in range(4096)]
    np.testing.assert_allclose(image.pixels.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_window_is_in_the_units_behind_a_negative_slope(function: str) -> None:
    image = read(
        dicom12(
            ramp(), RescaleSlope=-2, RescaleIntercept=100, WindowCenter=-900, WindowWidth=700, VOILUTFunction=function
        )
    )
    expected = [FUNCTIONS[function](100.0 - 2 * x, centre=-900, width=700) for x in range(4096)]
    np.testing.assert_allclose(image.pixels.ravel(), expected, atol=1e-6)


def test_polarity_comes_after_the_window() -> None:
    settings = {"WindowCenter": 600, "WindowWidth": 400}
    plain = read(dicom12(ramp(), **settings)).pixels
    inverse = read(dicom12(ramp(), PhotometricInterpretation="MONOCHROME1", **settings)).pixels
    np.testing.assert_allclose(inverse, 1 - plain, atol=1e-6)


def test_a_voi_lut_wins_over_a_window() -> None:
    table = look_up_table(np.arange(4096)[::-1] * 16)
    image = read(dicom12(ramp(), VOILUTSequence=table, WindowCenter=600, WindowWidth=400))
    np.testing.assert_allclose(image.pixels.ravel(), np.arange(4096)[::-1] * 16 / 65535, atol=1e-6)


def test_values_beyond_a_table_take_its_end_entries() -> None:
    table = look_up_table(np.array([10, 20, 30]), first=100, bits=8)
    image = read(dicom12(ramp(), VOILUTSequence=table))
    np.testing.assert_allclose(image.pixels.ravel()[[0, 100, 101, 102, 4095]] * 255, [10, 10, 20, 30, 30], atol=1e-4)


def test_a_table_for_signed_pixels_may_start_below_zero() -> None:
    table = look_up_table(np.array([1, 2, 3]), first=(1 << 16) - 2, bits=8)
    image = read(dicom(np.array([[-3, -2, -1, 0, 1]], np.int16), VOILUTSequence=table))
    np.testing.assert_allclose(image.pixels[0] * 255, [1, 1, 2, 3, 3], atol=1e-4)


def test_without_window_the_range_of_the_values_is_shown() -> None:
    image = read(dicom12(np.array([[1000, 1500, 2000]], np.uint16)))
    np.testing.assert_allclose(image.pixels, [[0, 0.5, 1]])


def test_padding_is_left_out_of_the_range_and_dark() -> None:
    image = read(dicom(np.array([[1000, 1500, 2000, 0]], np.uint16), PixelPaddingValue=0))
    np.testing.assert_allclose(image.pixels, [[0, 0.5, 1, 0]])


def test_an_image_of_one_value_is_dark() -> None:
    assert not read(dicom12(np.full((8, 8), 77, np.uint16))).pixels.any()


@pytest.mark.parametrize(
    ("elements", "inverted"),
    [
        ({"PhotometricInterpretation": "MONOCHROME2"}, False),
        ({"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "IDENTITY"}, False),
        ({"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "INVERSE"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
    ],
)
def test_polarity_is_applied_once(elements: Mapping[str, Any], inverted: bool) -> None:
    shown = read(dicom(film(), **elements)).pixels
    np.testing.assert_allclose(1 - shown if inverted else shown, film() / 255, atol=1e-6)


def test_the_brightest_values_stay_bright_where_the_header_states_too_few_bits() -> None:
    brighter = np.rint(film() * (4500 / 255)).astype(np.uint16)
    image = read(dicom12(brighter, WindowCenter=2250, WindowWidth=4500))
    np.testing.assert_allclose(image.pixels, film() / 255, atol=2e-3)


@pytest.fixture
def dcmtk(request: pytest.FixtureRequest) -> str:
    """The path of one of dcmtk's programs."""
    path = shutil.which(str(request.param))
    if path is None:
        pytest.skip(f"needs {request.param} of dcmtk")
    return path


@pytest.mark.parametrize("dcmtk", ["dcm2pnm"], indirect=True)
@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"RescaleSlope": -1, "RescaleIntercept": 4095},
        {"VOILUTFunction": "SIGMOID"},
        {"RescaleSlope": 0.5, "RescaleIntercept": 600, "PhotometricInterpretation": "MONOCHROME1"},
    ],
)
def test_windows_agree_with_dcmtk(dcmtk: str, tmp_path: Path, *, elements: Mapping[str, Any]) -> None:
    data = dicom12(film_of(12), WindowCenter=2000, WindowWidth=3000, **elements)
    (tmp_path / "film.dcm").write_bytes(data)
    shown = tmp_path / "film.png"
    subprocess.run([dcmtk, "-q", "+Wi", "1", "+on2", str(tmp_path / "film.dcm"), str(shown)], check=True, timeout=60)
    with PillowImage.open(shown) as image:
        np.testing.assert_allclose(read(data).pixels, np.asarray(image) / 65535, atol=2e-4)
