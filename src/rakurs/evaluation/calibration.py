"""Whether a probability means what it says, and the two numbers per label that make it so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, IntArray, checked, checked_probabilities

SMALLEST_SLOPE = 0.01  # per standard deviation of the logits
Binning = Literal["mass", "width"]


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """What was said against what came true, one entry for each bin that holds a study, lowest first.

    `probability` is the bin's mean probability, `frequency` the share of its studies that are positive, both in 0..1;
    `count` is how many studies it holds.
    """

    probability: Float64Array
    frequency: Float64Array
    count: IntArray


def fit_platt(logit: FloatArray, truth: BoolArray, *, weight: FloatArray | None = None) -> tuple[float, float]:
    """The (slope, intercept) for which sigmoid(slope * logit + intercept) fits the truth best.

    `logit` (n,), `truth` (n,), `weight` (n,) not negative, in studies (2 counts as two). Maximum likelihood with the
    smoothed targets of Platt, Advances in Large Margin Classifiers (1999), which keep separable data finite, by the
    damped Newton steps of Lin, Lin and Weng, Machine Learning 68:267 (2007). A calibration never turns the ranking
    round: where the best slope is under `SMALLEST_SLOPE` (per standard deviation of the logits), the network does not
    rank this label, the slope is that and the intercept is fitted to it: every probability is near the frequency.

    Raises:
        UsageError: as `checked`; a logit is infinite; the weights are not (n,), finite and not negative; or one
            class has no weight.
    """
    truth, z = checked(truth, logit)
    studies = _checked_weight(weight, n=z.size)
    positives, negatives = float(studies[truth].sum()), float(studies[~truth].sum())
    if not np.isfinite(z).all():
        raise UsageError(
            "Got an infinite logit; expected finite ones. Take the network's logits, not log(p / (1 - p))."
        )
    if not positives or not negatives:
        raise UsageError("Got one class only; a calibration needs positives and negatives. Measure on more studies.")
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(z.mean()), float(z.std()) or 1.0
    u, ones = (z - centre) / spread, np.ones_like(z)
    slope, intercept = _newton(np.stack([u, ones], axis=1), offset=0 * u, target=target, weight=studies)
    if slope < SMALLEST_SLOPE:
        slope = SMALLEST_SLOPE
        (intercept,) = _newton(ones[:, None], offset=slope * u, target=target, weight=studies)
    return float(slope / spread), float(intercept - slope * centre / spread)


def fit_temperature(logits: FloatArray, truth: BoolArray) -> float:
    """The slope (one over the temperature) for which softmax(slope * logits) fits the truth best.

    `logits` (n, labels), `truth` bool (n, labels) with exactly one label each. Guo et al., ICML 2017: the ranking of a
    study's labels stays as it is. Bisection on the slope of the convex cross-entropy, within 0.01..100.

    Raises:
        UsageError: the shapes differ, there are no studies, a logit is not finite, or a study has not one label.
    """
    wide, held = np.asarray(logits, np.float64), np.asarray(truth)
    if wide.ndim != 2 or wide.shape != held.shape or not wide.size or not np.isfinite(wide).all():
        raise UsageError(f"Got logits {wide.shape} and truth {held.shape}; expected finite (n, labels) twice, n >= 1.")
    if held.dtype != np.bool_ or (held.sum(1) != 1).any():
        raise UsageError("Got studies with none or several labels; expected exactly one each.")
    wide = wide - wide.max(1, keepdims=True)
    low, high = math.log(0.01), math.log(100)
    for _ in range(60):
        middle = (low + high) / 2
        powers = np.exp(math.exp(middle) * wide)
        expected = (powers * wide).sum(1) / powers.sum(1)
        low, high = (low, middle) if float((expected - wide[held]).sum()) > 0 else (middle, high)
    return math.exp((low + high) / 2)


def brier(truth: BoolArray, probability: FloatArray) -> float:
    """The mean squared distance of probability (n,) in 0..1 from truth (n,): 0 is perfect; Brier (1950).

    Raises:
        UsageError: as `checked_probabilities`.
    """
    truth, probability = checked_probabilities(truth, probability)
    return float(np.mean((probability - truth) ** 2))


def expected_calibration_error(
    truth: BoolArray, probability: FloatArray, *, bins: int = 15, binning: Binning = "mass"
) -> float:
    """How far, on average over the studies, a bin's mean probability lies from its share of positives, in 0..1.

    `truth` (n,), `probability` (n,) in 0..1; bins as in `reliability`. Guo et al., ICML 2017; bins of equal mass as in
    Nixon et al., CVPR workshops 2019. A perfect answer is not 0 on few studies: the bins' noise adds up.

    Raises:
        UsageError: as `reliability`.
    """
    table = reliability(truth, probability, bins=bins, binning=binning)
    return float(np.average(np.abs(table.probability - table.frequency), weights=table.count))


def reliability(truth: BoolArray, probability: FloatArray, *, bins: int = 15, binning: Binning = "mass") -> Reliability:
    """The table behind a reliability diagram: `truth` (n,), `probability` (n,) in 0..1.

    "mass" puts as many studies into each bin (rare labels have nearly all their probabilities near 0, where bins of
    equal width would be one); equal probabilities stay together, so the order of the studies does not matter. "width"
    cuts 0..1 into equal parts, each with its lower edge and the last with 1. Empty bins are left out.

    Raises:
        UsageError: as `checked_probabilities`, or `bins` is under 1.
    """
    truth, probability = checked_probabilities(truth, probability)
    if bins < 1:
        raise UsageError(f"Got {bins} bins; expected 1 or more.")
    place = _places(probability, bins=bins, binning=binning)
    count = np.bincount(place, minlength=bins)
    held = count > 0
    said = np.bincount(place, weights=probability, minlength=bins)[held] / count[held]
    came_true = np.bincount(place, weights=truth, minlength=bins)[held] / count[held]
    return Reliability(said, came_true, count[held])


def _places(probability: Float64Array, *, bins: int, binning: Binning) -> IntArray:
    """The bin of each probability: (n,) -> (n,) in 0..bins-1."""
    if binning == "width":
        return np.minimum((probability * bins).astype(np.int64), bins - 1)
    below = np.searchsorted(np.sort(probability), probability)
    return below.astype(np.int64) * bins // probability.size


def _newton(design: Float64Array, *, offset: Float64Array, target: Float64Array, weight: Float64Array) -> Float64Array:
    """Minimise the cross-entropy of sigmoid(design @ x + offset): (n, d) -> (d,); a step is halved until it helps."""

    def loss(x: Float64Array) -> float:
        z = design @ x + offset
        return float(weight @ (np.logaddexp(0, z) - target * z))

    ridge = 1e-12 * float(weight.sum()) * np.eye(design.shape[1])
    x = np.zeros(design.shape[1])
    for _ in range(100):
        p = 0.5 + 0.5 * np.tanh(0.5 * (design @ x + offset))  # the sigmoid, without overflow
        gradient = design.T @ (weight * (p - target))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        while loss(x - step) > loss(x) and np.abs(step).max() > 1e-12:
            step /= 2
        x = x - step
        if np.abs(step).max() <= 1e-10 * (1 + np.abs(x).max()):
            break
    return x


def _checked_weight(weight: FloatArray | None, *, n: int) -> Float64Array:
    checked_weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    if checked_weight.shape != (n,) or not np.isfinite(checked_weight).all() or checked_weight.min() < 0:
        raise UsageError(f"Got weights {checked_weight.shape}; expected ({n},), finite and not negative.")
    return checked_weight
