"""The variance of AUROC without resampling, and the test that two AUROC of the same studies are equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, checked


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference, its standard error and the two-sided p that it is 0; NaN where that cannot be told."""

    difference: float
    error: float
    p: float


def auroc_covariance(truth: BoolArray, scores: Sequence[FloatArray]) -> tuple[Float64Array, Float64Array]:
    """AUROC of k readers of the same studies, (k,), and their covariance (k, k).

    `truth` (n,), each of `scores` (n,). DeLong, DeLong and Clarke-Pearson, Biometrics 44:837 (1988), by the mid-ranks
    of Sun and Xu, IEEE Signal Processing Letters 21:1389 (2014). Studies count as independent. NaN where a class has
    fewer than two studies.

    Raises:
        UsageError: as `checked`.
    """
    pairs = [checked(truth, score) for score in scores]
    truth = pairs[0][0]
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < 2:
        return np.full(len(pairs), np.nan), np.full((len(pairs), len(pairs)), np.nan)
    of_positives = np.empty((len(pairs), positives))  # the share of negatives below each positive
    of_negatives = np.empty((len(pairs), negatives))  # the share of positives above each negative
    for row, (_, score) in enumerate(pairs):
        rank = _midranks(score)
        of_positives[row] = (rank[truth] - _midranks(score[truth])) / negatives
        of_negatives[row] = 1 - (rank[~truth] - _midranks(score[~truth])) / positives
    covariance = np.atleast_2d(np.cov(of_positives)) / positives + np.atleast_2d(np.cov(of_negatives)) / negatives
    return of_positives.mean(axis=1), np.asarray(covariance, np.float64)


def delong_test(truth: BoolArray, first: FloatArray, *, second: FloatArray) -> Contrast:
    """Whether two readers of the same studies differ in AUROC: `first` minus `second`, each (n,).

    Raises:
        UsageError: as `checked`.
    """
    area, covariance = auroc_covariance(truth, [first, second])
    difference = float(area[0] - area[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if math.isnan(variance):
        return Contrast(difference, error=math.nan, p=math.nan)
    if variance <= 1e-15:  # the same ranking, or two rankings without any doubt
        return Contrast(difference, error=0.0, p=1.0 if abs(difference) < 1e-12 else math.nan)
    error = math.sqrt(variance)
    return Contrast(difference, error=error, p=2 * NormalDist().cdf(-abs(difference) / error))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for being several, in their order; NaN stays and is not counted.

    Holm, Scandinavian Journal of Statistics 6:65 (1979).

    Raises:
        UsageError: a value is not in 0..1.
    """
    if any(not 0 <= each <= 1 for each in p if not math.isnan(each)):
        raise UsageError("Got a p-value outside 0..1.")
    rising = sorted((place for place, each in enumerate(p) if not math.isnan(each)), key=lambda place: p[place])
    corrected, highest = list(p), 0.0
    for step, place in enumerate(rising):
        highest = max(highest, min(1.0, (len(rising) - step) * p[place]))
        corrected[place] = highest
    return corrected


def _midranks(score: Float64Array) -> Float64Array:
    """The rank of each score from 1, ties at the middle of their ranks: (n,) -> (n,)."""
    _, place, studies = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(studies)
    return np.asarray((last - (studies - 1) / 2)[place], np.float64)
