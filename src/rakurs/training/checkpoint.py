"""What a training leaves after each epoch, so that it can go on as if nothing had happened, and be exported."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from rakurs.errors import TrainingError
from rakurs.evaluation.index import Films
from rakurs.task import Task
from rakurs.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a training beside the films.

    `weights` is the file of weights that the network begins from, if one was named.
    """

    recipe: Recipe
    task: Task
    view: str
    weights: Path | None = None


def films_digest(splits: Mapping[str, Films]) -> str:
    """The same for the same films with the same labels in the same order, wherever their folder lies."""
    digest = hashlib.sha256()
    for split in ("train", "val"):
        films = splits[split]
        common = os.path.commonpath([file.parent for file in films.files])
        for file in films.files:
            digest.update(f"{os.path.relpath(file, common)}\n".encode())
        digest.update(films.truth.tobytes() + films.source_px.tobytes())
    return digest.hexdigest()


def marks(plan: Plan, splits: Mapping[str, Films]) -> dict[str, Any]:
    """What a checkpoint says of the training that it belongs to.

    Raises:
        TrainingError: there is no such file of weights.
    """
    return {
        "recipe": plan.recipe.model_dump(),
        "task": plan.task.model_dump(),
        "view": plan.view,
        "weights_file": None if plan.weights is None else _file_digest(plan.weights),
        "index": films_digest(splits),
    }


def _file_digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        raise TrainingError(f"There is no file of weights {file.name} in {file.parent}.") from None


def held_training(folder: Path, mine: Mapping[str, Any], *, resume: bool) -> dict[str, Any] | None:
    """The checkpoint in a folder, that the training of these `marks` goes on from; None where there is none yet.

    Raises:
        TrainingError: there is one and it is not to be resumed, it cannot be read, or it belongs to another training.
    """
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():
        return None
    if not resume:
        raise TrainingError(f"{folder} already holds a training; go on with it by --resume, or choose another --out.")
    try:
        held: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
        held["network"], held["optimizer"], held["history"]
        declared = {"recipe": Recipe.model_validate(held["recipe"]), "task": Task.model_validate(held["task"])}
    except Exception:  # torch.load raises whatever the bytes led it to
        raise TrainingError(
            f"{CHECKPOINT} in {folder} is torn, or no checkpoint of `rakurs train`; bring back a copy of it, or "
            "remove it to train anew."
        ) from None
    # A mark that is missing is of an earlier version, which kept fewer.
    theirs = {**held, **{name: value.model_dump() for name, value in declared.items()}}
    other = [name for name, mark in mine.items() if theirs.get(name, mark) != mark]
    if other:
        names = ", ".join(_NAMES[name] for name in other)
        raise TrainingError(f"{CHECKPOINT} in {folder} belongs to another {names}; choose another --out.")
    return held


_NAMES = {
    "recipe": "recipe or network",
    "task": "task",
    "view": "view",
    "weights_file": "file of weights",
    "index": "index",
}


def save_checkpoint(state: Mapping[str, Any], folder: Path) -> None:
    """Write a checkpoint, and its history for people and programs to read; each whole or not at all.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    partial = folder / f"{CHECKPOINT}.partial"
    with partial.open("wb") as file:
        _save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / CHECKPOINT)
    told = {
        "network": state["recipe"]["network"],
        "task": state["task"]["name"],
        "view": state["view"],
        "epochs": [{name: _number(value) for name, value in epoch.items()} for epoch in state["history"]],
    }
    partial = folder / f"{HISTORY}.partial"
    partial.write_text(json.dumps(told, indent=1), encoding="utf-8")
    partial.replace(folder / HISTORY)


def _save(state: Mapping[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(dict(state), file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # torch writes on when the file takes no more, and complains of that
            raise error.__context__ from None
        raise


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
