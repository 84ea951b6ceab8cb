"""Pictures of films and heat maps: one fixed table of colours, for the command line and the service alike.

The colours are anchors of "plasma" (Smith & van der Walt 2015, CC0): lightness rises evenly from
dark violet to yellow, so that the order survives a grey print and every kind of colour blindness,
and no colour of it is a grey of the film. Each map is scaled to its own maximum: colours say where
in the film, never how strongly; how strongly is what the probability says.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image

from rakurs.study import FloatArray, HeatMap, Image

Bytes = npt.NDArray[np.uint8]

ANCHORS: Final = (
    (13, 8, 135),
    (75, 3, 161),
    (125, 3, 168),
    (168, 34, 150),
    (203, 70, 121),
    (229, 107, 93),
    (248, 148, 65),
    (253, 195, 40),
    (240, 249, 33),
)
"""Red, green, blue at equal steps from 0 to the map's maximum; linear in between."""

FIRST_VISIBLE: Final = 0.1
"""Under this share of the map's maximum nothing is drawn: there a film should look like a film."""

OPACITY: Final = 0.5
"""Of an overlay at the map's maximum: half of the film's contrast stays where the colour is strongest."""

JPEG_QUALITY: Final = 88
_PNG_FAST: Final = (cv2.IMWRITE_PNG_COMPRESSION, 2)


def _colour_table() -> Bytes:
    """(256, 4) red, green, blue, alpha for levels 0..255; alpha rises linearly from `FIRST_VISIBLE` to opaque."""
    level = np.linspace(0, 1, 256)
    places = np.linspace(0, 1, len(ANCHORS))
    colours = [np.interp(level, places, channel) for channel in zip(*ANCHORS, strict=True)]
    alpha = 255 * np.clip((level - FIRST_VISIBLE) / (1 - FIRST_VISIBLE), 0, 1)
    return np.stack([*colours, alpha], axis=-1).round().astype(np.uint8)


COLOURS: Final[Bytes] = _colour_table()


def _blending_tables() -> tuple[Bytes, Bytes]:
    """What remains of the film's grey value, and what is added to it, per level: each (1, 256, 3) blue, green, red."""
    share = OPACITY * COLOURS[:, 3:] / 255  # (256, 1)
    remaining = np.repeat(255 * (1 - share), 3, axis=1)
    tint = COLOURS[:, 2::-1] * share
    return remaining.round().astype(np.uint8)[None], tint.round().astype(np.uint8)[None]


_BLENDING: Final = _blending_tables()


def colour(heat_map: HeatMap) -> Bytes:
    """The map in colours, uint8 (h, w, 4) red, green, blue, alpha; transparent where it is 0."""
    return COLOURS[_levels(heat_map.values)]


def map_png(heat_map: HeatMap) -> bytes:
    """The map as a small palette PNG with alpha, to be stretched over the film by whatever shows it."""
    picture = PIL.Image.fromarray(_levels(heat_map.values))  # (h, w), a grey picture until it has its palette
    picture.putpalette(COLOURS[:, :3].tobytes())
    file = BytesIO()
    picture.save(file, "PNG", transparency=COLOURS[:, 3].tobytes(), compress_level=6)
    return file.getvalue()


def overlay_png(image: Image, heat_map: HeatMap) -> bytes:
    """The film at its original size with the map over it, as PNG; where the map is transparent, the film unchanged."""
    size = (heat_map.columns, heat_map.rows)
    film = _sized(_blue_green_red(image), size)  # (rows, columns, 3)
    levels = cv2.merge([cv2.resize(_levels(heat_map.values), size, interpolation=cv2.INTER_LINEAR)] * 3)
    remaining, tint = _BLENDING
    blended = cv2.add(cv2.multiply(film, cv2.LUT(levels, remaining), scale=1 / 255), cv2.LUT(levels, tint))
    return _encoded(".png", np.asarray(blended, np.uint8), *_PNG_FAST)


def film_png(image: Image, *, longest: int | None = None) -> bytes:
    """The film as it is displayed, 8 bits, as PNG; `longest` limits its longer side in pixels."""
    return _encoded(".png", _limited(_displayed(image), longest), *_PNG_FAST)


def film_jpeg(image: Image, *, longest: int | None = None) -> bytes:
    """The film as it is displayed, as JPEG: for the eye, not for measuring; `longest` limits its longer side."""
    return _encoded(".jpg", _limited(_displayed(image), longest), cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)


def _levels(values: FloatArray) -> Bytes:
    """Values scaled to the map's maximum, 0..255; an empty map is 0 throughout."""
    greatest = float(values.max(initial=0.0))
    if greatest <= 0:
        return np.zeros(values.shape, np.uint8)
    return np.round(values * (255 / greatest)).astype(np.uint8)


def _displayed(image: Image) -> Bytes:
    """uint8 (rows, columns), or (rows, columns, 3) in OpenCV's order blue, green, red."""
    shown = cv2.convertScaleAbs(image.pixels, alpha=255)
    return np.asarray(shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), np.uint8)


def _blue_green_red(image: Image) -> Bytes:
    shown = _displayed(image)
    return np.asarray(shown if shown.ndim == 3 else cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR), np.uint8)


def _limited(shown: Bytes, longest: int | None) -> Bytes:
    scale = 1.0 if longest is None else longest / max(shown.shape[:2])
    if scale >= 1:
        return shown
    rows, columns = (max(1, round(side * scale)) for side in shown.shape[:2])
    return _sized(shown, (columns, rows))


def _sized(shown: Bytes, size: tuple[int, int]) -> Bytes:
    """The picture at `size` (columns, rows), unchanged where it has it."""
    columns, rows = size
    if shown.shape[:2] == (rows, columns):
        return shown
    shrinks = rows < shown.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(shown, size, interpolation=interpolation), np.uint8)


def _encoded(suffix: str, shown: Bytes, *options: int) -> bytes:
    done, file = cv2.imencode(suffix, shown, list(options))
    assert done, "OpenCV encodes every uint8 picture that has pixels"
    return file.tobytes()
