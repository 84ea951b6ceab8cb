"""AUROC and AUPRC of every label in every resample at once.

A resample is a vector of counts. Each label's scores are sorted once; the running sums of the counts in that order, at
the scores that positives have, give both areas of a whole block of resamples, exact with ties and repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, IntArray, checked
from rakurs.evaluation.ranking import auprc, auroc
from rakurs.evaluation.resamples import Resamples

MEASURES = ("auroc", "auprc")
BLOCK_BYTES = 16 * 2**20
"""Running sums of one block: enough for numpy's loops, little beside the films' answers."""


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """One label's studies by rising score.

    `patient` (n,) whose each study is; of the m distinct scores that positives have, `first` and `after` (m,) are the
    places where the studies of that score begin and end; `positive` (positives,) whose each positive is, and `start`
    (m,) where in it those of each score begin.
    """

    patient: IntArray
    first: IntArray
    after: IntArray
    positive: IntArray
    start: IntArray


def areas(truth: BoolArray, score: FloatArray) -> Float64Array:
    """AUROC and AUPRC of every label and, last, their mean: `truth` and `score` (n, labels) -> (2, labels + 1).

    NaN where a label lacks a class; the mean is over the labels that have both.

    Raises:
        UsageError: as `checked`, or the shapes are not (n, labels).
    """
    truth, score = _checked(truth, score)
    of_label = np.array([[measure(*pair) for pair in zip(truth.T, score.T, strict=True)] for measure in (auroc, auprc)])
    return _with_mean(of_label, measurable(truth))


def resampled_areas(truth: BoolArray, score: FloatArray, *, resamples: Resamples) -> Float64Array:
    """`areas` in each resample: (samples, 2, labels + 1).

    The mean is always over the same labels, those with both classes in the whole set; a resample that lost one of
    them has no mean.

    Raises:
        UsageError: as `areas`, or the resamples are of other studies.
    """
    truth, score = _checked(truth, score)
    if len(truth) != len(resamples.place):
        raise UsageError(
            f"Got {len(truth)} studies and resamples of {len(resamples.place)}; expected the same studies."
        )
    drawn = np.empty((len(resamples), 2, truth.shape[1]))
    rows = max(1, BLOCK_BYTES // (4 * len(truth)))
    for column, (of_label, values) in enumerate(zip(truth.T, score.T, strict=True)):
        order = _ordered(of_label, values, place=resamples.place)
        for begin in range(0, len(resamples), rows):
            drawn[begin : begin + rows, :, column] = _areas_of_block(order, resamples.counts[begin : begin + rows])
    return _with_mean(drawn, measurable(truth))


def measurable(truth: BoolArray) -> npt.NDArray[np.bool_]:
    """Which labels have both classes: (n, labels) -> (labels,)."""
    return np.asarray(truth.any(axis=0) & ~truth.all(axis=0), np.bool_)


def _ordered(truth: BoolArray, score: Float64Array, *, place: IntArray) -> _Order:
    order = np.argsort(score, kind="stable")
    sorted_score, sorted_truth = score[order], truth[order]
    held = sorted_score[sorted_truth]
    _, start = np.unique(held, return_index=True)
    distinct = held[start]
    return _Order(
        patient=place[order],
        first=np.searchsorted(sorted_score, distinct, side="left").astype(np.int64),
        after=np.searchsorted(sorted_score, distinct, side="right").astype(np.int64),
        positive=place[order[sorted_truth]],
        start=start.astype(np.int64),
    )


def _areas_of_block(order: _Order, counts: npt.NDArray[np.uint16]) -> Float64Array:
    """AUROC and AUPRC of one label in a block of resamples: counts (block, patients) -> (block, 2)."""
    if not order.start.size:
        return np.full((len(counts), 2), np.nan)
    studies = np.zeros((len(counts), len(order.patient) + 1), np.int32)
    np.cumsum(counts.take(order.patient, axis=1), axis=1, dtype=np.int32, out=studies[:, 1:])
    below, upto = studies[:, order.first].astype(np.int64), studies[:, order.after].astype(np.int64)  # (block, m)
    everyone = studies[:, -1:].astype(np.int64)
    at_score = np.add.reduceat(counts.take(order.positive, axis=1), order.start, axis=1, dtype=np.int64)
    positives_upto = np.cumsum(at_score, axis=1)
    positives_below = positives_upto - at_score
    positives = positives_upto[:, -1:]
    pairs = 2 * positives * (everyone - positives)
    twice_below = (below - positives_below) + (upto - positives_upto)  # negatives; a tie counts one of two
    called = np.maximum(everyone - below, 1)  # nobody may be left at the highest scores
    precision = (positives - positives_below) / called
    with np.errstate(invalid="ignore"):
        return np.concatenate(
            [
                (at_score * twice_below).sum(1, keepdims=True) / pairs,
                (at_score * precision).sum(1, keepdims=True) / positives,
            ],
            axis=1,
        )


def _with_mean(of_label: Float64Array, both_classes: npt.NDArray[np.bool_]) -> Float64Array:
    """Put the mean over the labels with both classes last: (..., labels) -> (..., labels + 1)."""
    if both_classes.any():
        mean = of_label[..., both_classes].mean(axis=-1, keepdims=True)
    else:
        mean = np.full((*of_label.shape[:-1], 1), np.nan)
    return np.concatenate([of_label, mean], axis=-1)


def _checked(truth: BoolArray, score: FloatArray) -> tuple[BoolArray, Float64Array]:
    truth, wide = np.asarray(truth), np.asarray(score, np.float64)
    if truth.ndim != 2 or truth.shape != wide.shape:
        raise UsageError(f"Got truth {truth.shape} and answers {wide.shape}; expected both (n, labels).")
    checked(truth.ravel(), wide.ravel())
    return truth, wide
