"""From a dataset to an image: what the source tells, colours, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from rakurs.dicom.pixels import image_from_dataset, read_dataset
from rakurs.errors import Refusal
from rakurs.study import Image
from tests import films
from tests.films import dicom, dicom12, film, film_of


def read(data: bytes, **settings: Any) -> Image:
    return image_from_dataset(read_dataset(data), sha256="0" * 64, **settings)


def sample(name: str) -> bytes:
    """A file of pydicom or pydicom-data, which is there without any download."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"needs {name} of the package pydicom-data")
    return Path(str(path)).read_bytes()


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data)
    return caught.value


def test_the_source_tells_what_the_header_says() -> None:
    source = read(dicom12(film_of(12), ViewPosition="LL").replace(b"CHEST ", b"chest ")).source
    assert (source.format, source.rows, source.columns, source.bits) == ("DICOM", 96, 80, 12)
    assert (source.modality, source.body_part, source.view_position) == ("DX", "CHEST", "LL")
    assert (source.transfer_syntax, source.sha256) == (films.EXPLICIT, "0" * 64)


@pytest.mark.parametrize(
    ("code", "position"), [("399348003", "AP"), ("272479007", "PA"), ("R-10236", "LL"), ("399182000", None)]
)
def test_a_view_code_stands_in_for_a_missing_view_position(code: str, position: str | None) -> None:
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "a view"
    image = read(dicom(film(), ViewPosition=None, ViewCodeSequence=pydicom.Sequence([item])))
    assert image.source.view_position == position


def test_the_view_is_left_to_the_caller() -> None:
    assert read(dicom(film())).view is None


@pytest.mark.parametrize(
    ("elements", "spacing_mm"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"PixelSpacing": [0.3, 0.4], "ImagerPixelSpacing": [0.2, 0.1]}, (0.3, 0.4)),
        ({"PixelSpacing": [0, 0]}, None),
        ({}, None),
    ],
)
def test_spacing_is_read_where_the_header_has_it(elements: Mapping[str, Any], spacing_mm: object) -> None:
    assert read(dicom(film(), **elements)).spacing_mm == spacing_mm


def test_true_colours_stay_colours() -> None:
    np.testing.assert_allclose(read(dicom(films.photograph())).pixels, films.photograph() / 255, atol=1e-6)


def without_pixels() -> bytes:
    return dicom(film(), PixelData=None)


def floating_point() -> bytes:
    return dicom(film(), PixelData=None, FloatPixelData=film().astype("<f4").tobytes(), BitsAllocated=32)


def with_jpeg_of(values: films.AnyArray, **elements: Any) -> bytes:
    return dicom(film(), syntax=films.BASELINE, encode=lambda _: films.jpeg_lossy(values), **elements)


def cut_jpeg() -> bytes:
    return dicom(film(), syntax=films.BASELINE, encode=lambda values: films.jpeg_lossy(values)[:-200])


def many_scans() -> bytes:
    return dicom(film(), syntax=films.BASELINE, encode=lambda values: _with_scans(films.jpeg_lossy(values)))


