"""From a file to an image, told apart by content, never by name: DICOM, PNG, JPEG, TIFF, WebP, JPEG 2000, BMP, GIF."""

from __future__ import annotations

import hashlib
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from rakurs.dicom.codecs import decode_jpeg2000, jpeg2000_stream
from rakurs.dicom.greys import depth_of, film
from rakurs.dicom.guard import (
    MAX_JPEG_SCANS,
    check_file_size,
    check_size,
    decoding,
    multi_frame,
    quiet,
    unreadable,
    unsupported,
)
from rakurs.study import Image, Source

AnyArray = npt.NDArray[Any]
_File = TypeVar("_File", bound=ImageFile)

# The channels of PNG colour types (PNG specification, table 11.1); a palette is expanded to colours and may have alpha.
_PNG_CHANNELS: Final[Mapping[int, int]] = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
# EXIF orientation (tag 0x0112) -> how to turn (rows, columns, ...) upright; 1 is upright.
_UPRIGHT: Final[Mapping[int, Callable[[AnyArray], AnyArray]]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values.swapaxes(0, 1)[:, ::-1],
    7: lambda values: values.swapaxes(0, 1)[::-1, ::-1],
    8: lambda values: values.swapaxes(0, 1)[::-1],
}
_ORIENTATION = 0x0112
_OPENING: Final[Mapping[type[Exception], str]] = {
    FileNotFoundError: "a path where there is no file",
    PermissionError: "a file that may not be opened",
}
# Pillow's modes that are arrays of grey or colour values as they stand; every other one is converted to colours.
_PLAIN_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0 tags


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """What a format's reader gives: unsigned values (rows, columns[, 1 to 4 channels]) of `depth` bits, upright.

    `bits` are those of the file, which is a small depth before it is expanded; `rows` and `columns` are those of the
    whole image where the values are of a smaller one.
    """

    values: AnyArray
    depth: int
    bits: int
    rows: int
    columns: int


