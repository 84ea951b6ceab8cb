"""From a DICOM dataset to an image."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from rakurs.dicom.codecs import NATIVE, decoder_of
from rakurs.dicom.greys import depth_of, film, grey_values
from rakurs.dicom.guard import (
    MAX_FILE_BYTES,
    MAX_HEADER_READS,
    check_file_size,
    decoding,
    quiet,
    too_large,
    unreadable,
    unsupported,
)
from rakurs.dicom.header import (
    MONOCHROME,
    PALETTE,
    check_frames,
    grey_rules_of,
    layout_of,
    spacing_of,
    text_of,
    transfer_syntax_of,
    view_position_of,
)
from rakurs.study import FloatArray, Image, Source

_EXPLICIT = b"1.2.840.10008.1.2.1"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
# Explicit VRs whose length takes four bytes, after two that are reserved (PS3.5 7.1.2).
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})


class _Counted(BytesIO):
    """Bytes that can be read from only so many times: what bounds the time that a hostile header takes to parse."""

    left = MAX_HEADER_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does.

        Raises:
            Refusal: it was read from too many times (`too_large`).
        """
        self.left -= 1
        if self.left < 0:
            raise too_large("a DICOM header of very many elements", f"fewer than {MAX_HEADER_READS // 2:,}")
        return super().read(size)


def read_dataset(data: bytes) -> Dataset:
    """Parse a DICOM file, with or without preamble and meta information (PS3.10 section 7).

    Raises:
        Refusal: the bytes are no DICOM dataset (`unreadable`), or more than the limits allow, also once inflated
            (`too_large`).
    """
    check_file_size(len(data))
    data, deflated = _inflated(data)
    with quiet(), decoding("a DICOM file"):
        dataset = dcmread(_Counted(data), force=True)
    if len(dataset) == 0:
        raise unreadable("a file without any DICOM element")
    if deflated:
        dataset.file_meta.TransferSyntaxUID = UID(_DEFLATED.decode())
    return dataset


def image_from_dataset(dataset: Dataset, *, sha256: str, at_least: tuple[int, int] | None = None) -> Image:
    """Decode the one frame of a dataset: grey values as `greys` says, colours as RGB, grey where all channels agree.

    With `at_least` (rows, columns) a JPEG 2000 or HTJ2K frame is decoded only to the resolution that keeps both sides
    at least that large; `Source.rows`, `Source.columns` and `spacing_mm` are always those of the whole image.

    Raises:
        Refusal: several frames (`multi_frame`), no or damaged pixels (`unreadable`), a transfer syntax or kind of
            pixels that is not read (`unsupported`), or an image beyond the limits (`too_large`).
    """
    with quiet():
        check_frames(dataset)
        transfer_syntax = transfer_syntax_of(dataset)
        decode = decoder_of(transfer_syntax)
        frame = _frame(dataset, transfer_syntax)
        layout = layout_of(dataset, transfer_syntax)
        rules = grey_rules_of(dataset)
        spacing_mm = spacing_of(dataset)
        source = Source(
            format="DICOM",
            rows=layout.rows,
            columns=layout.columns,
            bits=rules.bits_stored,
            sha256=sha256,
            modality=text_of(dataset, "Modality"),
            body_part=text_of(dataset, "BodyPartExamined"),
            view_position=view_position_of(dataset),
            transfer_syntax=transfer_syntax,
        )
    values = decode(frame, layout, at_least=at_least)
    if layout.photometric in MONOCHROME:
        pixels = grey_values(values, rules, encoded=transfer_syntax not in NATIVE)
    elif layout.photometric == PALETTE:
        pixels = _from_palette(values, dataset)
    else:
        pixels = film(values, (1 << rules.bits_stored) - 1)
    return Image(pixels=pixels, source=source, spacing_mm=spacing_mm)


def _frame(dataset: Dataset, transfer_syntax: str) -> bytes:
    """The bytes of the one frame; those of an encapsulated one joined from its fragments (PS3.5 annex A.4)."""
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise unsupported("pixels as floating-point numbers", "pixels as integers")
        raise unreadable("a DICOM object without pixels", "one with an image")
    with decoding("pixels"):
        stored = dataset["PixelData"].value
    if not isinstance(stored, bytes) or not stored:
        raise unreadable("a DICOM object whose pixels are empty", "one with an image")
    if transfer_syntax in NATIVE:
        return stored
    with decoding("an encapsulated frame"):
        return get_frame(stored, 0, number_of_frames=1)


def _from_palette(values: npt.NDArray[Any], dataset: Dataset) -> FloatArray:
    """Indices (rows, columns) -> colours through the palette (PS3.3 C.7.6.3.1.5, C.7.9)."""
    with quiet(), decoding("a palette"):
        colours = np.asarray(apply_color_lut(values.astype(values.dtype.newbyteorder("=")), dataset))[..., :3]
    return film(colours, (1 << depth_of(int(colours.max()))) - 1)


def _inflated(data: bytes) -> tuple[bytes, bool]:
    """A deflated file (PS3.5 A.5) inflated and renamed Explicit VR Little Endian, within the limits; else as it is.

    pydicom would inflate without bound.
    """
    transfer_syntax, start = _meta_information(data)
    if transfer_syntax != _DEFLATED:
        return data, False
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    with decoding("a deflated DICOM file"):
        dataset = inflater.decompress(data[start:], MAX_FILE_BYTES)
    if inflater.unconsumed_tail:
        raise too_large("a deflated DICOM file", f"at most {MAX_FILE_BYTES / 2**20:.0f} MiB once inflated")
    if not inflater.eof:
        raise unreadable("a deflated DICOM file that was cut short")
    meta = data[:start].replace(_DEFLATED, _EXPLICIT.ljust(len(_DEFLATED), b"\0"))
    return meta + dataset, True


def _meta_information(data: bytes) -> tuple[bytes, int]:
    """The transfer syntax UID that the file meta information states, and where the dataset begins (PS3.10 7.1)."""
    position = 132 if data[128:132] == b"DICM" else 0
    transfer_syntax = b""
    while data[position : position + 2] == b"\x02\x00":
        header = 12 if data[position + 4 : position + 6] in _LONG_VRS else 8
        length = int.from_bytes(data[position + (8 if header == 12 else 6) : position + header], "little")
        if data[position + 2 : position + 4] == b"\x10\x00":
            transfer_syntax = data[position + header : position + header + length].rstrip(b"\0 ")
        position += header + length
    return transfer_syntax, position
