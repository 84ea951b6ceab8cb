"""Where a probability becomes a call: thresholds that keep a promise, and what they give.

A study is called when its probability is at or above the threshold. Both are compared as float64.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, FloatArray, checked, checked_probabilities
from rakurs.evaluation.intervals import Interval, proportion_interval


def threshold_for(
    truth: BoolArray,
    probability: FloatArray,
    *,
    criterion: Literal["sensitivity", "specificity"],
    at_least: float,
) -> float:
    """The threshold that keeps `criterion` at `at_least` on these studies and gives the most of the other value.

    `truth` (n,), `probability` (n,) in 0..1. For sensitivity the largest such threshold, which is the probability of
    a positive; for specificity the smallest among the probabilities seen, or the next number above them all.

    Raises:
        UsageError: as `checked_probabilities`; `at_least` is not in 0..1 without 0; the class that the criterion is
            about is not there; or too many negatives have probability 1 for any threshold in 0..1.
    """
    truth, probability = checked_probabilities(truth, probability)
    if not 0 < at_least <= 1:
        raise UsageError(f"Got at_least {at_least}; expected a share above 0 and up to 1.")
    counted = np.sort(probability[truth == (criterion == "sensitivity")])
    if not counted.size:
        raise UsageError(f"Got one class only; {criterion} needs studies of the other. Measure on more studies.")
    right = _fewest(counted.size, at_least=at_least)
    if criterion == "sensitivity":
        return float(counted[-right])
    above_all = np.nextafter(probability.max(), np.inf)
    threshold = np.min(probability, where=probability > counted[right - 1], initial=above_all)
    if threshold > 1:
        raise UsageError(f"Got negatives at probability 1; no threshold gives specificity {at_least}. Calibrate first.")
    return float(threshold)


def sensitivity_specificity(
    truth: BoolArray, probability: FloatArray, *, threshold: float, groups: npt.ArrayLike | None = None
) -> tuple[Interval[float], Interval[float]]:
    """The share of positives that are called and of negatives that are not, with 95 % intervals.

    `truth` (n,), `probability` (n,), `groups` (n,) says whose each film is (default: each its own patient's). NaN for
    a class that is not there. The intervals are those of `proportion_interval`.

    Raises:
        UsageError: as `checked`, or `groups` is not (n,).
    """
    truth, probability = checked(truth, probability)
    members = np.arange(truth.size) if groups is None else np.asarray(groups)
    if members.shape != truth.shape:
        raise UsageError(f"Got {members.shape} groups for {truth.shape} studies; expected one group for each.")
    right = (probability >= threshold) == truth
    return (
        proportion_interval(right[truth], groups=members[truth]),
        proportion_interval(right[~truth], groups=members[~truth]),
    )


def _fewest(n: int, *, at_least: float) -> int:
    """The smallest count whose share of `n` is `at_least`, decided by the same division that measures it."""
    return int(np.argmax(np.arange(1, n + 1) / n >= at_least)) + 1


def confidence_for(confidence: FloatArray, right: BoolArray, *, at_most_error: float) -> float:
    """The least confidence from which on at most this share of the answers was wrong.

    `confidence` (n,) in 0..1 is the probability of the likeliest label, `right` bool (n,) whether it was the true
    one. The answers given are those at or above it; where not even the surest ones are right often enough, it is the
    next number above them all, or 1.

    Raises:
        UsageError: as `checked_probabilities`.
    """
    right, confidence = checked_probabilities(right, confidence)
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, confidence.size + 1)
    last_of_ties = np.append(np.diff(confidence[order]) != 0, True)
    kept = np.flatnonzero(last_of_ties & (wrong <= at_most_error))
    if not kept.size:
        return float(min(1.0, np.nextafter(confidence.max(), np.inf)))
    return float(confidence[order][kept[-1]])
