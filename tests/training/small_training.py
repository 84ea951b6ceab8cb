"""A small training that takes moments, for the tests of the loop, of its checkpoints and of what it checks first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from rakurs.evaluation.index import Films
from rakurs.training.checkpoint import Plan
from rakurs.training.heads import PooledHead
from rakurs.training.loop import train
from rakurs.training.networks import ReadingNetwork
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import labelled_films, silent, write_task
from tests.training.networks import SmallFeatures

N, BATCH, LABELS = 24, 4, 4
FIRST = Stage(rows_columns=32, epochs=1, batch=BATCH, learning_rate=1e-3)
LAST = Stage(rows_columns=64, epochs=3, batch=BATCH, learning_rate=1e-3)
RECIPE = Recipe(network="small", seed=7, mixup=0.2, average=0.9, label_weights="balanced", stages=[FIRST, LAST])


class CutOffError(Exception):
    """What ends a training from outside."""


@dataclass(slots=True)
class Killer:
    """Progress that ends a training after so many epochs, and so many steps of the next one."""

    epochs: int
    steps: int = 0

    def __call__(self, what: str, done: int, total: int, /) -> None:  # noqa: PLR0917 - as it is called
        self.epochs -= "epoch " in what and total == 0
        self.steps -= self.epochs <= 0 and "epoch" in what and total > 0
        if self.epochs <= 0 and self.steps <= 0:
            raise CutOffError


@dataclass(frozen=True, slots=True)
class Trained:
    """The data of a training, and the checkpoint of one that nothing interrupted."""

    plan: Plan
    splits: dict[str, Films]
    checkpoint: Path


def small(plan: Plan, *, fresh: bool = True) -> ReadingNetwork:
    """Two convolutions, trained in moments."""
    return ReadingNetwork(SmallFeatures(), PooledHead(6, len(plan.task.labels), dropout=plan.recipe.dropout))


def held(checkpoint: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return content


def run(trained: Trained, out: Path, *, progress: Killer | None = None, **changes: Any) -> Path:
    """The same training with another recipe; `machine` and `resume` are not of the recipe."""
    watched: dict[str, Any] = {name: changes.pop(name) for name in ("machine", "resume", "splits") if name in changes}
    plan = replace(trained.plan, recipe=trained.plan.recipe.model_copy(update=changes))
    asked: dict[str, Any] = {"splits": trained.splits, "build": small, **watched}
    return train(plan, out=out, progress=progress or silent, **asked)


def assert_same_tensors(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert list(one) == list(other)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def without_seconds(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]


def train_once(root: Path) -> Trained:
    """A training of its own films that nothing interrupts."""
    plan = Plan(recipe=RECIPE, task=write_task(root / "task"), view="frontal")
    splits = labelled_films(root / "films", plan.task, splits=[("train", N), ("val", 12)])
    checkpoint = train(plan, splits=splits, out=root / "whole", progress=silent, build=small)
    return Trained(plan=plan, splits=splits, checkpoint=checkpoint)


def one_hot(films: Films, labels: Sequence[int]) -> Films:
    """The same films, of which exactly one of these labels in turn holds."""
    return replace(films, truth=np.eye(LABELS, dtype=bool)[np.resize(labels, len(films))])
