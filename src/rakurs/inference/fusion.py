"""From the logits of the views to one probability per label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rakurs.pack import Calibration, Measured
from rakurs.study import FloatArray
from rakurs.task import Task


def calibrate(logits: FloatArray, *, view: str, task: Task, measured: Measured | None) -> FloatArray:
    """The calibration measured of a view: (…, labels) -> the same shape; unchanged where nothing was measured."""
    if measured is None or measured.calibration is None:
        return logits
    return apply_calibration(logits, measured.calibration[view], task=task)


def apply_calibration(logits: FloatArray, calibration: Mapping[str, Calibration], *, task: Task) -> FloatArray:
    """Slope and intercept of each label: (…, labels) -> the same shape."""
    slope = np.array([calibration[label.name].slope for label in task.labels], np.float32)
    intercept = np.array([calibration[label.name].intercept for label in task.labels], np.float32)
    return np.asarray(slope * logits + intercept, np.float32)


def fuse(logits: Mapping[str, FloatArray], measured: Measured | None) -> FloatArray:
    """The weighted sum of the views' calibrated logits, each (…, labels), over the views that are present.

    With one view it is exactly that view's logits. The measured weights of all views may sum to more than 1, for
    views that agree are surer than each alone; where some are missing, the sum is that much nearer to 1. Without
    measured weights it is the mean.
    """
    if len(logits) == 1:
        return next(iter(logits.values()))
    held = measured.fusion if measured is not None and measured.fusion else dict.fromkeys(logits, 1 / len(logits))
    total = 1 + (sum(held.values()) - 1) * (len(logits) - 1) / (len(held) - 1)
    scale = total / sum(held[view] for view in logits)
    weighted = [scale * held[view] * of_view for view, of_view in logits.items()]
    return np.asarray(np.sum(weighted, axis=0), np.float32)


def activate(logits: FloatArray, task: Task) -> FloatArray:
    """Logits (…, labels) to probabilities in 0..1, by the task's activation."""
    wide = logits.astype(np.float64)
    if task.activation == "softmax":
        powers = np.exp(wide - wide.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)
    return np.asarray(1 / (1 + np.exp(-np.clip(wide, -80, 80))), np.float32)
