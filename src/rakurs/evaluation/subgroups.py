"""Whether a pack ranks as well among women as among men, the old as the young, one view position as another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray
from rakurs.evaluation.areas import areas, resampled_areas
from rakurs.evaluation.index import Studies
from rakurs.evaluation.intervals import Interval
from rakurs.evaluation.resamples import draw_resamples, interval_of
from rakurs.evaluation.scores import to_json

AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 200))
"""In years, from the first up to but without the second."""

FEWEST_STUDIES = 30
FEWEST_OF_A_CLASS = 5
RULE = (
    f"A group of fewer than {FEWEST_STUDIES} studies is counted, not measured. The mean of a trait's groups is over "
    f"the same labels in all of them: those with at least {FEWEST_OF_A_CLASS} positives and as many negatives in every "
    "group that is measured."
)

Groups = dict[str, BoolArray]


def groups_of(studies: Studies) -> dict[str, Groups]:
    """Which studies are of which group: `groups_of(studies)[trait][group]` is bool (n,); only what is known."""
    traits: dict[str, Groups] = {}
    for trait in ("sex", "view_position"):
        values = studies.traits[trait]
        known = sorted({str(value) for value in values if value})
        traits[trait] = {value: np.array([each == value for each in values], np.bool_) for value in known}
    age = studies.traits["age"]
    bands = {_band(*band): np.asarray((age >= band[0]) & (age < band[1])) for band in AGE_BANDS}
    traits["age"] = {name: held for name, held in bands.items() if held.any()}
    return {trait: groups for trait, groups in traits.items() if groups}


def _band(begin: int, end: int) -> str:
    if begin == 0:
        return f"under {end}"
    return f"{begin} and over" if (begin, end) == AGE_BANDS[-1] else f"{begin}-{end - 1}"


def score_groups(
    truth: BoolArray,
    probability: FloatArray,
    *,
    labels: list[str],
    patients: npt.ArrayLike,
    groups: Mapping[str, Groups],
    samples: int = 1000,
    seed: int,
) -> list[dict[str, Any]]:
    """A row per trait and group, ready for JSON: studies, patients, AUROC of each label and their mean by `RULE`.

    `truth` and `probability` (n, labels). A label's AUROC is None where the group is too small or has too few of a
    class; `mean_over` names the labels of the mean. Intervals are at 95 %, drawn by patient within the group.

    Raises:
        UsageError: as `areas`.
    """
    members = np.asarray(patients)
    rows = []
    for trait, of_trait in groups.items():
        large = {name for name, held in of_trait.items() if held.sum() >= FEWEST_STUDIES}
        enough = {name: _enough(truth[held]) & (name in large) for name, held in of_trait.items()}
        shared = np.logical_and.reduce([enough[name] for name in large]) if large else np.zeros(len(labels), np.bool_)
        for name, held in of_trait.items():
            resamples = draw_resamples(members[held], samples=samples, seed=seed)
            drawn = resampled_areas(truth[held], probability[held], resamples=resamples)[:, 0, :-1]
            value = areas(truth[held], probability[held])[0, :-1]
            rows.append(
                {
                    "trait": trait,
                    "group": name,
                    "studies": int(held.sum()),
                    "patients": resamples.counts.shape[1],
                    "positives": dict(zip(labels, truth[held].sum(0).tolist(), strict=True)),
                    "auroc": {
                        label: _interval(value[[axis]], drawn[:, [axis]]) if enough[name][axis] else None
                        for axis, label in enumerate(labels)
                    },
                    "mean": _interval(value[shared], drawn[:, shared]) if name in large and shared.any() else None,
                    "mean_over": [label for label, kept in zip(labels, shared, strict=True) if kept],
                }
            )
    return rows


def _enough(truth: BoolArray) -> BoolArray:
    """Which labels have enough of both classes: (n, labels) -> (labels,)."""
    positives = truth.sum(axis=0)
    return np.asarray(np.minimum(positives, len(truth) - positives) >= FEWEST_OF_A_CLASS)


def _interval(value: Float64Array, drawn: Float64Array) -> dict[str, float | None]:
    """The mean over some labels with its interval: (labels,) and (samples, labels)."""
    measured = interval_of(np.asarray(value.mean()), drawn.mean(axis=1))
    return to_json(Interval(float(measured.value), float(measured.low), float(measured.high)))
