"""The training loop: stages of growing input size, each annealed to its end, a checkpoint after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.evaluation.ranking import auroc
from rakurs.task import Preprocess, Task
from rakurs.training.augment import augment
from rakurs.training.decoded import cache_file, decode_films
from rakurs.training.networks import ReadingNetwork, build_network
from rakurs.training.recipe import Recipe, Stage

WARM_UP_SHARE = 0.05
LARGEST_GRADIENT_NORM = 2.0


@dataclass(frozen=True, slots=True)
class Data:
    """The films of one split at one input size: `pixels` uint8 (n, channels, rows, columns)."""

    films: Films
    pixels: npt.NDArray[np.uint8]


@dataclass(slots=True)
class Training:
    """A training under way; `done` counts the epochs that are finished over all stages."""

    recipe: Recipe
    task: Task
    network: ReadingNetwork
    history: list[dict[str, Any]]

    @property
    def done(self) -> int:
        """Epochs that are finished, over all stages."""
        return len(self.history)


def train(recipe: Recipe, *, task: Task, splits: dict[str, Films], out: Path, progress: Progress) -> Path:
    """Train a network on the split `train`, judged on `val` after each epoch, and give its checkpoint's path.

    A checkpoint in `out` of the same recipe and task is continued; the result is the same as
    without the interruption, because every epoch draws from a generator seeded by its number.

    Raises:
        TrainingError: a split is missing, a label has no film or every film, the checkpoint belongs
            to another recipe or task, a stage draws less than one batch, or the loss is not finite.
    """
    _check_splits(splits, task)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    training = start_or_resume(recipe, task=task, checkpoint=checkpoint)
    first = 0
    for stage in recipe.stages:
        if training.done < first + stage.epochs:
            _train_stage(training, stage, first=first, splits=splits, checkpoint=checkpoint, progress=progress)
        first += stage.epochs
    return checkpoint


def _check_splits(splits: dict[str, Films], task: Task) -> None:
    for split in ("train", "val"):
        if split not in splits:
            raise TrainingError(f"The index has no films in the split '{split}'.")
        truth = splits[split].truth
        positives = truth.sum(axis=0).tolist()
        alike = [label.name for label, n in zip(task.labels, positives, strict=True) if n in {0, len(truth)}]
        if alike:
            raise TrainingError(
                f"No film, or every film, of the split '{split}' has the labels {', '.join(alike)}; "
                "leave them out or merge them."
            )


def start_or_resume(recipe: Recipe, *, task: Task, checkpoint: Path) -> Training:
    """A new training, or the one that a checkpoint holds.

    Raises:
        TrainingError: the checkpoint is of another recipe or task.
    """
    torch.manual_seed(recipe.seed)
    network = build_network(recipe.network, task, dropout=recipe.dropout)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training = Training(recipe=recipe, task=task, network=network, history=[])
    if checkpoint.exists():
        held = torch.load(checkpoint, weights_only=True)
        if held["recipe"] != recipe.model_dump() or held["task"] != task.model_dump():
            raise TrainingError(f"{checkpoint.name} belongs to another recipe or task; choose another --out.")
        network.load_state_dict(held["network"])
        training.history = held["history"]
    return training


def _save(training: Training, optimizer: torch.optim.Optimizer, *, checkpoint: Path) -> None:
    partial = checkpoint.with_suffix(".partial")
    state = {
        "recipe": training.recipe.model_dump(),
        "task": training.task.model_dump(),
        "network": training.network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": training.history,
    }
    torch.save(state, partial)
    partial.replace(checkpoint)


def _train_stage(
    training: Training, stage: Stage, *, first: int, splits: dict[str, Films], checkpoint: Path, progress: Progress
) -> None:
    preprocess = _resized(training.task.preprocess, stage.rows_columns)
    data = {}
    for split in ("train", "val"):
        cache = cache_file(checkpoint.parent, splits[split], rows_columns=stage.rows_columns)
        pixels = decode_films(splits[split], preprocess, cache=cache, progress=progress)
        data[split] = Data(films=splits[split], pixels=pixels)
    optimizer = torch.optim.AdamW(training.network.parameters(), weight_decay=training.recipe.weight_decay)
    if training.done > first:
        optimizer.load_state_dict(torch.load(checkpoint, weights_only=True)["optimizer"])
    for epoch in range(training.done - first, stage.epochs):
        began = time.perf_counter()
        loss = _train_epoch(training, stage, epoch=epoch, data=data["train"], optimizer=optimizer, progress=progress)
        scores = validate(training.network, data["val"], preprocess=preprocess)
        spent = round(time.perf_counter() - began)
        training.history.append({"size": stage.rows_columns, "epoch": epoch, "loss": loss, "seconds": spent, **scores})
        _save(training, optimizer, checkpoint=checkpoint)
        progress(f"{training.history[-1]}", 0, 0)


def _resized(preprocess: Preprocess, rows_columns: int) -> Preprocess:
    return preprocess.model_copy(update={"rows": rows_columns, "columns": rows_columns})


def _train_epoch(
    training: Training,
    stage: Stage,
    *,
    epoch: int,
    data: Data,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> float:
    """One pass over the films that the stage draws; the mean loss."""
    seed = training.recipe.seed + 1000 * stage.rows_columns + epoch
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    batches = list(_batches(data.films, stage, generator=generator))
    if not batches:
        raise TrainingError(f"The stage of {stage.rows_columns} px draws less than one batch of {stage.batch} films.")
    offsets = prior_offsets(data.films)
    preprocess = training.task.preprocess
    training.network.train()
    total, steps = 0.0, stage.epochs * len(batches)
    for step, rows in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(stage, (epoch * len(batches) + step) / steps)
        films = torch.from_numpy(data.pixels[rows]).float() / 255
        degradable = torch.from_numpy(data.films.source_px[rows] >= stage.rows_columns)
        films = augment(films, degradable=degradable, degrade=stage.degrade, generator=generator)
        logits = training.network(_normalised(films, preprocess))
        truth = torch.from_numpy(data.films.truth[rows]).float()
        loss = functional.binary_cross_entropy_with_logits(logits + offsets[rows], truth)
        if not math.isfinite(loss.item()):
            raise TrainingError("The loss is not a number any more; lower the stage's learning_rate.")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(training.network.parameters(), LARGEST_GRADIENT_NORM)
        optimizer.step()
        total += loss.item()
        progress(f"{stage.rows_columns} px, epoch {epoch + 1} of {stage.epochs}", step + 1, len(batches))
    return total / len(batches)


def _batches(films: Films, stage: Stage, *, generator: torch.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in random order: all films as sharp as the input, and the stage's share of the others."""
    order = torch.randperm(len(films), generator=generator).numpy()
    upsampled = films.source_px[order] < stage.rows_columns
    kept = order[~upsampled | (np.cumsum(upsampled) <= round(stage.upsampled_share * upsampled.sum()))]
    for start in range(0, len(kept) - stage.batch + 1, stage.batch):
        yield np.sort(kept[start : start + stage.batch])


