"""The table of numbers that a pack publishes of itself, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, FloatArray, checked_probabilities
from rakurs.evaluation.areas import MEASURES, areas, resampled_areas
from rakurs.evaluation.calibration import brier, expected_calibration_error
from rakurs.evaluation.intervals import Interval, proportion_interval
from rakurs.evaluation.resamples import draw_resamples, interval_of
from rakurs.evaluation.thresholds import sensitivity_specificity

Thresholds = Mapping[str, Mapping[str, float]]


def score_labels(
    truth: BoolArray,
    probability: FloatArray,
    *,
    labels: Sequence[str],
    patients: npt.ArrayLike,
    thresholds: Thresholds,
    samples: int = 1000,
    seed: int,
) -> dict[str, Any]:
    """Everything published of a set of answers: `{"labels": {label: ...}, "mean": ...}`.

    `truth` and `probability` (n, labels), probabilities in 0..1; `patients` (n,) says whose each study is;
    `thresholds[point][label]` was measured on other studies, and a point may leave labels out. An interval is
    `{"value", "low", "high"}` at 95 %, drawn by patient; what cannot be measured is None. The mean area is over the
    labels that have both classes.

    Raises:
        UsageError: as `checked_probabilities` for a label; the shapes do not agree; or a threshold is for a label
            that is not there.
    """
    truth, probability, members = np.asarray(truth), np.asarray(probability, np.float64), np.asarray(patients)
    _check_agreement(truth, probability, labels=labels, members=members, thresholds=thresholds)
    resamples = draw_resamples(members, samples=samples, seed=seed)
    measured = interval_of(areas(truth, probability), resampled_areas(truth, probability, resamples=resamples))
    table = {}
    for column, label in enumerate(labels):
        points = {name: point[label] for name, point in thresholds.items() if label in point}
        row = _label_row(truth[:, column], probability[:, column], points=points, patients=members)
        table[label] = {**row, **_area_rows(measured, column=column)}
    mean = {name: float(np.mean([row[name] for row in table.values()])) for name in ("ece", "brier")}
    return {"labels": table, "mean": {**_area_rows(measured, column=len(labels)), **mean}}


def to_json(interval: Interval[float]) -> dict[str, float | None]:
    """The interval as `{"value", "low", "high"}`, with None for NaN, which JSON does not know."""
    named = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(number) else float(number) for name, number in named.items()}


def _area_rows(measured: Interval[FloatArray], *, column: int) -> dict[str, Any]:
    bounds = np.stack([measured.value, measured.low, measured.high], axis=-1)[:, column]  # (measure, bound)
    return {name: to_json(Interval(*map(float, row))) for name, row in zip(MEASURES, bounds, strict=True)}


def _label_row(
    truth: BoolArray, probability: FloatArray, *, points: Mapping[str, float], patients: npt.NDArray[np.generic]
) -> dict[str, Any]:
    operating_points = {
        name: _point_row(truth, probability, threshold=threshold, patients=patients)
        for name, threshold in points.items()
    }
    return {
        "positives": int(truth.sum()),
        "ece": expected_calibration_error(truth, probability),
        "brier": brier(truth, probability),
        "operating_points": operating_points,
    }


def _point_row(
    truth: BoolArray, probability: FloatArray, *, threshold: float, patients: npt.NDArray[np.generic]
) -> dict[str, Any]:
    """What calling from a threshold on gives: how many are called, and which share of calls and of others is right."""
    sensitivity, specificity = sensitivity_specificity(truth, probability, threshold=threshold, groups=patients)
    called = probability >= threshold
    return {
        "threshold": float(threshold),
        "sensitivity": to_json(sensitivity),
        "specificity": to_json(specificity),
        "called": int(called.sum()),
        "ppv": to_json(proportion_interval(truth[called], groups=patients[called])),
        "npv": to_json(proportion_interval(~truth[~called], groups=patients[~called])),
    }


def _check_agreement(
    truth: BoolArray,
    probability: FloatArray,
    *,
    labels: Sequence[str],
    members: npt.NDArray[np.generic],
    thresholds: Thresholds,
) -> None:
    if truth.ndim != 2 or truth.shape != probability.shape or truth.shape != (members.size, len(labels)) or not labels:
        raise UsageError(
            f"Got truth {truth.shape}, probabilities {probability.shape}, {members.size} patients and {len(labels)} "
            "labels; expected (n, labels) twice, one patient for each of n and one label for each column."
        )
    checked_probabilities(truth.ravel(), probability.ravel())
    unknown = {label for point in thresholds.values() for label in point} - set(labels)
    if unknown:
        raise UsageError(f"Got thresholds for {', '.join(sorted(unknown))}; expected only {', '.join(labels)}.")
