"""One synthetic film, and the many ways in which the same film is stored; each builder returns the bytes of a file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset, Sequence, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import UID

AnyArray = npt.NDArray[Any]
Encoder = Callable[[AnyArray], bytes]
Extra = Mapping[tuple[int, int], tuple[str, Any]]

ROWS, COLUMNS, BORDER = 96, 80, 8
PREFIX = "1.2.840.10008.1.2"
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = PREFIX, f"{PREFIX}.1", f"{PREFIX}.1.99", f"{PREFIX}.2"
RLE, BASELINE, EXTENDED = f"{PREFIX}.5", f"{PREFIX}.4.50", f"{PREFIX}.4.51"
LOSSLESS, LOSSLESS_FIRST = f"{PREFIX}.4.57", f"{PREFIX}.4.70"
LS_LOSSLESS, LS_NEAR = f"{PREFIX}.4.80", f"{PREFIX}.4.81"
J2K_LOSSLESS, J2K = f"{PREFIX}.4.90", f"{PREFIX}.4.91"
HT_LOSSLESS, HT_RPCL, HT = f"{PREFIX}.4.201", f"{PREFIX}.4.202", f"{PREFIX}.4.203"


@cache
def film() -> npt.NDArray[np.uint8]:
    """(96, 80) in 0..255, both of them reached: two bright lungs' worth of gradients in a dark border of 8 pixels."""
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    lungs = np.exp(-6 * ((np.abs(x) - 0.45) ** 2 + 0.4 * (y + 0.1) ** 2))
    body = 0.85 - 0.25 * y**2 - 0.6 * lungs + 0.05 * np.sin(18 * y + 3 * x**2)
    values = np.rint(255 * (body - body.min()) / (body.max() - body.min())).astype(np.uint8)
    values[:BORDER], values[-BORDER:], values[:, :BORDER], values[:, -BORDER:] = 0, 0, 0, 0
    values[values == values.max()] = 255
    return np.asarray(values, np.uint8)


def border() -> npt.NDArray[np.bool_]:
    """Where the film's border is: (96, 80)."""
    mask = np.ones((ROWS, COLUMNS), np.bool_)
    mask[BORDER:-BORDER, BORDER:-BORDER] = False
    return mask


def film_of(bits: int) -> npt.NDArray[np.uint16]:
    """The same film in so many bits: (96, 80)."""
    return np.asarray(np.rint(film() * (((1 << bits) - 1) / 255)), np.uint16)


def coloured(values: AnyArray) -> AnyArray:
    """(rows, columns) -> (rows, columns, 3), the same in every channel."""
    return np.stack([values] * 3, axis=-1)


def photograph() -> npt.NDArray[np.uint8]:
    """A picture in true colours: (96, 80, 3)."""
    return np.stack([film(), film()[::-1], 255 - film()], axis=-1)


def look_up_table(entries: AnyArray, *, first: int = 0, bits: int = 16, keyword: str = "VOI") -> Sequence:
    """A Modality or VOI LUT Sequence with one table."""
    item = Dataset()
    item.add_new((0x0028, 0x3002), "US", [entries.size % (1 << 16), first, bits])
    item.add_new((0x0028, 0x3006), "OW", entries.astype("<u2").tobytes())
    if keyword == "Modality":
        item.ModalityLUTType = "US"
    return Sequence([item])


def dicom(
    stored: AnyArray,
    *,
    syntax: str = EXPLICIT,
    encode: Encoder | None = None,
    extra: Extra | None = None,
    **elements: Any,
) -> bytes:
    """A DICOM file of these stored values; `elements` are added by keyword, or left out where None, `extra` by tag."""
    dataset = _dataset(stored)
    dataset.PixelData = encapsulate([encode(stored)]) if encode else _native(stored, syntax)
    dataset["PixelData"].VR = "OB" if encode or stored.dtype.itemsize == 1 else "OW"
    dataset["PixelData"].is_undefined_length = encode is not None
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    for tag, (vr, value) in (extra or {}).items():
        dataset.add_new(tag, vr, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _dataset(stored: AnyArray) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.1.1"), UID("1.2.3.4")
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.PatientName, dataset.PatientID = "Nobody^Nowhere", "0000"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    bits = stored.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    return dataset


def _native(stored: AnyArray, syntax: str) -> bytes:
    values = stored.astype(stored.dtype.newbyteorder(">")) if syntax == BIG_ENDIAN else stored
    return values.tobytes() + b"\0" * (values.nbytes % 2)


def dicom12(stored: AnyArray, **settings: Any) -> bytes:
    """A DICOM file of 12 bits stored in 16."""
    return dicom(stored, **{"BitsStored": 12, "HighBit": 11, **settings})


def jpeg_lossless(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, bitspersample=12))


def jpeg_lossy(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, level=98, bitspersample=12 if values.dtype == np.uint16 else 8))


def jpeg_ls(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpegls_encode(values))


def jpeg_ls_near(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpegls_encode(values, level=4))


def jpeg2000(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True, bitspersample=12, resolutions=4))


def jpeg2000_lossy(values: AnyArray) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(values, level=55, codecformat="j2k", reversible=False, bitspersample=12))


def htj2k(values: AnyArray) -> bytes:
    return bytes(imagecodecs.htj2k_encode(values, reversible=True, resolutions=3))


def rle(values: AnyArray) -> bytes:
    """RLE Lossless by pydicom."""
    samples, bits = 3 if values.ndim == 3 else 1, values.dtype.itemsize * 8
    frame = RLELosslessEncoder.encode(
        values.tobytes(),
        rows=values.shape[0],
        columns=values.shape[1],
        number_of_frames=1,
        samples_per_pixel=samples,
        bits_allocated=bits,
        bits_stored=bits,
        pixel_representation=0,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
        planar_configuration=0,
    )
    return bytes(frame)


def png(values: AnyArray, *, interlaced: bool = False, chunks: bytes = b"", colour: int | None = None) -> bytes:
    """A PNG written out by hand (PNG specification, sections 5 to 11), so that the reader meets no twin of itself."""
    channels = values.shape[2] if values.ndim == 3 else 1
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if colour is None else colour
    header = struct.pack(
        ">IIBBBBB", values.shape[1], values.shape[0], values.dtype.itemsize * 8, colour, 0, 0, interlaced
    )
    passes = [values[y::dy, x::dx] for y, x, dy, dx in _ADAM7] if interlaced else [values]
    lines = b"".join(b"\0" + row.astype(f">u{row.itemsize}").tobytes() for part in passes if part.size for row in part)
    body = png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", zlib.compress(lines)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def saved(values: AnyArray, format: str, **settings: Any) -> bytes:
    """A file of 8-bit values written by Pillow."""
    file = BytesIO()
    image = Image.fromarray(values)
    if palette := settings.pop("palette", None):
        image.putpalette(palette)
    image.save(file, format, **settings)
    return file.getvalue()


def tiff(values: AnyArray, *, photometric: str = "minisblack", **settings: Any) -> bytes:
    return bytes(imagecodecs.tiff_encode(values, photometric=photometric, **settings))


def with_alpha(values: AnyArray) -> AnyArray:
    """Grey or colour values with a channel of full opacity."""
    values = values[..., None] if values.ndim == 2 else values
    return np.concatenate([values, np.full_like(values[..., :1], np.iinfo(values.dtype).max)], axis=-1)


def padded(stored: AnyArray, value: int) -> AnyArray:
    """The film with its border replaced by a padding value."""
    return np.where(border(), np.asarray(value, stored.dtype), stored)
