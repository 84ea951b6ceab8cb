"""What a DICOM header says of its pixels, read forgivingly where the standard leaves a way out, strictly where not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from pydicom import Dataset, Sequence
from pydicom.multival import MultiValue

from rakurs.dicom.codecs import NATIVE, Layout
from rakurs.dicom.greys import GreyRules, LookUp, Window, depth_of
from rakurs.dicom.guard import MAX_HEADER_VALUE_BYTES, check_size, multi_frame, unreadable, unsupported

MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})
PALETTE = "PALETTE COLOR"
_COLOURS = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_SAMPLES: Mapping[str, int] = {**dict.fromkeys({*MONOCHROME, PALETTE}, 1), **dict.fromkeys(_COLOURS, 3)}
_IMPLICIT, _EXPLICIT, _DEFLATED, _BIG_ENDIAN = NATIVE
_LARGEST = 1e30  # far beyond any grey value, and far from overflow when two are multiplied

# View Code Sequence (0054,0220) -> View Position (0018,5101): CID 4010, SNOMED CT and its retired SNOMED-RT twin.
_VIEW_CODES: Mapping[str, str] = {
    "399348003": "AP",
    "R-10206": "AP",
    "272479007": "PA",
    "R-40888": "PA",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
    "399067008": "LATERAL",
    "R-102CD": "LATERAL",
}


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The element's value, or None where it is absent, empty, far too long or cannot be converted."""
    try:
        raw = dataset.get_item(keyword).value if keyword in dataset else None
        if isinstance(raw, bytes) and len(raw) > MAX_HEADER_VALUE_BYTES:
            return None
        value = dataset.get(keyword)
    except Exception:
        # The conversion of a damaged value raises whatever it likes; a damaged value says nothing.
        return None
    return None if value is None or (hasattr(value, "__len__") and len(value) == 0) else value


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """The numbers among the element's values, without those that are no finite or no sensible number."""
    value = value_of(dataset, keyword)
    values = value if isinstance(value, (list, tuple, MultiValue)) else [value]
    plain = [float(entry) if isinstance(entry, Decimal) else entry for entry in values]
    return [float(entry) for entry in plain if isinstance(entry, (int, float)) and abs(entry) < _LARGEST]


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence, or None."""
    value = value_of(dataset, keyword)
    return value[0] if isinstance(value, Sequence) else None


def first_number(dataset: Dataset, keyword: str) -> float | None:
    """The first finite number of an element, or None."""
    return next(iter(numbers(dataset, keyword)), None)


def text_of(dataset: Dataset, keyword: str) -> str | None:
    """A code string (VR CS) in upper case and without padding, the first where there are several; None if absent."""
    value = value_of(dataset, keyword)
    if isinstance(value, MultiValue):
        value = value[0]
    return value.strip(" \0").upper()[:64] or None if isinstance(value, str) else None


def transfer_syntax_of(dataset: Dataset) -> str:
    """The transfer syntax UID; where the file has no meta information, what its own encoding shows."""
    stated = value_of(getattr(dataset, "file_meta", None) or Dataset(), "TransferSyntaxUID")
    if stated is not None:
        return str(stated)
    implicit, little_endian = dataset.original_encoding
    if little_endian is False:
        return _BIG_ENDIAN
    return _EXPLICIT if implicit is False else _IMPLICIT


def check_frames(dataset: Dataset) -> None:
    """Refuse a file that holds several images.

    Raises:
        Refusal: Number of Frames is over 1 (`multi_frame`).
    """
    frames = first_number(dataset, "NumberOfFrames") or 1
    if frames > 1:
        raise multi_frame(f"{frames:.0f} frames")


def layout_of(dataset: Dataset, transfer_syntax: str) -> Layout:
    """How the stored values lie in the frame (PS3.3 C.7.6.3).

    Raises:
        Refusal: an element is missing or impossible (`unreadable`), of a kind that is not read (`unsupported`), or the
            image is beyond the limits (`too_large`).
    """
    rows, columns, allocated = (_required(dataset, name) for name in ("Rows", "Columns", "BitsAllocated"))
    samples = int(first_number(dataset, "SamplesPerPixel") or 1)
    check_size(rows, columns, channels=samples)
    photometric = text_of(dataset, "PhotometricInterpretation")
    if photometric is None:
        raise unreadable("no Photometric Interpretation (0028,0004)", "a complete header")
    if photometric not in _SAMPLES or allocated not in (8, 16):
        raise unsupported(
            "pixels of a photometric interpretation or depth that is not read",
            "MONOCHROME1 or 2, PALETTE COLOR, RGB or YBR, of 8 or 16 bits allocated",
        )
    if samples != _SAMPLES[photometric]:
        raise unreadable(
            f"{samples} samples per pixel", f"{_SAMPLES[photometric]}, as the photometric interpretation says"
        )
    return Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        planar=first_number(dataset, "PlanarConfiguration") == 1,
        photometric=photometric,
        big_endian=transfer_syntax == _BIG_ENDIAN,
        words="PixelData" in dataset and dataset["PixelData"].VR == "OW",
    )


def _required(dataset: Dataset, keyword: str) -> int:
    number = first_number(dataset, keyword)
    if number is None:
        raise unreadable(f"no {keyword}", "a complete header")
    return int(number)


def grey_rules_of(dataset: Dataset) -> GreyRules:
    """What the header says about the meaning of a stored grey value.

    The first window counts where there are several; one whose width the standard forbids counts as none.

    Raises:
        Refusal: Bits Stored does not fit in Bits Allocated (`unreadable`).
    """
    bits_stored, high_bit = bits_of(dataset)
    inverse = text_of(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    slope, intercept = first_number(dataset, "RescaleSlope"), first_number(dataset, "RescaleIntercept")
    return GreyRules(
        bits_stored=bits_stored,
        high_bit=high_bit,
        signed=first_number(dataset, "PixelRepresentation") == 1,
        padding=_padding(dataset),
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality=_look_up(dataset, "ModalityLUTSequence"),
        window=_window(dataset),
        voi=_look_up(dataset, "VOILUTSequence"),
        # MONOCHROME1 with INVERSE is how a DX says one and the same thing: inverted once (C.8.11.3.1.2).
        inverse=inverse or text_of(dataset, "PresentationLUTShape") == "INVERSE",
        overlays_in_pixels=_has_overlays_in_pixels(dataset),
    )


def bits_of(dataset: Dataset) -> tuple[int, int]:
    """Bits Stored and High Bit, which is by rule and by default the last of them.

    Raises:
        Refusal: Bits Stored does not fit in Bits Allocated (`unreadable`).
    """
    allocated = _required(dataset, "BitsAllocated")
    stored = int(first_number(dataset, "BitsStored") or allocated)
    if not 1 <= stored <= allocated:
        raise unreadable(f"{stored} bits stored in {allocated} allocated", "no more bits stored than allocated")
    high = first_number(dataset, "HighBit")
    return stored, int(high) if high is not None and stored - 1 <= high < allocated else stored - 1


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    value, limit = first_number(dataset, "PixelPaddingValue"), first_number(dataset, "PixelPaddingRangeLimit")
    if value is None:
        return None
    return int(value), int(value if limit is None else limit)


def _window(dataset: Dataset) -> Window | None:
    centre, width = first_number(dataset, "WindowCenter"), first_number(dataset, "WindowWidth")
    function = text_of(dataset, "VOILUTFunction")
    function = function if function in ("SIGMOID", "LINEAR_EXACT") else "LINEAR"
    if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return None
    return Window(centre, width, function)


def _look_up(dataset: Dataset, keyword: str) -> LookUp | None:
    """The first table of a LUT sequence (C.11.1.1, C.11.2.1.1); None where there is none or it holds no entries."""
    item = first_item(dataset, keyword)
    if item is None:
        return None
    descriptor, data = numbers(item, "LUTDescriptor"), value_of(item, "LUTData")
    if len(descriptor) != 3 or data is None:
        return None
    count, first, bits = (int(number) for number in descriptor)
    entries = _entries(data, count or 1 << 16, little_endian=dataset.original_encoding[1] is not False)
    if entries.size == 0:
        return None
    first -= (1 << 16) if first >= 1 << 15 and first_number(dataset, "PixelRepresentation") == 1 else 0
    largest = int(entries.max())
    return LookUp(first, bits if 0 < bits <= 16 and largest < 1 << bits else depth_of(largest), entries)


def _entries(data: Any, count: int, *, little_endian: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """LUT Data as numbers: words, or bytes where there is only one per entry."""
    if not isinstance(data, bytes):
        return np.asarray(data, np.int64).ravel()[:count].astype(np.uint16).astype(np.float64)
    width = 2 if len(data) >= 2 * count else 1
    order = "<" if little_endian else ">"
    return np.frombuffer(data, f"{order}u{width}", min(count, len(data) // width)).astype(np.float64)


def _has_overlays_in_pixels(dataset: Dataset) -> bool:
    """Whether a retired overlay lies in unused bits of the pixels: Overlay Bit Position (60xx,0102) other than 0."""
    groups = range(0x6000, 0x6020, 2)
    return any((group, 0x0102) in dataset and (group, 0x3000) not in dataset for group in groups)


def spacing_of(dataset: Dataset) -> tuple[float, float] | None:
    """Spacing in mm between rows and between columns: at the subject where calibrated, else at the detector (10.7)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = numbers(dataset, keyword)
        if len(found) == 2 and min(found) > 0:
            return found[0], found[1]
    return None


def view_position_of(dataset: Dataset) -> str | None:
    """View Position (0018,5101), else what the View Code Sequence (0054,0220) means in its terms."""
    stated = text_of(dataset, "ViewPosition")
    item = first_item(dataset, "ViewCodeSequence")
    if stated or item is None:
        return stated
    return _VIEW_CODES.get(text_of(item, "CodeValue") or "")
