"""A process that trains one way, so many steps for each line on stdin, and answers with its processor seconds and MiB.

    cd benchmarks && ../.venv/bin/python -m material.training --way rakurs --network densenet-121

Its own process, because memory that is kept, as `rakurs train` keeps it, is kept for good.
"""

from __future__ import annotations

import argparse
import copy
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from material.films import film
from rakurs.evaluation.index import Films
from rakurs.task import Task
from rakurs.training.allocator import keep_memory
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.epoch import Data, Learner, Lesson, optimizer_of, train_epoch
from rakurs.training.features import take_grey
from rakurs.training.libraries import library
from rakurs.training.losses import loss_of
from rakurs.training.machine import Machine
from rakurs.training.networks import ReadingNetwork, assemble
from rakurs.training.recipe import Recipe, Stage

SEED = 0
LABELS = 14
DIFFERENT = 32
"""Films that differ; the others are copies of them."""

TOLERANCE = 1e-4
Steps = Callable[[int], None]


def networks(name: str) -> tuple[ReadingNetwork, Any]:
    """Rakurs's network and the library's own, for one channel, with the same weights."""
    torch.manual_seed(SEED)
    architecture = ARCHITECTURES[name]
    theirs = architecture.make()
    ours = assemble(architecture, copy.deepcopy(theirs), channels=1, labels=LABELS)
    take_grey(theirs.get_submodule(architecture.stem))
    last = nn.Linear(theirs.get_submodule(architecture.classifier).in_features, LABELS)
    last.load_state_dict({part: ours.head.state_dict()[part] for part in ("weight", "bias")})
    theirs.set_submodule(architecture.classifier, last)
    return ours, theirs


def difference(name: str, data: Data) -> float:
    """The largest difference between what both say of some films."""
    images = torch.from_numpy(data.pixels[:4]).float() / 255
    with torch.inference_mode():
        one, other = (network.eval()(images) for network in networks(name))
    return float((one - other).abs().max())


def films_of(n: int, *, side: int) -> Data:
    """`n` films as they lie in the cache, of random labels."""
    different = np.stack([np.rint(film(side, side, seed=seed) * 255).astype(np.uint8) for seed in range(DIFFERENT)])
    random = np.random.default_rng(SEED)
    films = Films(
        files=[Path()] * n,
        truth=random.random((n, LABELS)) < 0.2,
        patients=np.arange(n),
        source_px=np.full(n, 1024),
    )
    return Data(films=films, pixels=np.resize(different[:, None], (n, 1, side, side)))


def rakurs_steps(name: str, data: Data, *, batch: int) -> Steps:
    """As `rakurs train` does them."""
    network, side = networks(name)[0], data.pixels.shape[-1]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage = Stage(rows_columns=side, epochs=1, batch=batch, learning_rate=1e-4)
    recipe, machine = Recipe(network=name, stages=[stage]), Machine()
    learner = Learner(network, network, optimizer_of(recipe, network), machine.scaler(), average=None)
    task = task_of(side)

    def steps(n: int) -> None:
        rows = slice(n * batch)
        films = data.films
        part = Data(
            Films(films.files[rows], films.truth[rows], films.patients[rows], films.source_px[rows]), data.pixels[rows]
        )
        loss = loss_of(recipe, task, films=part.films)
        offsets = torch.zeros(n * batch, LABELS)
        lesson = Lesson(recipe, stage, task, data=part, loss=loss, offsets=offsets, machine=machine)
        train_epoch(learner, lesson, epoch=0, progress=lambda what, done, total: None)

    return steps


def task_of(side: int) -> Task:
    """A task of so many labels and grey films of this size."""
    preprocess = {"channels": 1, "rows": side, "columns": side, "fit": "pad", "mean": [0.5], "std": [0.25]}
    return Task.model_validate(
        {
            "schema": 1,
            "name": "random",
            "version": "1",
            "title": {"en": "Random"},
            "intended_use": {"en": "To measure."},
            "activation": "sigmoid",
            "preprocess": preprocess,
            "views": [{"name": "frontal"}],
            "labels": [{"name": f"label-{number}"} for number in range(LABELS)],
        }
    )


class Changed(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Films in memory, changed by torchvision one by one as a training script does."""

    def __init__(self, data: Data) -> None:
        v2, side = library("torchvision.transforms.v2"), data.pixels.shape[-1]
        self.data = data
        self.change = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomAffine(8, translate=(0.06, 0.06), scale=(0.85, 1.12)),
                v2.ColorJitter(brightness=0.1, contrast=0.2),
                v2.Resize((side, side)),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5], [0.25]),
            ]
        )

    def __len__(self) -> int:
        return len(self.data.films)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        film = self.change(torch.from_numpy(self.data.pixels[row]))
        return film, torch.from_numpy(self.data.films.truth[row]).float()


def plain_steps(name: str, data: Data, *, batch: int, channels_last: bool) -> Steps:
    """A loop as one writes it by hand: a DataLoader, torchvision's transforms, Adam, and the library's network."""
    network = networks(name)[1].train()
    order = torch.channels_last if channels_last else torch.contiguous_format
    network.to(memory_format=order)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    loss_function = nn.BCEWithLogitsLoss()
    loader = torch.utils.data.DataLoader(Changed(data), batch_size=batch, shuffle=True, drop_last=True)

    def steps(n: int) -> None:
        for step, (films, truth) in enumerate(loader, start=1):
            loss = loss_function(network(films.contiguous(memory_format=order)), truth)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            loss.item()
            if step == n:
                break

    return steps


WAYS: dict[str, Callable[[str, Data, int], Steps]] = {
    "rakurs": lambda name, data, batch: rakurs_steps(name, data, batch=batch),
    "rakurs, memory as it is": lambda name, data, batch: rakurs_steps(name, data, batch=batch),
    "plain": lambda name, data, batch: plain_steps(name, data, batch=batch, channels_last=False),
    "plain, channels last": lambda name, data, batch: plain_steps(name, data, batch=batch, channels_last=True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=WAYS, required=True)
    parser.add_argument("--network", choices=ARCHITECTURES, required=True)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4, help="the most that are asked for at once")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.way == "rakurs":
        keep_memory()
    data = films_of(asked.steps * asked.batch, side=asked.side)
    apart = difference(asked.network, data)
    if apart > TOLERANCE:
        raise SystemExit(f"The networks answer differently by {apart:.1e}; their times mean nothing.")
    steps = WAYS[asked.way](asked.network, data, asked.batch)
    for line in sys.stdin:
        began = time.process_time()
        steps(int(line))
        spent = time.process_time() - began
        print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


if __name__ == "__main__":
    main()
