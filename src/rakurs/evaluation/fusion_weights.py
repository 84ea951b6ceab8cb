"""How much each view counts: the weights of the fused logits, by maximum likelihood on validation studies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray
from rakurs.inference.fusion import activate
from rakurs.task import Task

SMALLEST_WEIGHT = 0.01
"""A view that helps nothing still counts a little: a weight of nothing could not be told from a missing one."""

FEWEST_STUDIES = 20
"""With fewer studies of all views, weights would tell of these studies and not of the views."""

STEPS = 50


def fit_fusion(answers: Mapping[str, FloatArray], truth: BoolArray, *, task: Task) -> dict[str, float]:
    """The weight of each view, fitted on the studies that have all of them.

    `answers[view]` are calibrated logits (n, labels), NaN where a study lacks the view; `truth` is
    bool (n, labels). The weights minimise the cross-entropy of the fused logits, are not negative,
    and may sum to more than 1. A weak prior holds them near the mean, which they are where fewer than
    `FEWEST_STUDIES` have all views.
    """
    views = list(answers)
    logits = np.stack([np.asarray(answers[view], np.float64) for view in views])  # (views, n, labels)
    complete = ~np.isnan(logits).any((0, 2))
    if len(views) == 1 or complete.sum() < FEWEST_STUDIES:
        return dict.fromkeys(views, round(1 / len(views), 6))
    weights = _fit(logits[:, complete], np.asarray(truth)[complete].astype(np.float64), task=task)
    return {view: round(max(SMALLEST_WEIGHT, float(weight)), 6) for view, weight in zip(views, weights, strict=True)}


def _fit(logits: Float64Array, truth: Float64Array, *, task: Task) -> Float64Array:
    """Newton's method on the weights (views,), those that would be negative held at 0; halved until it helps."""
    even = np.full(len(logits), 1 / len(logits))
    weights, free = even.copy(), np.ones(len(logits), np.bool_)
    for _ in range(STEPS):
        gradient, hessian = _slope(logits, truth, weights=weights, even=even, task=task)
        free &= (weights > 0) | (gradient < 0)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        before = _loss(logits, truth, weights=weights, even=even, task=task)
        while _loss(logits, truth, weights=np.maximum(weights - step, 0), even=even, task=task) > before:
            if np.abs(step).max() < 1e-9:
                return weights
            step /= 2
        weights = np.maximum(weights - step, 0)
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _loss(logits: Float64Array, truth: Float64Array, *, weights: Float64Array, even: Float64Array, task: Task) -> float:
    """The cross-entropy of all studies, plus the prior."""
    z = np.tensordot(weights, logits, 1)  # (n, labels)
    if task.activation == "softmax":
        top = z.max(1, keepdims=True)
        spent = (top[:, 0] + np.log(np.exp(z - top).sum(1))).sum() - (truth * z).sum()
    else:
        spent = (np.logaddexp(0, z) - truth * z).sum()
    return float(spent + np.square(weights - even).sum())


def _slope(
    logits: Float64Array, truth: Float64Array, *, weights: Float64Array, even: Float64Array, task: Task
) -> tuple[Float64Array, Float64Array]:
    """Gradient (views,) and Hessian (views, views) of `_loss`."""
    said = activate(np.tensordot(weights, logits, 1).astype(np.float32), task).astype(np.float64)  # (n, labels)
    gradient = np.tensordot(logits, said - truth, 2) + 2 * (weights - even)
    if task.activation == "softmax":
        means = (logits * said).sum(2)  # (views, n)
        hessian = np.einsum("vnl,unl,nl->vu", logits, logits, said) - means @ means.T
    else:
        hessian = np.einsum("vnl,unl,nl->vu", logits, logits, said * (1 - said))
    return gradient, hessian + 2 * np.eye(len(weights))
