"""From a network's heat maps to the original image: undo the fit, whatever it padded or cropped."""

from __future__ import annotations

import cv2
import numpy as np

from rakurs.study import FloatArray, Frame, HeatMap

GRID = 64
"""Cells along the longer side of the answer: finer than any network's map, small enough to send."""


def onto_image(heat_maps: FloatArray, frame: Frame) -> list[HeatMap]:
    """Cut and stretch maps of the network's input so that they cover the original image exactly.

    `heat_maps` float32 (labels, h, w) over the whole input. Where a crop hid a border of the
    original, the map is 0 there: the network has not seen it.
    """
    longer = max(frame.rows, frame.columns)
    rows = _interpolation(
        heat_maps.shape[1], max(1, round(GRID * frame.rows / longer)), start=frame.top, length=frame.height
    )
    columns = _interpolation(
        heat_maps.shape[2], max(1, round(GRID * frame.columns / longer)), start=frame.left, length=frame.width
    )
    covering = rows @ heat_maps @ columns.T  # (labels, h, w) -> (labels, grid rows, grid columns)
    return [HeatMap(values=values, rows=frame.rows, columns=frame.columns) for values in covering]


def _interpolation(cells: int, answers: int, *, start: float, length: float) -> FloatArray:
    """The matrix (answers, cells) of linear interpolation between the centres of `cells`.

    The answers lie evenly on the stretch from `start` over `length`, in fractions of the cells'
    extent; those outside 0..1 are 0, those between the border and an outermost centre take its value.
    """
    fraction = start + length * (np.arange(answers) + 0.5) / answers
    position = np.clip(fraction * cells - 0.5, 0, cells - 1)
    matrix = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells)))
    matrix[(fraction < 0) | (fraction > 1)] = 0
    return np.asarray(matrix, np.float32)


def stretch(heat_map: HeatMap) -> FloatArray:
    """The heat map at the size of the original image: float32 (rows, columns), not negative."""
    stretched = cv2.resize(heat_map.values, (heat_map.columns, heat_map.rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(stretched, np.float32)
