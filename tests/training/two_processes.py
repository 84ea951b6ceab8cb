"""One of several processes that torchrun starts to train a small network: `... -m tests.training.two_processes FOLDER`.

FOLDER holds a task and an index; each process leaves the weights that it ends with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from rakurs.evaluation.index import films_of, read_index
from rakurs.task import read_task
from rakurs.training.checkpoint import Plan
from rakurs.training.heads import PooledHead
from rakurs.training.loop import train
from rakurs.training.machine import open_machine
from rakurs.training.networks import ReadingNetwork
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import silent
from tests.training.networks import SmallFeatures

EVEN = Stage(rows_columns=64, epochs=2, batch=4, learning_rate=1e-2, frozen_share=0.5)
"""The one norm is frozen: its statistics of half a batch would differ from those of a whole one."""

RECIPE = Recipe(network="small", dropout=0.0, augment="none", keep="last", stages=[EVEN])


def train_here(folder: Path, out: Path) -> dict[str, torch.Tensor]:
    """Train on this process's machine, and give the weights that it ends with."""
    task = read_task(folder / "task.toml")
    index = read_index(folder / "films" / "index.parquet")
    splits = {split: films_of(index, task, view="frontal", split=split) for split in ("train", "val")}
    built: list[ReadingNetwork] = []

    def build(plan: Plan, *, fresh: bool) -> ReadingNetwork:
        built.append(ReadingNetwork(SmallFeatures(), PooledHead(6, len(task.labels))))
        return built[0]

    with open_machine("cpu", threads=1) as machine:
        plan = Plan(recipe=RECIPE, task=task, view="frontal")
        train(plan, splits=splits, out=out, progress=silent, machine=machine, build=build)
        torch.save(built[0].state_dict(), folder / f"{out.name}-{machine.rank}-of-{machine.processes}.pt")
    return built[0].state_dict()


if __name__ == "__main__":
    train_here(Path(sys.argv[1]), Path(sys.argv[1]) / "shared")
