"""What cannot be learned or judged is said before a training begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")


from rakurs.errors import TrainingError
from rakurs.training.checkpoint import Plan
from rakurs.training.checks import resized
from rakurs.training.heads import PooledHead
from rakurs.training.loop import train
from rakurs.training.machine import Machine
from rakurs.training.networks import ReadingNetwork
from tests.labelled import silent
from tests.training.networks import SMALL, SmallFeatures
from tests.training.small_training import FIRST, LABELS, N, Trained, one_hot, run, small


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_index_without_a_split_is_refused(trained: Trained, tmp_path: Path, *, split: str) -> None:
    splits = {name: films for name, films in trained.splits.items() if name != split}

    with pytest.raises(TrainingError, match=f"no films in the split '{split}'"):
        run(trained, tmp_path, splits=splits)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("every", [False, True], ids=["no film", "every film"])
def test_a_label_that_cannot_be_learned_is_refused_by_its_name(
    trained: Trained, tmp_path: Path, *, split: str, every: bool
) -> None:
    truth = trained.splits[split].truth.copy()
    truth[:, [1, 3]] = every
    splits = {**trained.splits, split: replace(trained.splits[split], truth=truth)}

    with pytest.raises(TrainingError, match=f"of the split '{split}' has the labels mass, other; leave them out"):
        run(trained, tmp_path, splits=splits)


@pytest.mark.parametrize("split", ["train", "val"])
def test_where_one_label_holds_validation_may_lack_some_and_says_so(
    trained: Trained, tmp_path: Path, *, split: str
) -> None:
    task = trained.plan.task.model_copy(update={"activation": "softmax"})
    labels = {"train": range(LABELS), "val": range(LABELS), split: [0, 1, 2]}
    splits = {name: one_hot(films, list(labels[name])) for name, films in trained.splits.items()}
    told: list[str] = []

    def begin_training() -> None:
        train(
            replace(trained.plan, task=task),
            splits=splits,
            out=tmp_path,
            progress=lambda what, done, total: told.append(what),
            build=small,
        )

    if split == "train":
        with pytest.raises(TrainingError, match="of the split 'train' has the labels other"):
            begin_training()
    else:
        begin_training()
        assert told[0] == "The split 'val' has no other: the AUROC is that of the other labels."


def test_a_file_of_weights_that_is_not_there_is_said(trained: Trained, tmp_path: Path) -> None:
    plan = replace(trained.plan, weights=tmp_path / "gone.pt")

    with pytest.raises(TrainingError, match=r"no file of weights gone\.pt in"):
        train(plan, splits=trained.splits, out=tmp_path / "out", progress=silent, build=small)


def test_weights_of_a_label_that_the_task_lacks_are_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="label_weights name hernia; the task has: effusion, mass"):
        run(trained, tmp_path, label_weights={"hernia": 3.0})


def test_a_stage_without_a_whole_batch_is_refused(trained: Trained, tmp_path: Path) -> None:
    stages = [FIRST.model_copy(update={"batch": N + 2})]

    with pytest.raises(TrainingError, match=f"less than one batch of {N + 2} films"):
        run(trained, tmp_path, stages=stages)


def test_a_stage_too_small_for_the_network_is_refused(trained: Trained, tmp_path: Path) -> None:
    def large(plan: Plan, *, fresh: bool) -> ReadingNetwork:
        return ReadingNetwork(SmallFeatures(), PooledHead(6, LABELS), smallest_px=63)

    with pytest.raises(TrainingError, match=r"small needs an input of at least 63 pixels, and a stage .* 32 x 32"):
        train(trained.plan, splits=trained.splits, out=tmp_path, progress=silent, build=large)


def test_a_batch_that_processes_cannot_divide_is_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="A batch of 4 films cannot be divided among 3 processes"):
        run(trained, tmp_path, machine=Machine(processes=3))


@pytest.mark.parametrize(("size", "rows", "columns"), [(64, 64, 48), (128, 128, 96), (32, 32, 32)])
def test_a_stage_keeps_the_proportions_of_the_input(size: int, rows: int, *, columns: int) -> None:
    """Of 64 by 48 pixels; no side gets shorter than 32."""
    small_input = resized(SMALL, size)

    assert (small_input.rows, small_input.columns) == (rows, columns)
