"""Grey values: stored bits -> Modality LUT or rescale -> VOI LUT or window -> polarity (PS3.3 C.11, C.7.6.3, C.8.11.3).

Every code that a pixel's container can hold gets its grey value once, in a table of at most 65,536 entries, so that an
image costs one look-up per pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.study import FloatArray

AnyArray = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# The depths that detectors and their exports use.
_DEPTHS = (8, 10, 12, 14, 16)
# How far the channels of a grey picture may lie apart after lossy coding in colour, as a fraction of white.
_GREY_TOLERANCE = 4 / 255


@dataclass(frozen=True, slots=True, eq=False)
class LookUp:
    """A table of the header: entry 0 is for input `first`; inputs beyond the ends take the end entries (C.11.1.1)."""

    first: int
    bits: int
    entries: Numbers


@dataclass(frozen=True, slots=True)
class Window:
    """A window, in the units behind the Modality LUT (C.11.2.1.2)."""

    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True, eq=False)
class GreyRules:
    """All that a header says about the meaning of a stored value; `padding` is the first and last value, included."""

    bits_stored: int
    high_bit: int
    signed: bool = False
    padding: tuple[int, int] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    modality: LookUp | None = None
    window: Window | None = None
    voi: LookUp | None = None
    inverse: bool = False
    overlays_in_pixels: bool = False


def depth_of(largest: int) -> int:
    """The smallest usual depth, in bits, that holds this value: 12 for a 12-bit film in a 16-bit container."""
    return next((depth for depth in _DEPTHS if largest < 1 << depth), _DEPTHS[-1])


def film(values: AnyArray, white: int) -> FloatArray:
    """Unsigned values (rows, columns[, 3]) -> float32 in 0..1: (rows, columns) if the channels agree, else as it is."""
    if values.ndim == 3 and _channels_agree(values, white):
        values = values[..., 1]
    pixels = np.multiply(values, np.float32(1 / white), dtype=np.float32)
    return np.minimum(pixels, 1, out=pixels)


def _channels_agree(colours: AnyArray, white: int) -> bool:
    tolerance = int(_GREY_TOLERANCE * white)
    first, second, third = np.moveaxis(colours, -1, 0)
    pairs = ((first, second), (second, third), (first, third))
    return all(int((np.maximum(one, other) - np.minimum(one, other)).max()) <= tolerance for one, other in pairs)


def grey_values(values: AnyArray, rules: GreyRules, *, encoded: bool) -> FloatArray:
    """Stored values of 8 or 16 bits, of any shape -> grey values float32 in 0..1, dark = 0, of the same shape.

    Where the header has neither a VOI LUT nor a window that the standard allows, the range of the values in the image,
    without padding, becomes 0..1; an image of one value is dark. Padding is dark. `encoded` says that the values come
    from a codec, whose signed integers are final and which leaves no bits for anything but values.
    """
    codes = _codes(values)
    stored, padding = _stored(codes, rules, sign_extended=values.dtype.kind == "i", encoded=encoded)
    units = _units(stored, rules)
    table = _shown(units, rules, in_image=lambda: _present(codes) & ~padding)
    table = np.clip(1 - table if rules.inverse else table, 0, 1)
    table[padding] = 0
    return np.take(table.astype(np.float32), codes)


def _codes(values: AnyArray) -> AnyArray:
    """The containers as unsigned integers in this machine's order of bytes; no copy unless they are of the other."""
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return native.view(f"u{native.dtype.itemsize}")


def _stored(codes: AnyArray, rules: GreyRules, *, sign_extended: bool, encoded: bool) -> tuple[Integers, Mask]:
    """What every code of the container means as a stored value, and which codes are padding: twice (2 ** bits,)."""
    container = codes.dtype.itemsize * 8
    every = np.arange(1 << container, dtype=np.int64)
    if sign_extended:
        stored = _signed(every, container)
    elif encoded and not rules.signed:
        stored = every
    else:
        shifted = every >> rules.high_bit + 1 - rules.bits_stored
        whole = not rules.signed and _continues(codes, rules)
        masked = shifted if whole else shifted & (1 << rules.bits_stored) - 1
        stored = _signed(masked, rules.bits_stored) if rules.signed else masked
    return stored, _padding(every, stored, rules=rules)


