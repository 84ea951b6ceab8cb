"""One pass over the films of a stage: batches drawn, changed at random, and learned from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.task import Preprocess, Task
from rakurs.training.augment import augment
from rakurs.training.average import Average
from rakurs.training.freezing import learn
from rakurs.training.losses import Loss
from rakurs.training.machine import Machine
from rakurs.training.photographs import change_photographs
from rakurs.training.recipe import Recipe, Stage

WARM_UP_SHARE = 0.05
LARGEST_GRADIENT_NORM = 2.0
MOMENTUM = 0.9

LOOK_EVERY = 25
"""Steps after which a GPU is asked for the loss: each question waits for it."""

OTHER_RANK = 1_000_003
"""Keeps the random numbers of different processes apart."""


Batch = tuple[Tensor, Tensor, Tensor]
"""Films (n, channels, rows, columns), their truth (n, labels), and what is added to their logits (n, labels)."""


@dataclass(frozen=True, slots=True)
class Data:
    """The films of one split at one input size: `pixels` uint8 (n, channels, rows, columns)."""

    films: Films
    pixels: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What stays the same in every epoch of a stage; `offsets` float (n, labels) are added to the logits."""

    recipe: Recipe
    stage: Stage
    task: Task
    data: Data
    loss: Loss
    offsets: Tensor
    machine: Machine


@dataclass(frozen=True, slots=True)
class Learner:
    """What changes at every step: the network, its optimizer, and the average of its weights.

    `shared` is the network as its gradients are averaged over all processes.
    """

    network: nn.Module
    shared: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: Average | None


