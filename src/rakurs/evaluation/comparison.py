"""Two or more readers of the same films: which labels they share, and which differences hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray
from rakurs.evaluation.areas import MEASURES, areas, resampled_areas
from rakurs.evaluation.delong import delong_test, holm
from rakurs.evaluation.intervals import Interval
from rakurs.evaluation.resamples import Resamples, draw_resamples, interval_of, resampled_means
from rakurs.task import Label, Task

ALPHA = 0.05
MEAN = "mean"
"""Stands in place of a label for the mean over the shared labels."""


@dataclass(frozen=True, slots=True)
class SharedLabel:
    """A label that means the same in every task: `label` as the first calls it, `axes` its place in each task."""

    label: Label
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What one reader has more than another of one measure of one label, on the same studies.

    `gain` is `second` minus `first` with its interval by paired bootstrap of patients; `p` is DeLong's for AUROC of a
    label, else the bootstrap's; `corrected` is that of Holm over the labels of this pair and measure.
    """

    readers: tuple[str, str]
    label: str
    measure: str
    first: float
    second: float
    gain: Interval[float]
    p: float
    corrected: float

    @property
    def measurable(self) -> bool:
        """Whether there is a difference to speak of: both classes are there."""
        return not math.isnan(self.gain.low)

    @property
    def holds(self) -> bool:
        """Whether the interval excludes 0 and the corrected p is under `ALPHA`."""
        return (self.gain.low > 0 or self.gain.high < 0) and self.corrected < ALPHA


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found of several readers of the same studies.

    `answers[reader]` and `truth` (n, labels) are of the shared `labels`, `patients` (n,); `left_out[reader]` are the
    titles of a reader's labels that not all share; `accuracy` rows where exactly one label holds.
    """

    data_set: str
    labels: Sequence[Label]
    truth: BoolArray
    patients: npt.NDArray[np.int64]
    answers: Mapping[str, FloatArray]
    left_out: Mapping[str, Sequence[str]]
    differences: Sequence[Difference]
    accuracy: Sequence[Mapping[str, Any]] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of readers, in their order."""
        return list(dict.fromkeys(one.readers for one in self.differences))


def shared_labels(tasks: Sequence[Task]) -> tuple[list[SharedLabel], list[list[Label]]]:
    """The labels that mean the same of a data set's labels in all tasks, and of each task those that are left out.

    Labels are matched by `Label.source_names`, never by name or place.

    Raises:
        UsageError: no label is shared.
    """
    places = [{frozenset(label.source_names): axis for axis, label in enumerate(task.labels)} for task in tasks]
    shared = [
        SharedLabel(label=label, axes=tuple(of_task[frozenset(label.source_names)] for of_task in places))
        for label in tasks[0].labels
        if all(frozenset(label.source_names) in of_task for of_task in places)
    ]
    if not shared:
        raise UsageError(
            f"The tasks {' and '.join(task.name for task in tasks)} share no label: none stands for the same labels of "
            "a data set (`from` in task.toml) in all of them. Compare packs that have a label in common."
        )
    held = [{one.axes[place] for one in shared} for place in range(len(tasks))]
    return shared, [
        [label for axis, label in enumerate(task.labels) if axis not in of_task]
        for task, of_task in zip(tasks, held, strict=True)
    ]


def differences(
    truth: BoolArray,
    answers: Mapping[str, FloatArray],
    *,
    labels: Sequence[str],
    patients: npt.ArrayLike,
    samples: int = 1000,
    seed: int,
) -> list[Difference]:
    """Every pair of readers on every label and the mean, in AUROC and AUPRC.

    `truth` (n, labels); `answers[reader]` (n, labels), in any unit; `patients` (n,) says whose each study is. All
    readers see the same resamples.

    Raises:
        UsageError: as `areas`.
    """
    resamples = draw_resamples(patients, samples=samples, seed=seed)
    drawn = {name: resampled_areas(truth, answer, resamples=resamples) for name, answer in answers.items()}
    value = {name: areas(truth, answer) for name, answer in answers.items()}
    found = []
    for pair in combinations(answers, 2):
        first, second = pair
        gain = drawn[second] - drawn[first]
        p = _p_values(truth, gain, answers=(answers[first], answers[second]))
        bounds = interval_of(value[second] - value[first], gain)
        found += _rows(pair, labels, values=(value[first], value[second]), bounds=bounds, p=p)
    return found


def _p_values(truth: BoolArray, gain: Float64Array, *, answers: tuple[FloatArray, FloatArray]) -> Float64Array:
    """Of AUROC of each label DeLong's p, of all else the bootstrap's: (2, labels + 1)."""
    p = bootstrap_p(gain)
    first, second = answers
    tests = [
        delong_test(of_label, second[:, axis], second=first[:, axis])
        for axis, of_label in enumerate(np.asarray(truth).T)
    ]
    p[MEASURES.index("auroc"), :-1] = [test.p for test in tests]
    return p


def _rows(
    pair: tuple[str, str],
    labels: Sequence[str],
    *,
    values: tuple[Float64Array, Float64Array],
    bounds: Interval[FloatArray],
    p: Float64Array,
) -> list[Difference]:
    rows = []
    for row, measure in enumerate(MEASURES):
        corrected = [*holm(p[row, :-1].tolist()), float(p[row, -1])]  # the mean is one question, asked once
        rows += [
            Difference(
                readers=pair,
                label=label,
                measure=measure,
                first=float(values[0][row, axis]),
                second=float(values[1][row, axis]),
                gain=Interval(*(float(bound[row, axis]) for bound in (bounds.value, bounds.low, bounds.high))),
                p=float(p[row, axis]),
                corrected=corrected[axis],
            )
            for axis, label in enumerate([*labels, MEAN])
        ]
    return rows


def bootstrap_p(drawn: Float64Array) -> Float64Array:
    """The two-sided p that a difference is 0, from its value in each resample: (samples, ...) -> (...); NaN where none.

    Twice the smaller tail, counted with the observed difference among the resamples: Davison and Hinkley, Bootstrap
    Methods and their Application (1997), section 4.2.
    """
    measured = (~np.isnan(drawn)).sum(axis=0)
    below, above = (drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0)
    p = np.minimum(1.0, 2 * (1 + np.minimum(below, above)) / (1 + measured))
    return np.where(measured > 0, p, np.nan)


def share_difference(first: BoolArray, second: BoolArray, *, resamples: Resamples) -> Interval[float]:
    """How much more often the second hits than the first, with its interval: two of bool (n,), such as correct answers.

    Raises:
        UsageError: as `resampled_means`.
    """
    each = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    gain = interval_of(np.asarray(each.mean()), resampled_means(each, resamples))
    return Interval(float(gain.value), float(gain.low), float(gain.high))


def said(difference: Difference, *, title: str) -> str:
    """A difference in one sentence; the interval is that of the second reader minus the first."""
    first, second = difference.readers
    what = f"{title}, {difference.measure.upper()}, {first} and {second}"
    if not difference.measurable:
        return f"{what}: not measurable, for one class is missing."
    gain, bounds = difference.gain, f"[{difference.gain.low:+.3f}, {difference.gain.high:+.3f}]"
    if difference.holds:
        better = second if gain.value > 0 else first
        return f"{what}: {better} is better by {abs(gain.value):.3f} {bounds}; the difference holds."
    if gain.low <= 0 <= gain.high:
        return f"{what}: no difference shown; {bounds} holds 0."
    return (
        f"{what}: no difference shown; the interval {bounds} excludes 0, but corrected for the number of labels p is "
        f"{difference.corrected:.2g}."
    )