def read_image(path: Path, *, at_least: tuple[int, int] | None = None) -> Image:
    """Read one image file; see `decode_image`.

    Raises:
        Refusal: the file cannot be opened (`unreadable`), or `decode_image` refuses it.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise unreadable("a path that is not a file", "an image file")
        check_file_size(facts.st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(_OPENING.get(type(error), "a path that cannot be opened"), "an image file") from None
    return decode_image(data, at_least=at_least)


def decode_image(data: bytes, *, at_least: tuple[int, int] | None = None) -> Image:
    """Decode the bytes of one image file: float32 0..1, dark = 0, grey where the channels agree, else colour.

    Values are scaled by the file's depth. A file of 16 bits whose largest value fits in 8, 10, 12 or 14 counts as one
    of that depth: exports of detectors put such values into 16 bits as they are, and an image that truly uses 16 bits
    reaches beyond 16,383. What is transparent lies on black. EXIF orientation is applied. `sha256` is of `data`.

    `at_least` (rows, columns) lets JPEG 2000 and HTJ2K come smaller, with both sides still at least that large.

    Raises:
        Refusal: `unreadable`, `unsupported`, `too_large` or `multi_frame`.
    """
    check_file_size(len(data))
    sha256 = hashlib.sha256(data).hexdigest()
    kind = _kind(data)
    if kind == "DICOM":
        # Not at the top: importing pydicom takes longer than reading a PNG, which has no need of it.
        from rakurs.dicom.pixels import image_from_dataset, read_dataset  # noqa: PLC0415

        return image_from_dataset(read_dataset(data), sha256=sha256, at_least=at_least)
    found = _READERS[kind](data, at_least)
    source = Source(format=kind, rows=found.rows, columns=found.columns, bits=found.bits, sha256=sha256)
    values = _on_black(found.values)
    return Image(pixels=film(values, _white(values, found.depth)), source=source)


def _kind(data: bytes) -> str:
    """The format, by the first bytes; DICOM first, because its preamble may be the head of a TIFF (PS3.10 7.1)."""
    if data[128:132] == b"DICM":
        return "DICOM"
    for kind, matches in _SIGNATURES:
        if matches(data):
            return kind
    raise unsupported("a file that is none of the known image formats", f"one of: DICOM, {', '.join(_READERS)}")


def _is_bare_dicom(data: bytes) -> bool:
    """Whether the file starts with an element of group 2 or 8, as a dataset without preamble does."""
    little_endian = data[:2] in (b"\x02\x00", b"\x08\x00") and data[3:4] == b"\0"
    return len(data) > 8 and (little_endian or data[:3] == b"\x00\x08\x00")


def _white(values: AnyArray, depth: int) -> int:
    """The value of white: of 16 bits, that of the depth which is in use; else the largest."""
    return (1 << (depth_of(int(values.max())) if depth == 16 else depth)) - 1


def _on_black(values: AnyArray) -> AnyArray:
    """(rows, columns[, 1 to 4]) -> (rows, columns) or (rows, columns, 3): alpha, where there is one, put on black."""
    if values.ndim == 3 and values.shape[2] in (2, 4):
        opaque = np.iinfo(values.dtype).max
        alpha, values = values[..., -1:], values[..., :-1]
        if int(alpha.min()) < opaque:
            values = np.rint(values * (alpha / np.float32(opaque))).astype(values.dtype)
    if values.ndim == 3 and values.shape[2] == 1:
        return values[..., 0]
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)):
        raise unsupported("an image of an unusual number of channels", "grey or colour, with or without alpha")
    return values


def _png(data: bytes, at_least: tuple[int, int] | None) -> _Decoded:
    """PNG of any depth, by libpng, which keeps 16 bits in every colour type."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise unreadable("a PNG file without its header")
    columns, rows, depth, colour = struct.unpack(">IIBB", data[16:26])
    channels = _PNG_CHANNELS.get(colour)
    if channels is None:
        raise unreadable("a PNG file of an impossible colour type")
    check_size(rows, columns, channels=channels)
    if b"acTL" in _png_chunks(data):
        raise multi_frame("an animated PNG")
    with decoding("a PNG file"):
        values = np.asarray(imagecodecs.png_decode(data))
    # Fewer than 8 bits, and palettes, come expanded to 8.
    return _Decoded(values, max(depth, 8), bits=depth, rows=rows, columns=columns)


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The types of the chunks up to the image data, before which an animation must announce itself."""
    position = 8
    while position + 8 <= len(data) and data[position + 4 : position + 8] != b"IDAT":
        yield data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")


def _jpeg2000(data: bytes, at_least: tuple[int, int] | None) -> _Decoded:
    stream = jpeg2000_stream(data)
    check_size(stream.rows, stream.columns, channels=stream.samples)
    values = decode_jpeg2000(data, stream, at_least=at_least)
    if values.dtype.kind == "i":
        raise unsupported("a JPEG 2000 file of signed values", "unsigned values")
    depth = stream.precision
    return _Decoded(values, depth, bits=depth, rows=stream.rows, columns=stream.columns)


def _jpeg(data: bytes, at_least: tuple[int, int] | None) -> _Decoded:
    if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise unsupported("a JPEG file of very many scans", f"at most {MAX_JPEG_SCANS} scans")
    return _with_pillow(data, JpegImagePlugin.JpegImageFile)


def _tiff(data: bytes, at_least: tuple[int, int] | None) -> _Decoded:
    """TIFF of 1 to 16 bits; 16-bit values by libtiff, because Pillow cuts those of colours to 8."""
    with _opened(data, TiffImagePlugin.TiffImageFile) as image:
        with quiet(), decoding("a TIFF file"):
            tags = dict(image.tag_v2)
            depth = max(tags.get(_BITS_PER_SAMPLE, (1,)))
        if depth <= 8:
            with quiet(), decoding("a TIFF file"):
                image.load()  # which ends with parsing more of the header, and warnings of it
            return _loaded(image)
        if depth != 16 or any(kind != 1 for kind in tags.get(_SAMPLE_FORMAT, ())):
            raise unsupported(f"a TIFF of {depth} bits per value", "unsigned integers of 1 to 8 or 16 bits")
    with decoding("a TIFF file"):
        values = np.asarray(imagecodecs.tiff_decode(data))
    values = _upright(_channels_last(values), tags.get(_ORIENTATION))
    if tags.get(_PHOTOMETRIC) == 0:
        values = _white(values, depth) - values
    return _Decoded(values, depth, bits=depth, rows=values.shape[0], columns=values.shape[1])


def _channels_last(values: AnyArray) -> AnyArray:
    """(3 or 4, rows, columns) of a TIFF that stores colour by plane -> (rows, columns, 3 or 4)."""
    planes_first = values.ndim == 3 and values.shape[0] in (2, 3, 4) and values.shape[2] not in (1, 2, 3, 4)
    return np.ascontiguousarray(values.transpose(1, 2, 0)) if planes_first else values


def _webp(data: bytes, at_least: tuple[int, int] | None) -> _Decoded:
    check_size(*_webp_size(data), channels=4)
    return _with_pillow(data, WebPImagePlugin.WebPImageFile)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Rows and columns from the first chunk of a WebP (RFC 9649 section 2.5 to 2.7); Pillow allocates on opening."""
    kind, start = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[7:10], "little"), 1 + int.from_bytes(start[4:7], "little")
    if kind == b"VP8L":
        packed = int.from_bytes(start[1:5], "little")
        return 1 + (packed >> 14 & 0x3FFF), 1 + (packed & 0x3FFF)
    return int.from_bytes(start[8:10], "little") & 0x3FFF, int.from_bytes(start[6:8], "little") & 0x3FFF


