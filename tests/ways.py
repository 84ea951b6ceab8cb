"""The same film, stored in as many ways as films are stored: name -> (the file's bytes, the largest error allowed)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests import films
from tests.films import (
    dicom,
    dicom12,
    film,
    film_of,
    look_up_table,
    padded,
    png,
    saved,
    tiff,
    with_alpha,
)

_NOTHING_LOST, _LOSSY = 1e-3, 0.02
Way = Callable[[], bytes]


def _inverse12() -> Any:
    return 4095 - film_of(12)


def _signed12() -> Any:
    return film_of(12).astype(np.int16) - 2048


def _ybr() -> Any:
    """Grey as YBR_FULL: no difference of colours."""
    return np.stack([film(), np.full_like(film(), 128), np.full_like(film(), 128)], axis=-1)


def _scrambled(values: Any) -> Any:
    """A one-to-one map of 12-bit values onto themselves that is far from a straight line, and its own inverse."""
    return values ^ 0x2A5


def _with_overlay() -> bytes:
    """A retired overlay, of every other pixel, in the highest of the bits that the film leaves unused."""
    checkers = np.indices((films.ROWS, films.COLUMNS)).sum(0) % 2
    overlay = {(0x6000, 0x0100): ("US", 16), (0x6000, 0x0102): ("US", 15)}
    return dicom12(film_of(12) | (checkers << 15).astype(np.uint16), extra=overlay)


def _without_preamble(data: bytes) -> bytes:
    return data[132:]


def _without_meta(data: bytes) -> bytes:
    """Only the dataset: what follows file meta information, whose length its first element states."""
    return data[132 + 12 + int.from_bytes(data[140:144], "little") :]


_WINDOW: Mapping[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096}

LOSSLESS_WAYS: Mapping[str, Way] = {
    "MONOCHROME2, 8 bits": lambda: dicom(film()),
    "MONOCHROME2, 12 bits in 16": lambda: dicom12(film_of(12)),
    "MONOCHROME2, 16 bits": lambda: dicom(film_of(16)),
    "MONOCHROME2, window": lambda: dicom12(film_of(12), **_WINDOW),
    "MONOCHROME2, several windows": lambda: dicom12(film_of(12), WindowCenter=[2048, 9], WindowWidth=[4096, 5]),
    "MONOCHROME2, window LINEAR_EXACT": lambda: dicom12(
        film_of(12), WindowCenter=2047.5, WindowWidth=4095, VOILUTFunction="LINEAR_EXACT"
    ),
    "MONOCHROME2, window of no width": lambda: dicom12(film_of(12), WindowCenter=2048, WindowWidth=0),
    "MONOCHROME2, shape IDENTITY": lambda: dicom12(film_of(12), PresentationLUTShape="IDENTITY"),
    "MONOCHROME2, shape INVERSE": lambda: dicom12(_inverse12(), PresentationLUTShape="INVERSE"),
    "MONOCHROME1": lambda: dicom12(_inverse12(), PhotometricInterpretation="MONOCHROME1"),
    "MONOCHROME1, shape INVERSE": lambda: dicom12(
        _inverse12(), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE", **_WINDOW
    ),
    "slope -1": lambda: dicom12(_inverse12(), RescaleSlope=-1, RescaleIntercept=4095),
    "slope -1, window": lambda: dicom12(_inverse12(), RescaleSlope=-1, RescaleIntercept=4095, **_WINDOW),
    "slope -10, window": lambda: dicom12(
        _inverse12(), RescaleSlope=-10, RescaleIntercept=40950, WindowCenter=20475.5, WindowWidth=40951
    ),
    "signed": lambda: dicom12(_signed12()),
    "signed, window": lambda: dicom12(_signed12(), WindowCenter=0, WindowWidth=4096),
    "signed, upper bits zero": lambda: dicom12(_signed12().view(np.uint16) & 0xFFF, PixelRepresentation=1),
    "padding above": lambda: dicom12(padded(film_of(12), 4090), PixelPaddingValue=4090),
    "padding out of range, no window": lambda: dicom(padded(film_of(12), 65535), PixelPaddingValue=65535),
    "padding below, signed": lambda: dicom(padded(_signed12(), -30000), PixelPaddingValue=-30000),
    "padding by range": lambda: dicom(
        padded(film_of(12), 60001), PixelPaddingValue=60000, PixelPaddingRangeLimit=60010
    ),
    "padding, MONOCHROME1": lambda: dicom12(
        padded(_inverse12(), 5), PixelPaddingValue=5, PhotometricInterpretation="MONOCHROME1", **_WINDOW
    ),
    "high bit 15": lambda: dicom(film_of(12) << 4, BitsStored=12, HighBit=15),
    "overlay in unused bits": _with_overlay,
    "bits above those stored set": lambda: dicom12(film_of(12) | 0xF000, **_WINDOW),
    "more bits than stored": lambda: dicom(film_of(12), BitsStored=11, HighBit=10, **_WINDOW),
    "Modality LUT": lambda: dicom12(
        _scrambled(film_of(12)),
        ModalityLUTSequence=look_up_table(_scrambled(np.arange(4096)), bits=12, keyword="Modality"),
        **_WINDOW,
    ),
    "VOI LUT": lambda: dicom12(film_of(12), VOILUTSequence=look_up_table(np.arange(4096) * 16, bits=16)),
    "VOI LUT that starts later": lambda: dicom12(
        film_of(12), VOILUTSequence=look_up_table(np.arange(1, 4096) * 16, first=1, bits=16)
    ),
    "implicit VR": lambda: dicom12(film_of(12), syntax=films.IMPLICIT),
    "big endian": lambda: dicom12(film_of(12), syntax=films.BIG_ENDIAN),
    "big endian, 8 bits": lambda: dicom(film(), syntax=films.BIG_ENDIAN),
    "deflated": lambda: dicom12(film_of(12), syntax=films.DEFLATED),
    "no preamble": lambda: _without_preamble(dicom12(film_of(12))),
    "no meta information, implicit": lambda: _without_meta(dicom12(film_of(12), syntax=films.IMPLICIT)),
    "no meta information, explicit": lambda: _without_meta(dicom12(film_of(12))),
    "RLE": lambda: dicom12(film_of(12), syntax=films.RLE, encode=films.rle),
    "JPEG lossless": lambda: dicom12(film_of(12), syntax=films.LOSSLESS, encode=films.jpeg_lossless),
    "JPEG lossless, first order": lambda: dicom12(film_of(12), syntax=films.LOSSLESS_FIRST, encode=films.jpeg_lossless),
    "JPEG-LS": lambda: dicom12(film_of(12), syntax=films.LS_LOSSLESS, encode=films.jpeg_ls),
    "JPEG 2000": lambda: dicom12(film_of(12), syntax=films.J2K_LOSSLESS, encode=films.jpeg2000),
    "JPEG 2000, signed": lambda: dicom12(_signed12(), syntax=films.J2K_LOSSLESS, encode=films.jpeg2000),
    "HTJ2K": lambda: dicom12(film_of(12), syntax=films.HT_LOSSLESS, encode=films.htj2k),
    "HTJ2K, RPCL": lambda: dicom12(film_of(12), syntax=films.HT_RPCL, encode=films.htj2k),
    "HTJ2K, general": lambda: dicom12(film_of(12), syntax=films.HT, encode=films.htj2k),
    "RGB": lambda: dicom(films.coloured(film())),
    "RGB, RLE": lambda: dicom(films.coloured(film()), syntax=films.RLE, encode=films.rle),
    "YBR_FULL": lambda: dicom(_ybr(), PhotometricInterpretation="YBR_FULL"),
    "PNG, 8 bits": lambda: png(film()),
    "PNG, 16 bits": lambda: png(film_of(16)),
    "PNG, 14 bits in 16": lambda: png(film_of(14)),
    "PNG, 12 bits in 16": lambda: png(film_of(12)),
    "PNG, 10 bits in 16": lambda: png(film_of(10)),
    "PNG, 8 bits in 16": lambda: png(film_of(8)),
    "PNG, interlaced": lambda: png(film(), interlaced=True),
    "PNG, interlaced, 16 bits": lambda: png(film_of(16), interlaced=True),
    "PNG, RGB": lambda: png(films.coloured(film())),
    "PNG, RGB of 16 bits": lambda: png(films.coloured(film_of(16))),
    "PNG, RGB of 12 bits in 16": lambda: png(films.coloured(film_of(12))),
    "PNG, grey and alpha": lambda: png(with_alpha(film())),
    "PNG, grey of 12 bits in 16 and alpha": lambda: png(with_alpha(film_of(12))),
    "PNG, RGBA": lambda: png(with_alpha(films.coloured(film()))),
    "PNG, palette": lambda: saved(255 - film(), "PNG", palette=bytes(255 - level // 3 for level in range(768))),
    "PNG, one grey transparent": lambda: png(film(), chunks=films.png_chunk(b"tRNS", b"\0\0")),
    "TIFF, 8 bits": lambda: saved(film(), "TIFF"),
    "TIFF, LZW": lambda: saved(film(), "TIFF", compression="tiff_lzw"),
    "TIFF, RGBA": lambda: saved(with_alpha(films.coloured(film())), "TIFF"),
    "TIFF, 16 bits": lambda: tiff(film_of(16)),
    "TIFF, 16 bits, big endian": lambda: tiff(film_of(16), byteorder=">"),
    "TIFF, 16 bits, BigTIFF": lambda: tiff(film_of(16), bigtiff=True),
    "TIFF, 12 bits in 16": lambda: tiff(film_of(12)),
    "TIFF, white is zero": lambda: tiff(255 - film(), photometric="miniswhite"),
    "TIFF, white is zero, 16 bits": lambda: tiff(65535 - film_of(16), photometric="miniswhite"),
    "TIFF, RGB of 12 bits in 16": lambda: tiff(films.coloured(film_of(12)), photometric="rgb"),
    "WebP, lossless": lambda: saved(film(), "WEBP", lossless=True),
    "JPEG 2000 file": lambda: saved(film(), "JPEG2000"),
    "JPEG 2000 file, 16 bits": lambda: saved(film_of(16), "JPEG2000"),
    "BMP": lambda: saved(film(), "BMP"),
    "GIF": lambda: saved(film(), "GIF"),
}
LOSSY_WAYS: Mapping[str, Way] = {
    "JPEG baseline": lambda: dicom(film(), syntax=films.BASELINE, encode=films.jpeg_lossy),
    "JPEG extended, 8 bits": lambda: dicom(film(), syntax=films.EXTENDED, encode=films.jpeg_lossy),
    "JPEG extended, 12 bits": lambda: dicom12(film_of(12), syntax=films.EXTENDED, encode=films.jpeg_lossy),
    "JPEG-LS near-lossless": lambda: dicom12(film_of(12), syntax=films.LS_NEAR, encode=films.jpeg_ls_near),
    "JPEG 2000 lossy": lambda: dicom12(film_of(12), syntax=films.J2K, encode=films.jpeg2000_lossy),
    "JPEG file": lambda: saved(film(), "JPEG", quality=98),
    "JPEG file, RGB": lambda: saved(films.coloured(film()), "JPEG", quality=98),
    "WebP, lossy": lambda: saved(film(), "WEBP", quality=98),
    "TIFF, JPEG inside": lambda: saved(film(), "TIFF", compression="jpeg", quality=98),
}
WAYS: Mapping[str, tuple[Way, float]] = {
    **{name: (way, _NOTHING_LOST) for name, way in LOSSLESS_WAYS.items()},
    **{name: (way, _LOSSY) for name, way in LOSSY_WAYS.items()},
}
