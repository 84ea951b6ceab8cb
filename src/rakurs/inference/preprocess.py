"""The one way from an image to a network's input, used by training and by reading alike."""

from __future__ import annotations

import cv2
import numpy as np

from rakurs.errors import UsageError
from rakurs.study import FloatArray, Frame, Image
from rakurs.task import Preprocess


def prepare(image: Image, preprocess: Preprocess) -> tuple[FloatArray, Frame]:
    """Fit and normalise an image: float32 (channels, rows, columns), and the frame that maps back to the original."""
    fitted, frame = fit(image, preprocess)
    return normalise(fitted, preprocess), frame


def fit(image: Image, preprocess: Preprocess) -> tuple[FloatArray, Frame]:
    """Scale an image into the input, centred, keeping its proportions.

    Returns float32 (channels, rows, columns) in 0..1, and the frame. Shrinking averages over areas,
    so that a film gives the same input whatever its resolution; enlarging is bilinear.
    """
    source = image.source
    rows, columns = preprocess.rows, preprocess.columns
    pick = min if preprocess.fit == "pad" else max
    scale = pick(rows / source.rows, columns / source.columns)
    height, width = max(1, round(source.rows * scale)), max(1, round(source.columns * scale))
    top, left = (rows - height) // 2, (columns - width) // 2
    scaled = _resize(image.pixels, rows=height, columns=width)
    frame = Frame(
        rows=source.rows,
        columns=source.columns,
        top=top / rows,
        left=left / columns,
        height=height / rows,
        width=width / columns,
    )
    placed = _place(scaled, top=top, left=left, rows=rows, columns=columns)
    return _with_channels(placed, preprocess.channels), frame


def normalise(fitted: FloatArray, preprocess: Preprocess) -> FloatArray:
    """Subtract the mean and divide by the deviation of each channel: (channels, rows, columns), 0..1 -> same shape."""
    mean = np.asarray(preprocess.mean, np.float32)[:, None, None]
    std = np.asarray(preprocess.std, np.float32)[:, None, None]
    return (fitted - mean) / std


def _resize(pixels: FloatArray, *, rows: int, columns: int) -> FloatArray:
    shrinks = rows < pixels.shape[0] or columns < pixels.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=interpolation), np.float32)


def _place(scaled: FloatArray, *, top: int, left: int, rows: int, columns: int) -> FloatArray:
    """Put `scaled` at (top, left), which are negative where it stands over, on a dark ground of rows x columns."""
    if scaled.shape[:2] == (rows, columns):
        return scaled
    inner = scaled[max(0, -top) : max(0, -top) + rows, max(0, -left) : max(0, -left) + columns]
    ground = np.zeros((rows, columns, *scaled.shape[2:]), np.float32)
    ground[max(0, top) : max(0, top) + inner.shape[0], max(0, left) : max(0, left) + inner.shape[1]] = inner
    return ground


def _with_channels(placed: FloatArray, channels: int) -> FloatArray:
    """(rows, columns) or (rows, columns, 3) -> (channels, rows, columns); a grey image fills every channel."""
    if placed.ndim == 3 and channels == 1:
        raise UsageError("A colour image cannot fill a grey input; the gate refuses it first.")
    if placed.ndim == 2:
        return np.broadcast_to(placed, (channels, *placed.shape))
    return np.ascontiguousarray(placed.transpose(2, 0, 1))
