"""What a second view adds: each view alone, and the ways to join them, on the studies that have every view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.areas import MEASURES, areas, resampled_areas
from rakurs.evaluation.intervals import Interval
from rakurs.evaluation.resamples import Resamples, draw_resamples, interval_of, resampled_means
from rakurs.inference.fusion import activate
from rakurs.study import FloatArray
from rakurs.task import Task

FUSED = "fused"


@dataclass(frozen=True, slots=True, eq=False)
class ViewReader:
    """One way to answer the same studies.

    `error` is the share of wrong answers where exactly one label holds, else 1 - mean AUROC; `saved`
    is how much less that is with `FUSED`, by paired bootstrap of patients.
    """

    name: str
    probability: FloatArray
    error: Interval[float]
    saved: Interval[float]


def compare_views(
    answers: Mapping[str, FloatArray],
    *,
    fused: FloatArray,
    truth: BoolArray,
    patients: npt.ArrayLike,
    task: Task,
    samples: int = 1000,
    seed: int,
) -> tuple[npt.NDArray[np.int64], list[ViewReader]]:
    """The rows of the studies that have every view, and every reader of them.

    `answers[view]` are calibrated logits (n, labels), NaN where a study lacks the view; `fused` (n, labels)
    are those of `fuse_studies`; `truth` bool (n, labels); `patients` (n,).

    Raises:
        UsageError: there are not two views, or no study has both.
    """
    rows = complete_rows(answers)
    held = {view: logits[rows] for view, logits in answers.items()}
    of_rows = np.asarray(truth)[rows]
    resamples = draw_resamples(np.asarray(patients)[rows], samples=samples, seed=seed)
    readers = view_probabilities(held, fused=fused[rows], task=task)
    errors = {name: _errors(of_rows, said, task=task, resamples=resamples) for name, said in readers.items()}
    value, drawn = errors[FUSED]
    return rows, [
        ViewReader(
            name=name,
            probability=readers[name],
            error=_interval(own, own_drawn),
            saved=_interval(own - value, own_drawn - drawn),
        )
        for name, (own, own_drawn) in errors.items()
    ]


def complete_rows(answers: Mapping[str, FloatArray]) -> npt.NDArray[np.int64]:
    """The studies of which every view was answered.

    Raises:
        UsageError: there are not two views, or no study has all.
    """
    if len(answers) < 2:
        raise UsageError(f"Got answers of {len(answers)} view; expected two or more to compare.")
    rows = np.flatnonzero(~np.isnan(np.stack(list(answers.values()))).any((0, 2)))
    if not rows.size:
        raise UsageError(f"No study has all the views {', '.join(answers)}; nothing can be compared.")
    return rows


def view_probabilities(answers: Mapping[str, FloatArray], *, fused: FloatArray, task: Task) -> dict[str, FloatArray]:
    """The probabilities (n, labels) of each view alone, of their mean and their product, and of the fusion."""
    alone = {f"{view} alone": activate(logits, task) for view, logits in answers.items()}
    return {
        **alone,
        "mean": np.mean(list(alone.values()), axis=0, dtype=np.float32),
        "product": activate(np.sum(list(answers.values()), axis=0, dtype=np.float32), task),
        FUSED: activate(fused, task),
    }


def _errors(
    truth: BoolArray, probability: FloatArray, *, task: Task, resamples: Resamples
) -> tuple[float, Float64Array]:
    """The error, and that of each resample (samples,)."""
    if task.activation == "softmax":
        wrong = ~truth[np.arange(len(truth)), probability.argmax(1)]
        return float(wrong.mean()), resampled_means(wrong, resamples)
    measure = MEASURES.index("auroc")
    drawn = resampled_areas(truth, probability, resamples=resamples)
    return 1 - float(areas(truth, probability)[measure, -1]), 1 - drawn[:, measure, -1]


def _interval(value: float, drawn: Float64Array) -> Interval[float]:
    interval = interval_of(np.asarray(value), drawn)
    return Interval(value, float(interval.low), float(interval.high))