def _with_scans(stream: bytes) -> bytes:
    return stream[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 200 + stream[-2:]


@cache
def bomb() -> bytes:
    """Deflated, and 300 MB once inflated."""
    return dicom(np.zeros((8192, 18432), np.uint16), syntax=films.DEFLATED)


_ELEMENT = b"\x09\x00\x10\x10US\x02\x00\x01\x00"
_SEQUENCE = b"\x11\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff"
_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "several frames": (lambda: dicom(film(), NumberOfFrames=2), "multi_frame"),
    "no pixels": (without_pixels, "unreadable"),
    "empty pixels": (lambda: dicom(film(), PixelData=b""), "unreadable"),
    "pixels in floating point": (floating_point, "unsupported"),
    "no rows": (lambda: dicom(film(), Rows=None), "unreadable"),
    "zero rows": (lambda: dicom(film(), Rows=0), "unreadable"),
    "no photometric interpretation": (lambda: dicom(film(), PhotometricInterpretation=None), "unreadable"),
    "unknown photometric interpretation": (lambda: dicom(film(), PhotometricInterpretation="HSV"), "unsupported"),
    "32 bits": (lambda: dicom(film(), BitsAllocated=32), "unsupported"),
    "samples that do not fit": (lambda: dicom(film(), SamplesPerPixel=3), "unreadable"),
    "more bits stored than allocated": (lambda: dicom(film(), BitsStored=12), "unreadable"),
    "more rows than pixels": (lambda: dicom(film(), Rows=200), "unreadable"),
    "more pixels than the limit": (lambda: dicom(film(), Rows=65535, Columns=65535), "too_large"),
    "odd columns in 4:2:2": (
        lambda: dicom(films.photograph()[:, :79], PhotometricInterpretation="YBR_FULL_422"),
        "unreadable",
    ),
    "retired transfer syntax": (
        lambda: dicom(film(), syntax=f"{films.PREFIX}.4.53", encode=films.jpeg_lossy),
        "unsupported",
    ),
    "private transfer syntax": (
        lambda: dicom(film()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0"),
        "unsupported",
    ),
    "video": (lambda: dicom(film(), syntax=f"{films.PREFIX}.4.102", encode=films.jpeg_lossy), "unsupported"),
    "encoded frame of another size": (lambda: with_jpeg_of(film()[:50]), "unreadable"),
    "encoded frame in colour": (lambda: with_jpeg_of(films.photograph()), "unreadable"),
    "JPEG cut short": (cut_jpeg, "unreadable"),
    "JPEG of many scans": (many_scans, "unsupported"),
    "no JPEG at all": (lambda: dicom(film(), syntax=films.BASELINE, encode=lambda _: b"nothing!"), "unreadable"),
    "no JPEG 2000 at all": (lambda: dicom(film(), syntax=films.J2K, encode=lambda _: b"nothing!"), "unreadable"),
    "no JPEG-LS at all": (lambda: dicom(film(), syntax=films.LS_NEAR, encode=lambda _: b"nothing!"), "unreadable"),
    "no RLE at all": (lambda: dicom(film(), syntax=films.RLE, encode=lambda _: b"nothing!"), "unreadable"),
    "RLE of too few bytes": (
        lambda: dicom(film(), syntax=films.RLE, encode=lambda _: b"\1\0\0\0\x40" + bytes(60)),
        "unreadable",
    ),
    "deflated beyond the limit": (bomb, "too_large"),
    "deflated and cut short": (lambda: dicom(film(), syntax=films.DEFLATED)[:-300], "unreadable"),
    "a header of very many elements": (lambda: dicom(film()) + _ELEMENT * 400_000, "too_large"),
    "a sequence of very many elements": (
        lambda: dicom(film()) + _SEQUENCE + _ITEM + _ELEMENT * 400_000,
        "too_large",
    ),
    "no DICOM at all": (lambda: bytes(4), "unreadable"),
    "an empty file": (lambda: b"", "unreadable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused(name: str) -> None:
    build, code = REFUSED[name]
    assert refusal_of(build()).code == code


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_nothing_of_the_patient(name: str) -> None:
    message = refusal_of(REFUSED[name][0]()).message
    assert not any(word in message for word in ("Nobody", "Nowhere", "0000"))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("emri_small.dcm", "multi_frame"),
        ("color3d_jpeg_baseline.dcm", "multi_frame"),
        ("SC_rgb_32bit.dcm", "unsupported"),
        ("emri_small_jpeg_2k_lossless_too_short.dcm", "unreadable"),
        ("MR_truncated.dcm", "unreadable"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "unreadable"),
        ("rtplan.dcm", "unreadable"),
        ("reportsi.dcm", "unreadable"),
        ("waveform_ecg.dcm", "unreadable"),
    ],
)
def test_real_files_that_cannot_be_read_are_refused(name: str, code: str) -> None:
    assert refusal_of(sample(name)).code == code


def test_a_value_that_is_far_too_long_counts_as_absent() -> None:
    centres = dicom12(film_of(12), syntax=films.IMPLICIT, WindowCenter=["1"] * 600_000, WindowWidth=["1"] * 600_000)
    np.testing.assert_allclose(read(centres).pixels, film() / 255, atol=1e-3)


def test_damaged_values_of_the_header_count_as_absent() -> None:
    data = dicom12(film_of(12), WindowCenter=2048, WindowWidth=4096, PixelSpacing=[0.2, 0.2])
    damaged = data.replace(b"0.2\\0.2 ", b"a.b\\c.d ").replace(b"2048", b"20.4.8"[:4])
    image = read(damaged)
    assert image.spacing_mm is None
    np.testing.assert_allclose(image.pixels, film() / 255, atol=1e-3)