def optimizer_of(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer that a recipe names, of the weights that are not frozen."""
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(learned, momentum=MOMENTUM, nesterov=True, weight_decay=recipe.weight_decay, lr=0.0)
    return torch.optim.AdamW(learned, weight_decay=recipe.weight_decay, fused=True)


def train_epoch(learner: Learner, lesson: Lesson, *, epoch: int, progress: Progress) -> float:
    """One pass over the films that the stage draws; the mean loss.

    Every random number follows from the recipe's seed, the stage and the number of the epoch.

    Raises:
        TrainingError: the stage draws less than one batch, memory does not hold a batch, or the loss
            is not a number any more.
    """
    stage, machine = lesson.stage, lesson.machine
    seed = lesson.recipe.seed + 1000 * stage.rows_columns + epoch
    torch.manual_seed(seed + OTHER_RANK * machine.rank)
    generator = torch.Generator().manual_seed(seed)
    batches = list(_batches(lesson.data.films, stage, generator=generator))
    if not batches:
        raise TrainingError(f"The stage of {stage.rows_columns} px draws less than one batch of {stage.batch} films.")
    if machine.rank:
        generator.manual_seed(seed + OTHER_RANK * machine.rank)
    total = torch.zeros((), device=machine.device)
    learn(learner.network)
    for step, rows in enumerate(batches):
        done = (epoch * len(batches) + step) / (stage.epochs * len(batches))
        for group in learner.optimizer.param_groups:
            group["lr"] = _learning_rate(stage, done)
        with _enough_memory(stage):
            batch = _drawn(lesson, rows[machine.rank :: machine.processes], generator=generator)
            total += _step(learner, lesson, batch=batch)
        if machine.device.type == "cpu" or step % LOOK_EVERY == 0 or step + 1 == len(batches):
            _refuse_no_number(total)
        progress(f"{stage.rows_columns} px, epoch {epoch + 1} of {stage.epochs}", step + 1, len(batches))
    return float(machine.add_up(total)) / (machine.processes * len(batches))


def _step(learner: Learner, lesson: Lesson, *, batch: Batch) -> Tensor:
    """Learn from one batch; its loss."""
    films, truth, offsets = batch
    with lesson.machine.mixed():
        logits = learner.shared(films)
    loss = lesson.loss(logits.float() + offsets, truth)
    learner.optimizer.zero_grad()
    learner.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    learner.scaler.unscale_(learner.optimizer)
    torch.nn.utils.clip_grad_norm_(learner.network.parameters(), LARGEST_GRADIENT_NORM)
    learner.scaler.step(learner.optimizer)
    learner.scaler.update()
    if learner.average is not None:
        learner.average.follow(learner.network)
    return loss.detach()


def _drawn(lesson: Lesson, rows: npt.NDArray[np.int64], *, generator: torch.Generator) -> Batch:
    """A batch as the network takes it, changed at random, with its truth and its offsets."""
    data, device = lesson.data, lesson.machine.device
    films = torch.from_numpy(data.pixels[rows]).to(device).float() / 255
    films = _changed(films, lesson, source_px=data.films.source_px[rows], generator=generator)
    truth = torch.from_numpy(data.films.truth[rows]).float()
    offsets = lesson.offsets[torch.from_numpy(rows)]
    if lesson.recipe.mixup:
        films, truth, offsets = mixed((films, truth, offsets), alpha=lesson.recipe.mixup, generator=generator)
    return as_input(films, lesson.task.preprocess), truth.to(device), offsets.to(device)


def _changed(films: Tensor, lesson: Lesson, *, source_px: npt.NDArray[np.int64], generator: torch.Generator) -> Tensor:
    kind = lesson.recipe.changes(lesson.task)
    if kind == "none":
        return films
    if kind == "photograph":
        return change_photographs(films, generator=generator)
    degradable = torch.from_numpy(source_px >= lesson.stage.rows_columns)
    return augment(films, degradable=degradable, degrade=lesson.stage.degrade, generator=generator)


def mixed(batch: Batch, *, alpha: float, generator: torch.Generator) -> Batch:
    """Each film with a share of another, and its truth likewise (Zhang et al. 2018, mixup)."""
    n = len(batch[0])
    seed, order = torch.randint(2**31, (), generator=generator), torch.randperm(n, generator=generator)
    share = torch.from_numpy(np.random.default_rng(int(seed)).beta(alpha, alpha, n).astype(np.float32))

    def mix(values: Tensor) -> Tensor:
        kept = share.to(values.device).view(-1, *[1] * (values.ndim - 1))
        return kept * values + (1 - kept) * values[order.to(values.device)]

    films, truth, offsets = batch
    return mix(films), mix(truth), mix(offsets)


def _batches(films: Films, stage: Stage, *, generator: torch.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in random order: all films as sharp as the input, and the stage's share of the others."""
    order = torch.randperm(len(films), generator=generator).numpy()
    upsampled = films.source_px[order] < stage.rows_columns
    kept = order[~upsampled | (np.cumsum(upsampled) <= round(stage.upsampled_share * upsampled.sum()))]
    for start in range(0, len(kept) - stage.batch + 1, stage.batch):
        yield np.sort(kept[start : start + stage.batch])


def _learning_rate(stage: Stage, share: float) -> float:
    """Linear warm-up, then half a cosine down to 2 % of the stage's rate; `share` of the stage that is done, 0..1."""
    if share < WARM_UP_SHARE:
        return stage.learning_rate * (share + 1e-3) / WARM_UP_SHARE
    fallen = (share - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)
    return stage.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * fallen)) / 2)


def as_input(films: Tensor, preprocess: Preprocess) -> Tensor:
    """Normalise a batch (n, channels, rows, columns) in 0..1, in the order of memory that convolutions like."""
    mean = torch.tensor(preprocess.mean, device=films.device).view(-1, 1, 1)
    std = torch.tensor(preprocess.std, device=films.device).view(-1, 1, 1)
    return ((films - mean) / std).contiguous(memory_format=torch.channels_last)


def _refuse_no_number(total: Tensor) -> None:
    if not math.isfinite(total.item()):
        raise TrainingError("The loss is not a number any more; lower the stage's learning_rate.")


@contextmanager
def _enough_memory(stage: Stage) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        full = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)
        if not full:
            raise
        raise TrainingError(
            f"The memory does not hold {stage.batch} films of {stage.rows_columns} px at once; lower the stage's "
            "batch, and its learning_rate by the same share, or raise its frozen_share."
        ) from None
