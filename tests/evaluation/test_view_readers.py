"""What a second view adds is measured on the same studies, by the same draws, against answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray
from rakurs.evaluation.ranking import auroc
from rakurs.evaluation.view_readers import FUSED, ViewReader, compare_views
from rakurs.study import FloatArray
from rakurs.task import Task
from tests.inference.test_fusion import EXCLUSIVE, TASK

NAMES = ["top alone", "side alone", "mean", "product", "fused"]
SURE = 4.0


def said(*labels: int) -> FloatArray:
    """Logits that name these labels; -1: the study lacks the view."""
    logits = np.zeros((len(labels), 4), np.float32)
    for row, label in enumerate(labels):
        logits[row] = np.nan if label < 0 else SURE * (np.arange(4) == label)
    return logits


def truth_of(*labels: int) -> BoolArray:
    return np.eye(4, dtype=np.bool_)[list(labels)]


def compared(top: FloatArray, side: FloatArray, *, truth: BoolArray, task: Task = EXCLUSIVE) -> dict[str, ViewReader]:
    fused = np.asarray(1.2 * top + 0.6 * side, np.float32)
    _, readers = compare_views(
        {"top": top, "side": side}, fused=fused, truth=truth, patients=range(len(truth)), task=task, seed=1
    )
    return {reader.name: reader for reader in readers}


def test_every_way_to_join_the_views_is_measured() -> None:
    assert list(compared(said(0, 1), said(0, 2), truth=truth_of(0, 1))) == NAMES


def test_the_error_is_the_share_of_wrong_answers_and_what_is_saved_is_the_difference() -> None:
    readers = compared(said(0, 1, 2, 3), said(0, 1, 0, 0), truth=truth_of(0, 1, 2, 3))

    assert {name: reader.error.value for name, reader in readers.items()}["top alone"] == 0
    assert readers["side alone"].error.value == 0.5
    assert readers[FUSED].error.value == 0, "the heavier view decides"
    assert readers["side alone"].saved.value == 0.5
    assert readers["side alone"].saved.low >= 0


def test_studies_without_every_view_are_left_out_for_all() -> None:
    answers = {"top": said(0, 1, -1, 3), "side": said(0, -1, 2, 0)}

    rows, readers = compare_views(
        answers, fused=answers["top"], truth=truth_of(0, 1, 2, 3), patients=range(4), task=EXCLUSIVE, seed=1
    )

    assert rows.tolist() == [0, 3]
    assert {reader.name: reader.error.value for reader in readers}["side alone"] == 0.5


def test_where_several_labels_may_hold_the_error_is_what_the_mean_auroc_lacks() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((80, 4)) < 0.4
    top, side = ((gain * truth + generator.normal(size=(80, 4))).astype(np.float32) for gain in (2, 1))

    readers = compared(top, side, truth=truth, task=TASK)

    expected = 1 - np.mean([auroc(truth[:, axis], top[:, axis]) for axis in range(4)])
    assert readers["top alone"].error.value == pytest.approx(expected)
    assert readers[FUSED].saved.value == readers[FUSED].saved.low == readers[FUSED].saved.high == 0


def test_the_interval_draws_whole_patients() -> None:
    """Ten studies of one patient say no more than one does."""
    top, side, truth = said(*[0] * 20), said(*[1] * 20), truth_of(*[0] * 10, *[1] * 10)

    widths = []
    for patients in (np.arange(20), np.arange(20) // 10):
        _, readers = compare_views(
            {"top": top, "side": side}, fused=top, truth=truth, patients=patients, task=EXCLUSIVE, seed=1
        )
        widths.append(readers[0].error.high - readers[0].error.low)

    assert widths[0] < widths[1] == 1


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"top": said(0)}, "Got answers of 1 view"),
        ({"top": said(0, -1), "side": said(-1, 0)}, "No study has all the views top, side"),
    ],
)
def test_what_cannot_be_compared_is_refused(answers: dict[str, FloatArray], says: str) -> None:
    n = len(answers["top"])

    with pytest.raises(UsageError, match=says):
        compare_views(
            answers, fused=said(*[0] * n), truth=truth_of(*[0] * n), patients=range(n), task=EXCLUSIVE, seed=1
        )
