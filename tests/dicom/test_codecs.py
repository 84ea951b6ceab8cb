"""Codecs against pydicom on real files and against dcmtk on made ones, and their lower resolutions."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from PIL import Image as PillowImage
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from rakurs.dicom.pixels import image_from_dataset, read_dataset
from rakurs.study import Image
from tests import films
from tests.films import dicom12, film, film_of


def read(data: bytes, **settings: Any) -> Image:
    return image_from_dataset(read_dataset(data), sha256="0" * 64, **settings)


def sample(name: str) -> bytes:
    """A file of pydicom or pydicom-data, which is there without any download."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"needs {name} of the package pydicom-data")
    return Path(str(path)).read_bytes()


def reference(dataset: pydicom.Dataset) -> npt.NDArray[np.float64]:
    """Grey values by pydicom's own steps, valid for slopes above zero, by the range of the values at last."""
    units = apply_modality_lut(dataset.pixel_array, dataset).astype(np.float64)
    if dataset.get("VOILUTSequence"):
        shown = apply_voi_lut(units.astype(np.int64), dataset) / (2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif dataset.get("WindowCenter") is not None:
        centre, width = (np.atleast_1d(np.asarray(dataset[name].value, float))[0] for name in WINDOW)
        shown = np.clip((units - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    else:
        shown = (units - units.min()) / (units.max() - units.min())
    return np.asarray(1 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown)


WINDOW = ("WindowCenter", "WindowWidth")
GREY_FILES = (
    "RG1_J2KI.dcm",
    "RG1_UNCI.dcm",
    "RG1_UNCR.dcm",
    "RG3_J2KI.dcm",
    "RG3_J2KR.dcm",
    "RG3_UNCI.dcm",
    "RG3_UNCR.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_expb.dcm",
    "MR2_J2KR.dcm",
    "MR2_UNCI.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000.dcm",
    "CT_small.dcm",
    "image_dfl.dcm",
    "mlut_18.dcm",
    "vlut_04.dcm",
)
COLOUR_FILES = (
    "SC_rgb.dcm",
    "SC_rgb_16bit.dcm",
    "SC_rgb_expb.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_rgb_jpeg.dcm",
    "SC_rgb_jpeg_app14_dcmd.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "US1_J2KI.dcm",
    "US1_J2KR.dcm",
    "US1_UNCI.dcm",
    "color-pl.dcm",
    "color-px.dcm",
)


@pytest.mark.parametrize("name", GREY_FILES)
def test_real_grey_files_agree_with_pydicom(name: str) -> None:
    data = sample(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(pydicom.dcmread(pydicom.filebase.DicomBytesIO(data)))
    np.testing.assert_allclose(read(data).pixels, expected, atol=1e-4)


@pytest.mark.parametrize("name", COLOUR_FILES)
def test_real_colour_files_agree_with_pydicom(name: str) -> None:
    data = sample(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data)).pixel_array
    np.testing.assert_allclose(read(data).pixels, expected / np.iinfo(expected.dtype).max, atol=1.01 / 255)


@pytest.mark.parametrize("name", ["OT-PAL-8-face.dcm", "examples_palette.dcm", "gdcm-US-ALOKA-16.dcm", "OBXXXX1A.dcm"])
def test_palettes_give_colours(name: str) -> None:
    image = read(sample(name))
    assert image.pixels.shape == (image.source.rows, image.source.columns, 3)


@pytest.fixture
def dcmtk(request: pytest.FixtureRequest) -> str:
    """The path of one of dcmtk's programs."""
    path = shutil.which(str(request.param))
    if path is None:
        pytest.skip(f"needs {request.param} of dcmtk")
    return path


def decoded_by(program: str, data: bytes, *, folder: Path) -> bytes:
    before, after = folder / "before.dcm", folder / "after.dcm"
    before.write_bytes(data)
    subprocess.run([program, "-q", str(before), str(after)], check=True, timeout=60)
    return after.read_bytes()


ENCODED: tuple[tuple[str, str, films.Encoder], ...] = (
    ("dcmdjpeg", films.LOSSLESS, films.jpeg_lossless),
    ("dcmdjpeg", films.LOSSLESS_FIRST, films.jpeg_lossless),
    ("dcmdjpeg", films.EXTENDED, films.jpeg_lossy),
    ("dcmdjpls", films.LS_LOSSLESS, films.jpeg_ls),
    ("dcmdjpls", films.LS_NEAR, films.jpeg_ls_near),
    ("dcmdrle", films.RLE, films.rle),
)


@pytest.mark.parametrize(("dcmtk", "syntax", "encode"), ENCODED, indirect=["dcmtk"])
def test_codecs_agree_with_dcmtk(dcmtk: str, tmp_path: Path, *, syntax: str, encode: films.Encoder) -> None:
    # Short of white: dcmtk lets near-lossless values that exceed 12 bits start again at black.
    stored = np.minimum(film_of(12), 4000)
    data = dicom12(stored, syntax=syntax, encode=encode, WindowCenter=2048, WindowWidth=4096)
    decoded = pydicom.dcmread(pydicom.filebase.DicomBytesIO(decoded_by(dcmtk, data, folder=tmp_path)))
    np.testing.assert_allclose(read(data).pixels, decoded.pixel_array / 4095, atol=1.01 / 4095)


def test_a_large_jpeg_2000_is_decoded_to_the_resolution_that_is_asked_for() -> None:
    larger = PillowImage.fromarray(film()).resize((320, 384), PillowImage.Resampling.BICUBIC)
    whole = np.asarray(larger, np.uint16) * 16
    data = dicom12(whole, syntax=films.J2K_LOSSLESS, encode=films.jpeg2000, WindowCenter=2048, WindowWidth=4096)
    image = read(data, at_least=(90, 80))
    assert image.pixels.shape == (96, 80)
    assert (image.source.rows, image.source.columns) == (384, 320)
    assert np.corrcoef(image.pixels.ravel(), film().ravel())[0, 1] > 0.98


@pytest.mark.parametrize("at_least", [(97, 1), (1, 81), (1000, 1000)])
def test_no_resolution_level_is_left_out_that_is_needed(at_least: tuple[int, int]) -> None:
    data = dicom12(film_of(12), syntax=films.J2K_LOSSLESS, encode=films.jpeg2000)
    np.testing.assert_allclose(read(data, at_least=at_least).pixels, film() / 255, atol=1e-3)


@pytest.mark.parametrize("syntax", [films.J2K_LOSSLESS, films.HT_LOSSLESS])
@pytest.mark.parametrize("signed", [False, True])
def test_fewer_levels_keep_the_grey_values(syntax: str, signed: bool) -> None:
    stored = np.full((64, 64), 1000, np.int16 if signed else np.uint16)
    stored[:, 32:] = 3000
    stored -= 2048 if signed else 0
    encode = films.jpeg2000 if syntax == films.J2K_LOSSLESS else films.htj2k
    window = {"WindowCenter": 0 if signed else 2048, "WindowWidth": 4096}
    image = read(dicom12(stored, syntax=syntax, encode=encode, **window), at_least=(16, 16))
    assert image.pixels.shape == (16, 16)
    np.testing.assert_allclose(image.pixels[8, [2, 13]], [1000 / 4095, 3000 / 4095], atol=2e-3)


@pytest.mark.parametrize("sides", [(101, 89), (96, 81), (99, 98), (103, 97)])
def test_sides_that_do_not_halve_evenly_are_decoded_at_a_lower_resolution(sides: tuple[int, int]) -> None:
    stored = np.linspace(0, 4095, sides[0] * sides[1]).reshape(sides).astype(np.uint16)
    data = dicom12(stored, syntax=films.J2K_LOSSLESS, encode=films.jpeg2000)
    assert read(data, at_least=(20, 20)).pixels.shape == (-(-sides[0] // 4), -(-sides[1] // 4))


def test_a_lower_resolution_lies_where_the_average_of_the_full_one_does() -> None:
    """A slope from left to right tells a shift: one column of the full film is 32 of 4096 grey values."""
    stored = np.tile(np.arange(0, 4096, 32, dtype=np.uint16), (128, 1))
    data = dicom12(stored, syntax=films.J2K_LOSSLESS, encode=films.jpeg2000, WindowCenter=2048, WindowWidth=4096)
    lower, full = read(data, at_least=(32, 32)).pixels, read(data).pixels
    averaged = full.reshape(32, 4, 32, 4).mean((1, 3))
    np.testing.assert_allclose(lower[2:-2, 2:-2], averaged[2:-2, 2:-2], atol=0.1 * 32 / 4096)
