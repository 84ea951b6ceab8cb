"""Readers are compared on the same films, by what their labels mean, and a difference is only said where it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.comparison import (
    MEAN,
    Difference,
    bootstrap_p,
    differences,
    said,
    share_difference,
    shared_labels,
)
from rakurs.evaluation.delong import delong_test, holm
from rakurs.evaluation.intervals import Interval, bootstrap_interval
from rakurs.evaluation.ranking import auprc
from rakurs.evaluation.resamples import draw_resamples
from rakurs.task import Task
from tests.labelled import write_task

LABELS = ["effusion", "mass"]
PATIENTS = np.repeat(np.arange(150), 2)


def task_of(folder: Path, sources: dict[str, Sequence[str]]) -> Task:
    """A task whose labels, in this order, stand for these labels of a data set."""
    plain = write_task(folder).model_dump()
    plain["labels"] = [{"name": name, "sources": list(names)} for name, names in sources.items()]
    return Task.model_validate(plain)


def answered() -> tuple[BoolArray, dict[str, Float64Array]]:
    """300 films; `good` ranks effusion far better than `poor`, and mass as it does."""
    generator = np.random.default_rng(4)
    truth = generator.random((300, 2)) < [0.3, 0.2]
    noise = generator.normal(size=(300, 2))
    poor = truth * [0.3, 1] + noise
    return truth, {"poor": poor, "good": truth * [2, 1.02] + noise + 0.2 * generator.normal(size=(300, 2))}


def compared(**changes: Any) -> dict[tuple[str, str], Difference]:
    truth, answers = answered()
    told = {"truth": truth, "answers": answers, "labels": LABELS, "patients": PATIENTS, "samples": 200, "seed": 1}
    given = {**told, **changes}
    found = differences(given.pop("truth"), given.pop("answers"), **given)
    return {(one.label, one.measure): one for one in found}


def test_labels_are_matched_by_what_they_stand_for_never_by_place_or_name(tmp_path: Path) -> None:
    one = task_of(tmp_path / "one", {"effusion": ["Effusion"], "mass": ["Mass"], "other": ["Hernia", "Edema"]})
    two = task_of(tmp_path / "two", {"rest": ["Edema", "Hernia"], "tumour": ["Mass"], "effusion": ["Effusion"]})

    shared, left_out = shared_labels([one, two])

    assert [(each.label.name, each.axes) for each in shared] == [
        ("effusion", (0, 2)),
        ("mass", (1, 1)),
        ("other", (2, 0)),
    ]
    assert left_out == [[], []]


def test_labels_of_the_same_name_that_stand_for_other_things_are_left_out(tmp_path: Path) -> None:
    one = task_of(tmp_path / "one", {"mass": ["Mass"], "other": ["Hernia", "Edema"]})
    two = task_of(tmp_path / "two", {"other": ["Hernia"], "edema": ["Edema"], "mass": ["Mass"]})

    shared, left_out = shared_labels([one, two])

    assert [(each.label.name, each.axes) for each in shared] == [("mass", (0, 2))]
    assert [[label.name for label in labels] for labels in left_out] == [["other"], ["other", "edema"]]


def test_tasks_without_a_label_in_common_are_refused(tmp_path: Path) -> None:
    one, two = task_of(tmp_path / "one", {"mass": ["Mass"]}), task_of(tmp_path / "two", {"mass": ["Mass", "Nodule"]})

    with pytest.raises(UsageError, match=r"share no label.*have a label in common"):
        shared_labels([one, two])


def test_a_difference_is_that_of_scikit_learns_areas() -> None:
    truth, answers = answered()

    found = compared()

    for axis, label in enumerate(LABELS):
        first, second = (metrics.roc_auc_score(truth[:, axis], answers[name][:, axis]) for name in ("poor", "good"))
        one = found[label, "auroc"]
        assert one.readers == ("poor", "good")
        assert (one.first, one.second, one.gain.value) == pytest.approx((first, second, second - first))


def test_both_readers_are_drawn_on_the_same_patients() -> None:
    truth, answers = answered()
    expected = bootstrap_interval(
        lambda film: auprc(truth[film, 0], answers["good"][film, 0]) - auprc(truth[film, 0], answers["poor"][film, 0]),
        groups=PATIENTS,
        samples=200,
        seed=1,
    )

    gain = compared()["effusion", "auprc"].gain

    assert (gain.low, gain.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_p_of_an_auroc_is_delongs_corrected_over_the_labels() -> None:
    truth, answers = answered()
    p = [delong_test(truth[:, axis], answers["good"][:, axis], second=answers["poor"][:, axis]).p for axis in (0, 1)]

    found = compared()

    assert [found[label, "auroc"].p for label in LABELS] == pytest.approx(p)
    assert [found[label, "auroc"].corrected for label in LABELS] == pytest.approx(holm(p))


def test_only_the_difference_that_is_there_holds() -> None:
    found = compared()

    assert [found[label, "auroc"].holds for label in (*LABELS, MEAN)] == [True, False, True]


def test_a_reader_beside_itself_differs_in_nothing() -> None:
    _, answers = answered()

    found = compared(answers={"one": answers["good"], "two": answers["good"] * 2})

    assert {one.gain.value for one in found.values()} == {0}
    assert not any(one.holds for one in found.values())


def test_three_readers_make_three_pairs() -> None:
    truth, answers = answered()

    found = differences(
        truth, {**answers, "third": -answers["good"]}, labels=LABELS, patients=PATIENTS, samples=5, seed=0
    )

    pairs = list(dict.fromkeys(one.readers for one in found))
    assert pairs == [("poor", "good"), ("poor", "third"), ("good", "third")]


def test_a_label_without_positives_is_not_measurable_and_does_not_count_as_a_test() -> None:
    truth, _ = answered()
    truth[:, 1] = False

    found = compared(truth=truth)

    mass, effusion = found["mass", "auroc"], found["effusion", "auroc"]
    assert not mass.measurable
    assert not mass.holds
    assert effusion.corrected == effusion.p
    assert said(mass, title="Mass") == "Mass, AUROC, poor and good: not measurable, for one class is missing."


def test_the_p_of_the_bootstrap_is_twice_the_smaller_tail() -> None:
    drawn = np.column_stack([np.arange(-1, 18), np.full(19, np.nan), np.full(19, 1.0)])

    p = bootstrap_p(drawn)

    assert p[0] == pytest.approx(2 * 3 / 20)  # -1 and 0 of 19, and the observed one
    assert math.isnan(p[1])
    assert p[2] == pytest.approx(2 / 20)


def row(*, value: float, low: float, high: float, corrected: float) -> Difference:
    gain = Interval(value, low, high)
    return Difference(
        readers=("old", "new"), label="mass", measure="auroc", first=0.6, second=0.6 + value, gain=gain, p=corrected,
        corrected=corrected,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            row(value=0.1, low=0.05, high=0.15, corrected=0.01),
            "Mass, AUROC, old and new: new is better by 0.100 [+0.050, +0.150]",
        ),
        (row(value=-0.1, low=-0.15, high=-0.05, corrected=0.01), "old is better by 0.100 [-0.150, -0.050]"),
        (row(value=0.1, low=-0.05, high=0.25, corrected=0.2), "no difference shown; [-0.050, +0.250] holds 0"),
        (
            row(value=0.1, low=0.01, high=0.19, corrected=0.08),
            "excludes 0, but corrected for the number of labels p is 0.08",
        ),
    ],
    ids=["better", "worse", "holds 0", "corrected away"],
)
def test_a_difference_is_said_in_words(given: Difference, sentence: str) -> None:
    assert sentence in said(given, title="Mass")


def test_shares_are_compared_pair_by_pair() -> None:
    generator = np.random.default_rng(0)
    first = generator.random(400) < 0.6
    second = np.where(generator.random(400) < 0.1, ~first, first)

    gain = share_difference(first, second, resamples=draw_resamples(np.arange(400), seed=2))

    apart = first != second
    half = 1.96 * math.sqrt((apart.mean() - (second.mean() - first.mean()) ** 2) / 400)
    assert gain.value == pytest.approx(second.mean() - first.mean())
    assert (gain.high - gain.low) / 2 == pytest.approx(half, rel=0.1)