def _signed(codes: Integers, bits: int) -> Integers:
    """Two's complement of this many bits -> integers (PS3.5 8.1.1)."""
    return np.where(codes >> bits - 1 & 1, codes - (1 << bits), codes)


def _continues(codes: AnyArray, rules: GreyRules) -> bool:
    """Whether the bits above High Bit continue the values, because the header states too few bits.

    The standard wants those bits zero; only retired overlays (60xx,0102) may lie there (PS3.5 8.1.1). A film brighter
    than its stated depth counts on without a gap, and masking would turn its brightest places black.
    """
    unused = rules.high_bit + 1
    highest = int(codes.max()) >> unused
    if highest == 0 or rules.overlays_in_pixels:
        return False
    used = np.unique(np.flatnonzero(_present(codes)) >> unused)
    room = (1 << codes.dtype.itemsize * 8 - unused) - 1
    return used.size == highest + 1 and highest < room


def _padding(every: Integers, stored: Integers, *, rules: GreyRules) -> Mask:
    """Which codes are padding (C.7.5.1.1.2): as stored values, or as the whole container where the value needs it."""
    if rules.padding is None:
        return np.zeros(every.shape, np.bool_)
    container = every.size.bit_length() - 1
    whole = _signed(every, container) if rules.signed else every
    first, last = sorted(_wrapped(value, container, signed=rules.signed) for value in rules.padding)
    return ((stored >= first) & (stored <= last)) | ((whole >= first) & (whole <= last))


def _wrapped(value: int, container: int, *, signed: bool) -> int:
    """A padding value written with the other signedness than the pixels, as the pixels would hold it."""
    if signed and value >= 1 << container - 1:
        return value - (1 << container)
    return value + (1 << container) if not signed and value < 0 else value


def _present(codes: AnyArray) -> Mask:
    """Which codes the image holds: (2 ** bits,)."""
    found = np.zeros(1 << codes.dtype.itemsize * 8, np.bool_)
    found[codes] = True
    return found


def _units(stored: Integers, rules: GreyRules) -> Numbers:
    """Stored values -> units behind the Modality LUT (C.11.1)."""
    if rules.modality:
        return _look_up(stored, rules.modality)
    return np.asarray(stored * rules.slope + rules.intercept, np.float64)


def _look_up(inputs: AnyArray, table: LookUp) -> Numbers:
    index = np.rint(inputs - np.float64(table.first)).clip(0, table.entries.size - 1)
    return np.take(table.entries, index.astype(np.int64))


def _shown(units: Numbers, rules: GreyRules, *, in_image: Callable[[], Mask]) -> Numbers:
    """Units behind the Modality LUT -> grey values before polarity, 0..1 once clipped."""
    if rules.voi:
        return _look_up(units, rules.voi) / ((1 << rules.voi.bits) - 1)
    if rules.window:
        return windowed(units, rules.window)
    return _stretched(units, in_image())


def windowed(units: Numbers, window: Window) -> Numbers:
    """Apply the window's function: grey values, 0..1 once clipped (PS3.3 C.11.2.1.2.1, C.11.2.1.3)."""
    distance: Numbers = units - window.centre
    with np.errstate(over="ignore", divide="ignore"):
        if window.function == "SIGMOID":
            return np.asarray(1 / (1 + np.exp((-4 * distance / window.width).clip(-700, 700))))
        if window.function == "LINEAR_EXACT":
            return np.asarray(distance / window.width + 0.5)
        if window.width == 1:
            return (distance > -0.5).astype(np.float64)
        return np.asarray((distance + 0.5) / (window.width - 1) + 0.5)


def _stretched(units: Numbers, in_image: Mask) -> Numbers:
    """The range of the values in the image -> 0..1."""
    found = units[in_image]
    if found.size == 0 or found.min() == found.max():
        return np.zeros_like(units)
    return np.asarray((units - found.min()) / (found.max() - found.min()))
