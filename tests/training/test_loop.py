"""A training that is cut off goes on as if it had not been, and one that cannot go on says why."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.task import Task
from rakurs.training.checkpoint import Plan
from rakurs.training.heads import PooledHead
from rakurs.training.loop import begin_network, train
from rakurs.training.machine import Machine
from rakurs.training.networks import ReadingNetwork
from rakurs.training.recipe import Recipe
from tests.labelled import silent
from tests.training.small_training import (
    FIRST,
    LABELS,
    LAST,
    RECIPE,
    CutOffError,
    Killer,
    Trained,
    assert_same_tensors,
    held,
    one_hot,
    run,
    small,
    without_seconds,
)


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [(1, 0), (2, 0), (1, 2), (3, 1)],
    ids=["after a stage", "between two epochs", "within a stage's first epoch", "within its last"],
)
def test_a_training_that_was_cut_off_ends_in_exactly_the_same_weights(
    trained: Trained, tmp_path: Path, *, epochs: int, steps: int
) -> None:
    with pytest.raises(CutOffError):
        run(trained, tmp_path / "cut", progress=Killer(epochs, steps=steps))

    resumed = held(run(trained, tmp_path / "cut", resume=True))

    whole = held(trained.checkpoint)
    assert_same_tensors(resumed["network"], whole["network"])
    assert_same_tensors(resumed["weights"], whole["weights"])
    assert_same_tensors(resumed["average"]["network"], whole["average"]["network"])
    assert without_seconds(resumed["history"]) == without_seconds(whole["history"])


def test_a_finished_training_is_left_as_it_is(trained: Trained) -> None:
    before = trained.checkpoint.read_bytes()

    again = run(trained, trained.checkpoint.parent, progress=Killer(1), resume=True)

    assert again == trained.checkpoint
    assert trained.checkpoint.read_bytes() == before


def test_a_training_is_not_written_over_unless_it_is_to_go_on(trained: Trained) -> None:
    with pytest.raises(TrainingError, match="already holds a training; go on with it by --resume, or choose another"):
        run(trained, trained.checkpoint.parent)


def test_to_go_on_with_nothing_is_to_begin(trained: Trained, tmp_path: Path) -> None:
    begun = run(trained, tmp_path, resume=True)

    assert_same_tensors(held(begun)["network"], held(trained.checkpoint)["network"])


def test_the_checkpoint_tells_every_epoch(trained: Trained) -> None:
    history = held(trained.checkpoint)["history"]

    assert [(epoch["stage"], epoch["size"], epoch["epoch"]) for epoch in history] == [
        (0, 32, 0),
        (1, 64, 0),
        (1, 64, 1),
        (1, 64, 2),
    ]
    for epoch in history:
        assert math.isfinite(epoch["loss"])
        assert 0 <= epoch["auroc"] <= 1
        assert epoch["auroc"] == pytest.approx((epoch["auroc_64"] + epoch["auroc_256"]) / 2)


def test_the_history_lies_beside_the_checkpoint_for_all_to_read(trained: Trained) -> None:
    told = json.loads((trained.checkpoint.parent / "history.json").read_text(encoding="utf-8"))

    assert (told["network"], told["task"], told["view"]) == ("small", "tiny", "frontal")
    assert told["epochs"] == held(trained.checkpoint)["history"]


def test_the_checkpoint_knows_all_that_decided_it(trained: Trained) -> None:
    content = held(trained.checkpoint)

    assert Recipe.model_validate(content["recipe"]) == RECIPE
    assert Task.model_validate(content["task"]) == trained.plan.task
    assert (content["view"], content["origin"]) == ("frontal", "random weights")


def test_training_moves_the_weights_and_the_average_follows(trained: Trained) -> None:
    content = held(trained.checkpoint)
    start = begin_network(trained.plan, None, build=small).state_dict()["head.weight"]

    moved, followed = (part["head.weight"] - start for part in (content["weights"], content["average"]["network"]))
    assert 0 < followed.norm() < moved.norm()


def test_the_best_epoch_of_the_last_stage_is_kept_and_of_equals_the_later(trained: Trained, tmp_path: Path) -> None:
    content = held(trained.checkpoint)
    areas = [epoch["auroc"] for epoch in content["history"] if epoch["stage"] == 1]
    best = max(range(len(areas)), key=lambda epoch: (areas[epoch], epoch))

    with pytest.raises(CutOffError):
        run(trained, tmp_path, progress=Killer(2 + best))

    assert_same_tensors(content["network"], held(tmp_path / "checkpoint.pt")["average"]["network"])


def test_the_last_epoch_is_kept_where_the_recipe_says_so(trained: Trained, tmp_path: Path) -> None:
    content = held(run(trained, tmp_path, keep="last", average=0.0))

    assert_same_tensors(content["network"], content["weights"])


def test_a_stage_ends_when_validation_gets_no_better(trained: Trained, tmp_path: Path) -> None:
    """A learning rate of almost nothing, and statistics that stay, change no rank."""
    stages = [LAST.model_copy(update={"learning_rate": 1e-12, "epochs": 9, "frozen_share": 0.5})]

    history = held(run(trained, tmp_path, stages=stages, patience=2, average=0.0))["history"]

    assert len(history) == 3


def test_a_stage_that_ended_early_stays_ended_when_the_training_goes_on(trained: Trained, tmp_path: Path) -> None:
    stages = [FIRST.model_copy(update={"learning_rate": 1e-12, "epochs": 9}), LAST]
    asked: dict[str, Any] = {"stages": stages, "patience": 1, "average": 0.0}
    with pytest.raises(CutOffError):
        run(trained, tmp_path, progress=Killer(2), **asked)

    history = held(run(trained, tmp_path, resume=True, **asked))["history"]

    assert [epoch["stage"] for epoch in history][:3] == [0, 0, 1]


def test_the_learning_rate_has_fallen_along_half_a_cosine_at_the_last_step(trained: Trained) -> None:
    """Of 18 steps in the stage (6 batches by 3 epochs) the last begins at 17/18, after 5 % of warm-up."""
    rate = held(trained.checkpoint)["optimizer"]["param_groups"][0]["lr"]

    fallen = (17 / 18 - 0.05) / 0.95
    assert rate == pytest.approx(1e-3 * (0.02 + 0.98 * (1 + math.cos(math.pi * fallen)) / 2))


@pytest.mark.parametrize(("share", "batches"), [(0.0, 3), (0.5, 4), (1.0, 6)])
def test_a_stage_draws_its_share_of_the_films_that_are_smaller_than_its_input(
    trained: Trained, tmp_path: Path, *, share: float, batches: int
) -> None:
    """Of the 24 films 12 are smaller than 96 pixels; what is left of a batch of 4 is not trained."""
    stage = LAST.model_copy(update={"rows_columns": 96, "upsampled_share": share, "epochs": 1})
    totals = set()

    def progress(what: str, done: int, total: int, /) -> None:  # noqa: PLR0917 - as it is called
        if "epoch" in what and total:
            totals.add(total)

    plan = replace(trained.plan, recipe=RECIPE.model_copy(update={"stages": [stage]}))
    train(plan, splits=trained.splits, out=tmp_path, progress=progress, build=small)

    assert totals == {batches}


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_mixed_precision_learns_nearly_the_same(trained: Trained, tmp_path: Path, *, precision: torch.dtype) -> None:
    content = held(run(trained, tmp_path, machine=Machine(precision=precision)))

    losses, exact = ([e["loss"] for e in each["history"]] for each in (content, held(trained.checkpoint)))
    assert losses == pytest.approx(exact, rel=0.02)
    assert losses != exact


@pytest.mark.parametrize("augment", ["film", "photograph", "none"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_optimizer_and_change_of_images_trains(
    trained: Trained, tmp_path: Path, *, augment: str, optimizer: str
) -> None:
    content = held(run(trained, tmp_path, augment=augment, optimizer=optimizer, stages=[FIRST], by_source=False))

    assert math.isfinite(content["history"][0]["loss"])
    assert set(content["history"][0]) == {"stage", "size", "epoch", "loss", "seconds", "auroc"}


def test_frozen_convolutions_keep_their_weights_and_statistics(trained: Trained, tmp_path: Path) -> None:
    stages = [FIRST.model_copy(update={"frozen_share": 0.5})]
    start = begin_network(trained.plan, None, build=small).state_dict()

    after = held(run(trained, tmp_path, stages=stages))["weights"]

    moved = {name for name in start if not torch.equal(start[name], after[name])}
    assert moved == {"features.last.weight", "features.last.bias", "head.weight", "head.bias"}


def test_where_one_label_holds_the_accuracy_is_told_too(trained: Trained, tmp_path: Path) -> None:
    one_holds = trained.plan.task.model_copy(update={"activation": "softmax"})
    splits = {split: one_hot(films, range(LABELS)) for split, films in trained.splits.items()}
    plan = replace(trained.plan, task=one_holds)

    history = held(train(plan, splits=splits, out=tmp_path, progress=silent, build=small))["history"]

    assert all(0 <= epoch["accuracy"] <= 1 for epoch in history)


def test_a_loss_that_is_no_number_stops_the_training(trained: Trained, tmp_path: Path) -> None:
    stages = [FIRST.model_copy(update={"learning_rate": 1e30})]

    with pytest.raises(TrainingError, match="not a number any more; lower the stage's learning_rate"):
        run(trained, tmp_path, stages=stages)

    assert not (tmp_path / "checkpoint.pt").exists()


class Greedy(nn.Module):
    """Asks for more memory than any machine has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, films: Tensor) -> tuple[Tensor, list[Tensor]]:
        return torch.empty(len(films), 2**50) + self.weight, []


def test_memory_that_does_not_suffice_is_said_with_what_to_change(trained: Trained, tmp_path: Path) -> None:
    def greedy(plan: Plan, *, fresh: bool) -> ReadingNetwork:
        return ReadingNetwork(Greedy(), PooledHead(6, LABELS))

    with pytest.raises(TrainingError, match="does not hold 4 films of 32 px at once; lower the stage's batch"):
        train(trained.plan, splits=trained.splits, out=tmp_path, progress=silent, build=greedy)


def test_films_that_cannot_be_read_stop_the_training(trained: Trained, tmp_path: Path) -> None:
    films = trained.splits["val"]
    splits = {**trained.splits, "val": replace(films, files=[*films.files[:-1], tmp_path / "gone.png"])}

    with pytest.raises(TrainingError, match=r"1 of 12 images cannot be read; the first is gone\.png"):
        run(trained, tmp_path, splits=splits)
