"""From one frame's bytes to stored values: a table from transfer syntax to decoder (PS3.5 section 8 and annex A)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Protocol

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Jpeg2KImagePlugin

from rakurs.dicom.guard import MAX_JPEG_SCANS, decoding, unreadable, unsupported

AnyArray = npt.NDArray[Any]

_END_OF_IMAGE = b"\xff\xd9"  # ends JPEG, JPEG-LS and JPEG 2000 streams alike
_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ, which start every JPEG 2000 codestream
_SCAN = b"\xff\xda"
_WHOLE_MODES = frozenset({"L", "LA", "RGB", "RGBA"})  # of Pillow
# Start-of-frame markers (ISO 10918-1 table B.1) and JPEG-LS (ISO 14495-1); not DHT C4, JPG C8, DAC CC.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_BARE_MARKERS = frozenset(range(0xD0, 0xDA)) | {0x01, 0xFF}  # markers and fill bytes without a length


@dataclass(frozen=True, slots=True)
class Layout:
    """How stored values lie in a frame: what Rows, Columns, Samples per Pixel and so on say (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    planar: bool
    photometric: str
    big_endian: bool = False
    words: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows, columns, samples) where there are several."""
        return (self.rows, self.columns) if self.samples == 1 else (self.rows, self.columns, self.samples)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The unsigned type of a stored value's container, in the order of bytes of the file."""
        return np.dtype(f"{'>' if self.big_endian else '<'}u{self.bits_allocated // 8}")


@dataclass(frozen=True, slots=True)
class Stream:
    """What the header of an encoded frame says of itself."""

    rows: int
    columns: int
    samples: int
    precision: int
    levels: int = 0
    signed: bool = False
    lossless: bool = False


class Decoder(Protocol):
    """Decodes one frame; only those with resolution levels look at `at_least`."""

    def __call__(self, frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None) -> AnyArray:
        """Stored values in the shape of `layout`, unless `at_least` lets them be fewer."""
        ...


def decoder_of(transfer_syntax: str) -> Decoder:
    """The decoder of one frame: it gives stored values in the shape of the layout, colours as RGB.

    Native and RLE frames give unsigned containers. Encoded frames give what their codec holds; an array of signed
    integers is a JPEG 2000 codestream that says so. With `at_least` (rows, columns) a JPEG 2000 frame may come smaller.
    What the decoder itself refuses is a frame that is damaged, cut short or of another size than the header says.

    Raises:
        Refusal: an unknown transfer syntax (`unsupported`).
    """
    decoder = DECODERS.get(transfer_syntax)
    if decoder is None:
        raise unsupported(
            "a transfer syntax that is private, retired or not for images",
            "an uncompressed, deflated, RLE, JPEG, JPEG-LS, JPEG 2000 or HTJ2K image",
        )
    return decoder


