"""How well answers rank studies: areas and curves, exact with ties.

Everything follows from one count: how many positives and how many negatives share each distinct answer. Where a
measure needs a class that is not there it is NaN, so that one resample of a bootstrap may lack it without stopping.
"""

from __future__ import annotations

import numpy as np

from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, IntArray, checked


def auroc(truth: BoolArray, score: FloatArray) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counted half.

    `truth` (n,), `score` (n,) in any unit; the area is in 0..1, NaN where only one class is there. The Mann-Whitney
    statistic over the number of pairs: Hanley and McNeil, Radiology 143:29 (1982).

    Raises:
        UsageError: as `checked`.
    """
    truth, score = checked(truth, score)
    return auroc_of_counts(*counts(truth, places(score)))


def auprc(truth: BoolArray, score: FloatArray) -> float:
    """Average precision: the precision at each distinct score, weighted by the recall that is gained there.

    `truth` (n,), `score` (n,) in any unit; the area is in 0..1, NaN without a positive. A step function, without the
    optimistic straight lines between its points: Davis and Goadrich, ICML 2006.

    Raises:
        UsageError: as `checked`.
    """
    truth, score = checked(truth, score)
    return auprc_of_counts(*counts(truth, places(score)))


def roc_curve(truth: BoolArray, score: FloatArray) -> tuple[Float64Array, Float64Array, Float64Array]:
    """False positive rate, true positive rate and threshold, each (distinct scores + 1,), from strict to lax.

    The first threshold is infinite: nothing is called. A study is called when its score is at or above the threshold.
    The rate of a class that is not there is NaN.

    Raises:
        UsageError: as `checked`.
    """
    truth, score = checked(truth, score)
    true, false = _called(*counts(truth, places(score)))
    thresholds = np.concatenate([[np.inf], np.unique(score)[::-1]])
    return _share(false), _share(true), thresholds


def precision_recall_curve(truth: BoolArray, score: FloatArray) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Precision and recall, each (distinct scores + 1,), and threshold (distinct scores,), from lax to strict.

    The last point, precision 1 at recall 0, has no threshold: nothing is called there. Recall is NaN without a
    positive.

    Raises:
        UsageError: as `checked`.
    """
    truth, score = checked(truth, score)
    true, false = _called(*counts(truth, places(score)))
    precision = np.concatenate([[1.0], true[1:] / (true + false)[1:]])
    return precision[::-1], _share(true)[::-1], np.unique(score)


def places(score: FloatArray) -> IntArray:
    """The place of each score (n,) among the distinct ones, from 0 upwards; ties share a place."""
    return np.unique(score, return_inverse=True)[1].astype(np.int64)


def counts(truth: BoolArray, place: IntArray) -> tuple[IntArray, IntArray]:
    """How many positives and how many negatives stand at each place, each (highest place + 1,)."""
    size = int(place.max()) + 1
    positives = np.bincount(place[truth], minlength=size)
    return positives, np.bincount(place, minlength=size) - positives


def auroc_of_counts(positives: IntArray, negatives: IntArray) -> float:
    """`auroc` from the counts at each place, lowest score first; NaN where only one class is there."""
    pairs = int(positives.sum()) * int(negatives.sum())
    if not pairs:
        return float("nan")
    twice_below = 2 * np.cumsum(negatives) - negatives  # a tie counts one of two
    return int(positives @ twice_below) / (2 * pairs)


def auprc_of_counts(positives: IntArray, negatives: IntArray) -> float:
    """`auprc` from the counts at each place, lowest score first; NaN without a positive."""
    true, false = _called(positives, negatives)
    if not true[-1]:
        return float("nan")
    called = np.maximum(true + false, 1)[1:]  # a resample may have nobody at the highest places
    return float(np.sum(np.diff(true) * true[1:] / called) / true[-1])


def _called(positives: IntArray, negatives: IntArray) -> tuple[IntArray, IntArray]:
    """True and false positives, each (places + 1,), as the threshold falls from above the highest place."""
    none = np.zeros(1, np.int64)
    true, false = (np.concatenate([none, np.cumsum(at_place[::-1])]) for at_place in (positives, negatives))
    return true, false


def _share(called: IntArray) -> Float64Array:
    return called / called[-1] if called[-1] else np.full(called.shape, np.nan)
