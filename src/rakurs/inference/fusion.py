"""From the logits of the views to one probability per label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rakurs.pack import Measured
from rakurs.study import FloatArray
from rakurs.task import Task


def calibrate(logits: FloatArray, *, view: str, task: Task, measured: Measured | None) -> FloatArray:
    """Platt scaling per label (Platt 1999): (…, labels) -> the same shape; unchanged where nothing was measured."""
    if measured is None or measured.calibration is None:
        return logits
    of_view = measured.calibration[view]
    slope = np.array([of_view[label.name].slope for label in task.labels], np.float32)
    intercept = np.array([of_view[label.name].intercept for label in task.labels], np.float32)
    return np.asarray(slope * logits + intercept, np.float32)


def fuse(logits: Mapping[str, FloatArray], measured: Measured | None) -> FloatArray:
    """The weighted mean of the views' calibrated logits, each (…, labels), over the views that are present.

    With one view it is exactly that view's logits. Views without a measured weight count alike.
    """
    weights = {view: measured.fusion.get(view, 1.0) if measured else 1.0 for view in logits}
    if len(logits) == 1:
        return next(iter(logits.values()))
    total = sum(weights.values())
    weighted = [weights[view] / total * of_view for view, of_view in logits.items()]
    return np.asarray(np.sum(weighted, axis=0), np.float32)


def activate(logits: FloatArray, task: Task) -> FloatArray:
    """Logits (…, labels) to probabilities in 0..1, by the task's activation."""
    wide = logits.astype(np.float64)
    if task.activation == "softmax":
        powers = np.exp(wide - wide.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)
    return np.asarray(1 / (1 + np.exp(-np.clip(wide, -80, 80))), np.float32)
