"""The training loop: stages of growing input size, each annealed to its end, a checkpoint after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.training.average import Average
from rakurs.training.checkpoint import CHECKPOINT, Plan, held_training, marks, save_checkpoint
from rakurs.training.checks import check_films, check_recipe, check_sizes, resized
from rakurs.training.decoded import decode_films
from rakurs.training.epoch import Data, Learner, Lesson, optimizer_of, train_epoch
from rakurs.training.freezing import freeze
from rakurs.training.journal import Log
from rakurs.training.losses import loss_of, prior_offsets
from rakurs.training.machine import Machine, cores
from rakurs.training.networks import RANDOM, ReadingNetwork, build_network
from rakurs.training.pretrained import URLS, where_to_put
from rakurs.training.recipe import Stage
from rakurs.training.validation import validate

State = dict[str, Any]
Epochs = Sequence[Mapping[str, Any]]


class Build(Protocol):
    """From a plan to its network; where it is not `fresh`, its weights will be those of a checkpoint."""

    def __call__(self, plan: Plan, *, fresh: bool) -> ReadingNetwork:
        """Build it."""


@dataclass(slots=True)
class Training:
    """A training under way.

    `marks` say which one it is, `history` has an entry per finished epoch, `kept` are the weights to be
    exported so far, and `left` is what the checkpoint says of an optimizer in the middle of its stage.
    """

    plan: Plan
    splits: Mapping[str, Films]
    out: Path
    machine: Machine
    marks: State
    network: ReadingNetwork
    average: Average | None
    history: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, Tensor] | None = None
    left: State | None = None


def train(
    plan: Plan,
    *,
    splits: Mapping[str, Films],
    out: Path,
    progress: Progress,
    resume: bool = False,
    machine: Machine | None = None,
    build: Build | None = None,
    log: Log | None = None,
) -> Path:
    """Train a network on the split `train`, judged on `val` after each epoch, and give its checkpoint's path.

    With `resume` a checkpoint in `out` of the same plan and films is continued; the result is the
    same as without the interruption, because every epoch draws from generators seeded by its number.

    Raises:
        TrainingError: a split is missing, a label has no film or every film; `out` holds a training
            that is not to be resumed, or another one; films cannot be read, a stage draws less than
            one batch, a batch does not fit into memory, or the loss is not a number any more.
    """
    machine = machine or Machine()
    check_recipe(plan.recipe, plan.task, processes=machine.processes)
    check_films(splits, plan.task, progress=progress)
    mine = marks(plan, splits)
    held = machine.as_first_says(lambda: held_training(out, mine, resume=resume))
    network = begin_network(plan, held, build=build or _build).to(machine.device)
    average = Average(network, decay=plan.recipe.average) if plan.recipe.average else None
    check_sizes(plan.recipe, plan.task, smallest_px=network.smallest_px)
    training = Training(
        plan=plan, splits=splits, out=out, machine=machine, marks=mine, network=network, average=average
    )
    if held is not None:
        _go_on(training, held)
    progress(_begun(training), 0, 0)
    out.mkdir(parents=True, exist_ok=True)
    for number in range(len(plan.recipe.stages)):
        if not _is_over(training, number):
            _train_stage(training, number, progress=progress, log=log)
    return out / CHECKPOINT


def _build(plan: Plan, *, fresh: bool) -> ReadingNetwork:
    return build_network(
        plan.recipe.network,
        plan.task,
        dropout=plan.recipe.dropout,
        weights=plan.weights if fresh else None,
        pretrained=plan.recipe.pretrained if fresh else False,
    )


def begin_network(plan: Plan, held: State | None, *, build: Build) -> ReadingNetwork:
    """A new network, the same for the same seed, or the one that a checkpoint holds."""
    torch.manual_seed(plan.recipe.seed)
    network = build(plan, fresh=held is None)
    if held is not None:
        network.load_state_dict(held["weights"] if "weights" in held else held["network"])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _begun(training: Training) -> str:
    """What a training begins from, in one line."""
    name, origin = training.plan.recipe.network, training.network.origin
    if training.history:
        return f"{name} goes on after {len(training.history)} epochs."
    if origin == RANDOM and training.plan.recipe.pretrained and name in URLS:
        return f"{name} begins from {origin}: those of ImageNet are not on this machine. {where_to_put(name)}"
    return f"{name} begins from {origin}."


def _go_on(training: Training, held: State) -> None:
    """Take from a checkpoint what stands beside the network."""
    if training.average is not None and held.get("average"):
        training.average.load(held["average"])
    training.history = _staged(held["history"], training.plan.recipe.stages)
    training.kept = held["network"]
    training.network.origin = held.get("origin", CHECKPOINT)
    training.left = {"optimizer": held["optimizer"], "scaler": held.get("scaler", {})}


def _staged(history: Epochs, stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """A history whose entries say of which stage they are; those of an earlier version follow each other."""
    if any("stage" in epoch for epoch in history):
        return [dict(epoch) for epoch in history]
    numbers = [number for number, stage in enumerate(stages) for _ in range(stage.epochs)]
    return [{"stage": number, **epoch} for number, epoch in zip(numbers, history, strict=False)]


def _is_over(training: Training, number: int) -> bool:
    """Whether a stage has had its epochs, or was ended for want of progress."""
    stage, patience = training.plan.recipe.stages[number], training.plan.recipe.patience
    areas = [_area(epoch) for epoch in training.history if epoch["stage"] == number]
    later = any(epoch["stage"] > number for epoch in training.history)
    waited = len(areas) - 1 - areas.index(max(areas)) if areas else 0
    return later or len(areas) >= stage.epochs or (patience > 0 and waited >= patience)


def _area(epoch: Mapping[str, Any]) -> float:
    return -1.0 if math.isnan(epoch["auroc"]) else float(epoch["auroc"])


def _train_stage(training: Training, number: int, *, progress: Progress, log: Log | None) -> None:
    plan, machine = training.plan, training.machine
    stage, by_source = plan.recipe.stages[number], plan.recipe.weighs_sources(plan.task)
    data = {split: _decoded(training, split, stage=stage, progress=progress) for split in ("train", "val")}
    lesson = _lesson(plan, stage, data=data["train"], machine=machine)
    done = sum(epoch["stage"] == number for epoch in training.history)
    learner = _learner(training, stage, resumed=done > 0)
    for epoch in range(done, stage.epochs):
        began = time.perf_counter()
        loss = train_epoch(learner, lesson, epoch=epoch, progress=progress)
        machine.align(training.network)
        judged = training.average.network if training.average is not None else training.network
        scores = validate(judged, data["val"], task=plan.task, by_source=by_source, machine=machine)
        spent = round(time.perf_counter() - began, 1)
        told = {"size": stage.rows_columns, "epoch": epoch, "loss": loss, "seconds": spent, **scores}
        training.history.append({"stage": number, **told})
        _keep(training, number, exported=judged.state_dict())
        if machine.leads:
            save_checkpoint(_state(training, learner), training.out)
            if log is not None:
                log({name: value for name, value in told.items() if name != "epoch"}, len(training.history))
        progress(_told(training.history[-1], stage), 0, 0)
        if _is_over(training, number):
            break


def _lesson(plan: Plan, stage: Stage, *, data: Data, machine: Machine) -> Lesson:
    recipe, task, films = plan.recipe, plan.task, data.films
    offsets = torch.zeros(films.truth.shape)
    if recipe.weighs_sources(task):
        offsets = prior_offsets(films, one_holds=task.activation == "softmax")
    loss = loss_of(recipe, task, films=films)
    return Lesson(recipe=recipe, stage=stage, task=task, data=data, loss=loss, offsets=offsets, machine=machine)


def _decoded(training: Training, split: str, *, stage: Stage, progress: Progress) -> Data:
    films, preprocess = training.splits[split], resized(training.plan.task.preprocess, stage.rows_columns)
    pixels = training.machine.first_on_each_machine(
        lambda: decode_films(films, preprocess, folder=training.out, progress=progress, threads=cores())
    )
    return Data(films=films, pixels=pixels)


def _learner(training: Training, stage: Stage, *, resumed: bool) -> Learner:
    freeze(training.network.features, share=stage.frozen_share)
    optimizer = optimizer_of(training.plan.recipe, training.network)
    scaler = training.machine.scaler()
    if resumed and training.left is not None:
        optimizer.load_state_dict(training.left["optimizer"])
        scaler.load_state_dict(training.left["scaler"] or scaler.state_dict())
    shared, average = training.machine.share(training.network), training.average
    return Learner(network=training.network, shared=shared, optimizer=optimizer, scaler=scaler, average=average)


def _keep(training: Training, number: int, *, exported: dict[str, Tensor]) -> None:
    """Keep the weights of the epoch that just ended, unless an earlier one of the last stage was better.

    Only within a stage are epochs judged at one input size, and only the last stage has the task's.
    """
    if training.plan.recipe.keep == "last" or number + 1 < len(training.plan.recipe.stages):
        training.kept = exported
        return
    areas = [_area(epoch) for epoch in training.history if epoch["stage"] == number]
    if areas[-1] >= max(areas):
        training.kept = {name: values.clone() for name, values in exported.items()}


def _state(training: Training, learner: Learner) -> State:
    return {
        **training.marks,
        "network": training.kept,
        "weights": training.network.state_dict(),
        "average": None if training.average is None else training.average.state(),
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        "history": training.history,
        "origin": training.network.origin,
    }


def _told(epoch: Mapping[str, Any], stage: Stage) -> str:
    """An epoch in one line."""
    scores = ", ".join(f"{name} {value:.4f}" for name, value in epoch.items() if name.startswith(("auroc", "accuracy")))
    return (
        f"{stage.rows_columns} px, epoch {epoch['epoch'] + 1} of {stage.epochs}: loss {epoch['loss']:.4f}, {scores}, "
        f"{epoch['seconds']:.0f} s"
    )
