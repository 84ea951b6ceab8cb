"""A checkpoint goes with its own training only, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from rakurs.errors import TrainingError
from rakurs.training.checkpoint import held_training, marks, save_checkpoint
from rakurs.training.loop import train
from rakurs.training.recipe import Recipe
from tests.labelled import silent
from tests.limits import nearly_full_disk
from tests.training.small_training import (
    FIRST,
    LAST,
    RECIPE,
    CutOffError,
    Killer,
    Trained,
    assert_same_tensors,
    held,
    run,
    small,
)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"recipe": RECIPE.model_copy(update={"seed": 8})}, "recipe or network"),
        ({"recipe": RECIPE.model_copy(update={"network": "other"})}, "recipe or network"),
        ({"view": "lateral"}, "view"),
        ({"weights": Path(__file__)}, "file of weights"),
    ],
    ids=["recipe", "network", "view", "weights"],
)
def test_a_checkpoint_of_another_training_is_refused(trained: Trained, *, changes: Any, name: str) -> None:
    other = replace(trained.plan, **changes)

    with pytest.raises(TrainingError, match=f"belongs to another {name}; choose another --out"):
        held_training(trained.checkpoint.parent, marks(other, trained.splits), resume=True)


def test_a_checkpoint_of_another_task_is_refused(trained: Trained) -> None:
    other = replace(trained.plan, task=trained.plan.task.model_copy(update={"version": "2"}))

    with pytest.raises(TrainingError, match="belongs to another task"):
        held_training(trained.checkpoint.parent, marks(other, trained.splits), resume=True)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_checkpoint_of_another_index_is_refused(trained: Trained, *, split: str) -> None:
    films = trained.splits[split]
    truth = films.truth.copy()
    truth[3, 1] = ~truth[3, 1]

    with pytest.raises(TrainingError, match="belongs to another index"):
        run(
            trained,
            trained.checkpoint.parent,
            resume=True,
            splits={**trained.splits, split: replace(films, truth=truth)},
        )


def test_films_may_move_between_two_runs(trained: Trained, tmp_path: Path) -> None:
    moved = {
        split: replace(films, files=[tmp_path / file.name for file in films.files])
        for split, films in trained.splits.items()
    }

    assert run(trained, trained.checkpoint.parent, resume=True, splits=moved) == trained.checkpoint


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_torn_checkpoint_is_said_in_a_sentence(trained: Trained, tmp_path: Path, *, length: int) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(trained.checkpoint.read_bytes()[:length])

    with pytest.raises(TrainingError, match=r"checkpoint\.pt in .* is torn, or no checkpoint"):
        run(trained, tmp_path, resume=True)


def test_a_checkpoint_of_an_earlier_version_goes_on(trained: Trained, tmp_path: Path) -> None:
    """It knew fewer keys of recipe and task, and neither view nor index; its weights were those of the last epoch."""
    plan = replace(trained.plan, recipe=Recipe(network="small", seed=7, stages=[FIRST, LAST]))
    with pytest.raises(CutOffError):
        train(plan, splits=trained.splits, out=tmp_path, progress=Killer(2), build=small)
    content = held(tmp_path / "checkpoint.pt")
    early = {name: content[name] for name in ("recipe", "task", "network", "optimizer", "history")}
    early["recipe"] = {name: early["recipe"][name] for name in ("network", "seed", "dropout", "weight_decay", "stages")}
    early["history"] = [{name: epoch[name] for name in epoch if name != "stage"} for epoch in early["history"]]
    torch.save(early, tmp_path / "checkpoint.pt")

    resumed = train(plan, splits=trained.splits, out=tmp_path, progress=silent, resume=True, build=small)

    whole = train(plan, splits=trained.splits, out=tmp_path / "whole", progress=silent, build=small)
    assert_same_tensors(held(resumed)["network"], held(whole)["network"])


def test_a_full_disk_leaves_the_last_checkpoint(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"the last one")

    with nearly_full_disk(), pytest.raises(OSError, match="too large"):
        save_checkpoint(held(trained.checkpoint), tmp_path)

    assert (tmp_path / "checkpoint.pt").read_bytes() == b"the last one"
