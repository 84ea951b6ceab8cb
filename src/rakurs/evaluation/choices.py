"""Where exactly one label holds: how often the likeliest is the right one, and what is taken for what."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.evaluation.answers import BoolArray, FloatArray, IntArray
from rakurs.evaluation.intervals import Interval, proportion_interval
from rakurs.evaluation.resamples import draw_resamples, interval_of, resampled_means
from rakurs.evaluation.scores import to_json


def right(truth: BoolArray, probability: FloatArray) -> BoolArray:
    """Whether the likeliest label holds: `truth` and `probability` (n, labels) -> (n,)."""
    return np.asarray(truth[np.arange(len(truth)), probability.argmax(axis=1)], np.bool_)


def confusion(truth: BoolArray, probability: FloatArray) -> IntArray:
    """How many studies of each label (row) were given each label (column): (labels, labels)."""
    counts = np.zeros((truth.shape[1], truth.shape[1]), np.int64)
    np.add.at(counts, (truth.argmax(axis=1), probability.argmax(axis=1)), 1)
    return counts


def score_choices(
    truth: BoolArray,
    probability: FloatArray,
    *,
    patients: npt.ArrayLike,
    at_least: float | None = None,
    samples: int = 1000,
    seed: int,
) -> dict[str, Any]:
    """Accuracy and error with intervals at 95 % by patient, ready for JSON; chance is always giving the commonest.

    With `at_least` also what withholding answers under that probability gives: "answered", the share that is, and
    "answered_error", the share of those that is wrong.

    Raises:
        UsageError: as `draw_resamples`.
    """
    correct = right(truth, probability)
    resamples = draw_resamples(patients, samples=samples, seed=seed)
    accuracy = interval_of(np.asarray(correct.mean()), resampled_means(correct, resamples))
    value, low, high = float(accuracy.value), float(accuracy.low), float(accuracy.high)
    scores: dict[str, Any] = {
        "accuracy": to_json(Interval(value, low, high)),
        "error": to_json(Interval(1 - value, 1 - high, 1 - low)),
        "commonest": float(truth.mean(axis=0).max()),
    }
    if at_least is None:
        return scores
    members, given = np.asarray(patients), probability.max(axis=1).astype(np.float64) >= at_least
    return {
        **scores,
        "answered": to_json(proportion_interval(given, groups=members)),
        "answered_error": to_json(proportion_interval(~correct[given], groups=members[given])),
    }