def _with_pillow(data: bytes, plugin: type[ImageFile]) -> _Decoded:
    with _opened(data, plugin) as image:
        return _loaded(image)


@contextmanager
def _opened(data: bytes, plugin: type[_File]) -> Iterator[_File]:
    """Open with one plugin of Pillow, by its class: no guessing of formats, and the limits are ours.

    Raises:
        Refusal: no such image (`unreadable`), several of them (`multi_frame`), or beyond the limits (`too_large`).
    """
    with quiet(), decoding("an image file"):
        image = plugin(BytesIO(data))
        several = bool(getattr(image, "is_animated", False))
    with image:
        check_size(image.height, image.width, channels=len(image.getbands()))
        if several:
            raise multi_frame("several images")
        yield image


def _loaded(image: ImageFile) -> _Decoded:
    """Decode an opened image to 8 bits."""
    with decoding("an image file"):
        image.load()
        bits = 1 if image.mode == "1" else 8
        plain = image if image.mode in _PLAIN_MODES else image.convert(_plain_mode(image))
        values = np.asarray(plain)
    with quiet(), decoding("an image file"):
        # Only now: Pillow turns a TIFF upright itself, and then forgets that it had to.
        orientation = image.getexif().get(_ORIENTATION)
    values = _upright(values, orientation)
    return _Decoded(values, 8, bits=bits, rows=values.shape[0], columns=values.shape[1])


def _plain_mode(image: ImageFile) -> str:
    if image.mode == "1":
        return "L"
    return "RGBA" if image.has_transparency_data else "RGB"


def _upright(values: AnyArray, orientation: object) -> AnyArray:
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return np.ascontiguousarray(turn(values)) if turn else values


_READERS: Final[Mapping[str, Callable[[bytes, tuple[int, int] | None], _Decoded]]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "TIFF": _tiff,
    "WebP": _webp,
    "JPEG 2000": _jpeg2000,
    "BMP": lambda data, _: _with_pillow(data, BmpImagePlugin.BmpImageFile),
    "GIF": lambda data, _: _with_pillow(data, GifImagePlugin.GifImageFile),
}
_SIGNATURES: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("PNG", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n")),
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff")),
    ("TIFF", lambda data: data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("WebP", lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP"),
    ("JPEG 2000", lambda data: data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"))),
    ("BMP", lambda data: data.startswith(b"BM")),
    ("GIF", lambda data: data.startswith((b"GIF87a", b"GIF89a"))),
    ("DICOM", _is_bare_dicom),
)