def prior_offsets(films: Films) -> Tensor:
    """What the origin of a film alone says of each label, as logits (n, labels).

    Films of one source size were selected alike, so their share of each label differs from the
    others'. Added to the logits in training, this offset answers for the difference, so that the
    network gains nothing by recognising the source (logit adjustment, Menon et al. 2021).
    """
    offsets = np.zeros(films.truth.shape, np.float32)
    overall = films.truth.mean(0)
    for source_px in np.unique(films.source_px):
        of_source = films.source_px == source_px
        shrunk = (films.truth[of_source].sum(0) + 20 * overall) / (of_source.sum() + 20)
        offsets[of_source] = np.log(shrunk / (1 - shrunk)) - np.log(overall / (1 - overall))
    return torch.from_numpy(offsets)


def _learning_rate(stage: Stage, share: float) -> float:
    """Linear warm-up, then half a cosine down to 2 % of the stage's rate; `share` of the stage that is done, 0..1."""
    if share < WARM_UP_SHARE:
        return stage.learning_rate * (share + 1e-3) / WARM_UP_SHARE
    fallen = (share - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)
    return stage.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * fallen)) / 2)


def _normalised(films: Tensor, preprocess: Preprocess) -> Tensor:
    mean = torch.tensor(preprocess.mean).view(-1, 1, 1)
    std = torch.tensor(preprocess.std).view(-1, 1, 1)
    return ((films - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def validate(network: torch.nn.Module, data: Data, *, preprocess: Preprocess) -> dict[str, float]:
    """Mean AUROC over the labels, for the films of each source size and as their mean.

    Within one source only: a ranking across sources would reward recognising the source. A source
    in which no label has both classes ranks nothing, and is left out.
    """
    network.eval()
    parts = [
        network(_normalised(torch.from_numpy(data.pixels[start : start + 64]).float() / 255, preprocess))
        for start in range(0, len(data.films), 64)
    ]
    logits = torch.cat(parts).numpy()
    scores = {}
    for source_px in np.unique(data.films.source_px):
        rows = data.films.source_px == source_px
        truth = data.films.truth[rows]
        both = [label for label in range(truth.shape[1]) if 0 < truth[:, label].sum() < len(truth)]
        if both:
            scores[f"auroc_{source_px}"] = float(np.mean([auroc(truth[:, k], logits[rows, k]) for k in both]))
    return {"auroc": float(np.mean(list(scores.values()))) if scores else math.nan, **scores}