def native(frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """Uncompressed values (PS3.5 8.1.1, 8.2); YBR_FULL_422 has two luminances per pair of colour differences."""
    shared = layout.photometric == "YBR_FULL_422"
    count = layout.rows * layout.columns * (2 if shared else layout.samples)
    needed = count * layout.dtype.itemsize
    if len(frame) < needed:
        raise unreadable(f"{len(frame)} bytes of pixels", f"the {needed} bytes that the header announces")
    values = np.frombuffer(frame, layout.dtype, count)
    if layout.big_endian and layout.words and layout.bits_allocated == 8:
        # Bytes sent as 16-bit words are swapped in pairs (PS3.5 annex A.3 with OW).
        values = np.frombuffer(frame[: needed + needed % 2], ">u2").astype("<u2").view(np.uint8)[:count]
    return _rgb(_unshare(values, layout) if shared else _arrange(values, layout), layout)


def _arrange(values: AnyArray, layout: Layout) -> AnyArray:
    """Flat values -> (rows, columns[, samples]), from colour by plane or colour by pixel."""
    if layout.planar and layout.samples > 1:
        return np.ascontiguousarray(values.reshape(layout.samples, layout.rows, layout.columns).transpose(1, 2, 0))
    return values.reshape(layout.shape)


def _unshare(values: AnyArray, layout: Layout) -> AnyArray:
    """Y1 Y2 Cb Cr -> Y1 Cb Cr, Y2 Cb Cr: (rows, columns, 3) (PS3.3 C.7.6.3.1.2)."""
    if layout.columns % 2:
        raise unreadable("YBR_FULL_422 with an odd number of columns", "an even number")
    pairs = values.reshape(layout.rows, layout.columns // 2, 4)
    spread: AnyArray = pairs[:, :, [0, 2, 3, 1, 2, 3]]
    return spread.reshape(layout.shape)


def _rgb(values: AnyArray, layout: Layout) -> AnyArray:
    """YBR_FULL and YBR_FULL_422 -> RGB (PS3.3 C.7.6.3.1.2); YBR_ICT and YBR_RCT are undone by their codec."""
    if layout.photometric not in ("YBR_FULL", "YBR_FULL_422"):
        return values
    white = np.iinfo(values.dtype).max
    luminance, blue, red = np.moveaxis(values.astype(np.float32), -1, 0)
    blue, red = blue - (white + 1) / 2, red - (white + 1) / 2
    green = luminance - 0.344136 * blue - 0.714136 * red
    colours = np.stack([luminance + 1.402 * red, green, luminance + 1.772 * blue], axis=-1)
    whole: AnyArray = np.rint(colours).clip(0, white).astype(values.dtype)
    return whole


def rle(frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """RLE Lossless (PS3.5 annex G): always colour by plane."""
    segments = int.from_bytes(frame[:4], "little")
    offsets = struct.unpack("<15I", frame[4:64]) if len(frame) >= 64 else ()
    expected = layout.samples * layout.bits_allocated // 8
    if segments != expected or any(not 64 <= offset <= len(frame) for offset in offsets[:segments]):
        raise unreadable(f"an RLE frame of {segments} segments", f"{expected} segments inside the frame")
    count = layout.rows * layout.columns * layout.samples
    if count * layout.bits_allocated // 8 > 64 * len(frame):
        # Two bytes hold at most 128: nothing that claims more can be complete.
        raise unreadable(f"an RLE frame of {len(frame)} bytes", f"enough for {layout.rows} x {layout.columns} pixels")
    with decoding("an RLE frame"):
        values = np.frombuffer(imagecodecs.dicomrle_decode(frame, layout.dtype), layout.dtype)
    if values.size < count:
        raise unreadable(f"{values.size} values in an RLE frame", f"{count}")
    return _rgb(_arrange(values[:count], replace(layout, planar=True)), layout)


def jpeg(frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """JPEG baseline, extended (8 and 12 bits) and lossless (2 to 16), by libjpeg-turbo (PS3.5 8.2.1, A.4.1, A.4.2).

    An Adobe marker, which states the transform of colours, wins over the header.
    """
    stream = _jpeg_stream(frame)
    _check_stream(stream, frame, layout=layout)
    with decoding("a JPEG frame"):
        if layout.samples == 1:
            return np.asarray(imagecodecs.jpeg8_decode(frame))
        if stream.lossless:
            return _rgb(np.asarray(imagecodecs.jpeg8_decode(frame, colorspace="RGB", outcolorspace="RGB")), layout)
        stored = _adobe_space(frame) or ("RGB" if layout.photometric == "RGB" else "YCBCR")
        return np.asarray(imagecodecs.jpeg8_decode(frame, colorspace=stored, outcolorspace="RGB"))


def _adobe_space(frame: bytes) -> str | None:
    """The colour space that an APP14 marker of Adobe states, if there is one."""
    found = frame.find(b"\xff\xee\x00\x0eAdobe")
    return None if found < 0 else {0: "RGB", 1: "YCBCR"}.get(int.from_bytes(frame[found + 15 : found + 16], "big"))


def jpeg_ls(frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """JPEG-LS, lossless and near-lossless (PS3.5 8.2.3, A.4.3)."""
    _check_stream(_jpeg_stream(frame), frame, layout=layout)
    with decoding("a JPEG-LS frame"):
        values = np.asarray(imagecodecs.jpegls_decode(frame))
    return _rgb(values, layout)


def jpeg2000(frame: bytes, layout: Layout, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """JPEG 2000 and HTJ2K, reversible or not, by OpenJPEG (PS3.5 8.2.4, 8.2.14, A.4.4)."""
    stream = jpeg2000_stream(frame)
    _check_stream(stream, frame, layout=layout)
    return _rgb(decode_jpeg2000(frame, stream, at_least=at_least), layout)


def decode_jpeg2000(data: bytes, stream: Stream, *, at_least: tuple[int, int] | None = None) -> AnyArray:
    """Decode a JPEG 2000 codestream or .jp2 file, with `at_least` only the resolution levels that are needed.

    Returns (rows, columns[, samples]); each level left out halves both sides, rounded up.

    Raises:
        Refusal: the codestream is damaged or cut short (`unreadable`).
    """
    leave_out = _spare_levels(stream, at_least)
    with decoding("a JPEG 2000 image"):
        lower = _lower_resolution(data, stream, leave_out=leave_out) if leave_out else None
        return np.asarray(imagecodecs.jpeg2k_decode(data)) if lower is None else lower


def _lower_resolution(data: bytes, stream: Stream, *, leave_out: int) -> AnyArray | None:
    """Decode by Pillow without the last levels; None for what it would change.

    It cuts colours to 8 bits, and keeps a palette's indices.
    """
    with Jpeg2KImagePlugin.Jpeg2KImageFile(BytesIO(data)) as image:
        if image.mode != "I;16" and not (image.mode in _WHOLE_MODES and stream.precision <= 8):
            return None
        # Pillow rounds the lower size where the standard rounds up (T.800 B-14), and then fails.
        columns, rows = (-(-side >> leave_out) << leave_out for side in image.size)
        image._size = columns, rows
        image.reduce = leave_out
        return _centred(_unscale(np.asarray(image), stream), leave_out)


def _centred(values: AnyArray, left_out: int) -> AnyArray:
    """Move what lower resolution levels hold to the middle of their pixels, by linear interpolation.

    A value of the level below lies on the first of the two that it stands for (ITU-T T.800 annex F.3: the low-pass
    values are the even ones), not between them as an average does: after n levels (1 - 2^-n) / 2 of a pixel off.
    """
    share = np.float32((1 - 0.5**left_out) / 2)
    wide: AnyArray = values.astype(np.float32)
    for axis in (0, 1):
        following = np.concatenate([wide.take(range(1, wide.shape[axis]), axis), wide.take([-1], axis)], axis)
        wide = (1 - share) * wide + share * following
    return np.asarray(np.rint(wide), values.dtype)


def _spare_levels(stream: Stream, at_least: tuple[int, int] | None) -> int:
    """How many resolution levels can be left out so that both sides stay at least as large as asked."""
    if at_least is None:
        return 0
    rows, columns = at_least
    levels = range(stream.levels, 0, -1)
    return next((n for n in levels if stream.rows >> n >= rows and stream.columns >> n >= columns), 0)


def _unscale(values: AnyArray, stream: Stream) -> AnyArray:
    """Undo what Pillow does to a JPEG 2000: values shifted up to 8 or 16 bits, and signed ones made positive."""
    values = values >> (values.dtype.itemsize * 8 - stream.precision)
    if not stream.signed:
        return values
    return (values.astype(np.int32) - (1 << stream.precision - 1)).astype(np.int16)


def jpeg2000_stream(data: bytes) -> Stream:
    """Read SIZ and COD of a JPEG 2000 codestream, alone or within a .jp2 file (ISO 15444-1 A.5.1, A.6.1).

    Raises:
        Refusal: there is no codestream, or its header is not sound (`unreadable`), or it is of a depth that is
            not read (`unsupported`).
    """
    start = data.find(_CODESTREAM)
    if start < 0 or len(data) < start + 48:
        raise unreadable("no whole JPEG 2000 header", "a JPEG 2000 image")
    size = struct.unpack(">8IH", data[start + 8 : start + 42])
    width, height, left, top = size[:4]
    depths = data[start + 42 : start + 42 + 3 * size[8] : 3]
    if not depths or any(depth != depths[0] for depth in depths):
        raise unsupported("a JPEG 2000 image whose channels differ in depth", "channels of one depth")
    stream = Stream(
        rows=height - top,
        columns=width - left,
        samples=size[8],
        precision=(depths[0] & 0x7F) + 1,
        levels=_levels(data, start + 4 + int.from_bytes(data[start + 4 : start + 6], "big")),
        signed=bool(depths[0] & 0x80),
    )
    if stream.precision > 16:
        raise unsupported(f"{stream.precision} bits per value", "at most 16 bits")
    return stream


def _levels(data: bytes, position: int) -> int:
    """Decomposition levels from COD, walking the main header from `position`; 0 where there is none."""
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\x90":
        if data[position + 1 : position + 2] == b"\x52":
            return min(32, int.from_bytes(data[position + 9 : position + 10], "big"))
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
    return 0


def _jpeg_stream(frame: bytes) -> Stream:
    """Read the start-of-frame of a JPEG or JPEG-LS stream (ISO 10918-1 B.2.2)."""
    position = 2
    while frame[:2] == b"\xff\xd8" and position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _FRAME_MARKERS:
            precision, rows, columns, samples = struct.unpack(">BHHB", frame[position + 4 : position + 10])
            return Stream(rows, columns, samples, precision, lossless=marker in (0xC3, 0xF7))
        position += 1 if marker == 0xFF else 2
        if marker not in _BARE_MARKERS:
            position += int.from_bytes(frame[position : position + 2], "big")
    raise unreadable("no start of frame", "a JPEG image")


def _check_stream(stream: Stream, frame: bytes, *, layout: Layout) -> None:
    """Refuse a frame of another size than its header announces, and one that was cut short.

    The decoders fill the missing part of a lossy JPEG with grey, so its end is looked for here.
    """
    found = (stream.rows, stream.columns, stream.samples)
    announced = (layout.rows, layout.columns, layout.samples)
    if found != announced:
        raise unreadable(
            f"an encoded frame of {found}", f"{announced} (rows, columns, samples) as the header announces"
        )
    if _END_OF_IMAGE not in frame.rstrip(b"\0")[-4:]:
        raise unreadable("an encoded frame without its end")
    if frame.count(_SCAN) > MAX_JPEG_SCANS:
        raise unsupported("a JPEG frame of very many scans", f"at most {MAX_JPEG_SCANS} scans")


NATIVE: Mapping[str, str] = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
}
# PS3.6 annex A, table A-1; the retired JPEG processes (1.2.840.10008.1.2.4.52 and on) are left out on purpose.
DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(NATIVE, native),
    "1.2.840.10008.1.2.5": rle,
    "1.2.840.10008.1.2.4.50": jpeg,  # baseline
    "1.2.840.10008.1.2.4.51": jpeg,  # extended, 8 or 12 bits
    "1.2.840.10008.1.2.4.57": jpeg,  # lossless, process 14
    "1.2.840.10008.1.2.4.70": jpeg,  # lossless, process 14, selection value 1
    "1.2.840.10008.1.2.4.80": jpeg_ls,  # lossless
    "1.2.840.10008.1.2.4.81": jpeg_ls,  # near-lossless
    "1.2.840.10008.1.2.4.90": jpeg2000,  # lossless only
    "1.2.840.10008.1.2.4.91": jpeg2000,
    "1.2.840.10008.1.2.4.201": jpeg2000,  # HTJ2K, lossless only
    "1.2.840.10008.1.2.4.202": jpeg2000,  # HTJ2K, RPCL, lossless only
    "1.2.840.10008.1.2.4.203": jpeg2000,  # HTJ2K
}
