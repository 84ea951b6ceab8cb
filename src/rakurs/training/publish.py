"""From checkpoints to the network file of a pack: trained weights, heat maps, whitened embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.inference.preprocess import normalise
from rakurs.task import Task
from rakurs.training.decoded import decode_films
from rakurs.training.export import describe, export_network
from rakurs.training.networks import ReadingNetwork, build_network
from rakurs.training.recipe import Recipe
from rakurs.training.whitening import AXES, Whitening, fit_whitening

CHUNK = 256
"""Films held as float32 at once."""


def task_of(checkpoints: Sequence[Path]) -> Task:
    """The task that checkpoints were trained for.

    Raises:
        TrainingError: a file is no checkpoint of Rakurs, or they belong to several tasks.
    """
    first, *others = (Task.model_validate(_load(checkpoint)["task"]) for checkpoint in checkpoints)
    for checkpoint, other in zip(checkpoints[1:], others, strict=True):
        if other != first:
            raise TrainingError(
                f"{checkpoint} belongs to another task than {checkpoints[0]}: {_difference(other, first)}. "
                "Networks of one task, with the same labels and input, can be exported together."
            )
    return first


def _difference(one: Task, other: Task) -> str:
    """The first key in which two tasks differ."""
    key = next(key for key in Task.model_fields if getattr(one, key) != getattr(other, key))
    if key in {"name", "version", "activation"}:
        return f"its {key} is {getattr(one, key)}, not {getattr(other, key)}"
    return f"they differ in {key.replace('_', ' ')}"


def view_of(checkpoints: Sequence[Path], task: Task, *, asked: str | None, out: Path) -> str:
    """The view that checkpoints were trained on: as they say, else as asked, else the task's main view.

    Raises:
        TrainingError: they say several, or another than was asked for, or `out` is the file of another view.
        TaskError: the task has no such view.
    """
    said = {str(view) for checkpoint in checkpoints if (view := _load(checkpoint).get("view")) is not None}
    if len(said) > 1:
        raise TrainingError(f"The checkpoints are of the views {', '.join(sorted(said))}; export each view by itself.")
    if said and asked is not None and asked not in said:
        raise TrainingError(f"The checkpoint was trained on the view '{said.pop()}', not on '{asked}'.")
    view = task.view(asked or next(iter(said), task.main_view.name)).name
    if out.stem != view and out.stem in {other.name for other in task.views}:
        raise TrainingError(
            f"The network is of the view '{view}', but {out.name} is the file of another view of '{task.name}'. Write "
            f"{view}.onnx, or name the view with --view."
        )
    return view


def _load(checkpoint: Path) -> dict[str, Any]:
    try:
        held: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu", mmap=True)
        held["recipe"], held["task"], held["network"]
    except Exception:  # torch.load raises whatever the bytes led it to
        raise TrainingError(
            f"{checkpoint} is torn, or no checkpoint of `rakurs train`; name the checkpoint.pt of a training."
        ) from None
    return held


def trained_network(checkpoint: Path) -> ReadingNetwork:
    """The network that a training chose, ready to answer.

    Raises:
        TrainingError: the file is no checkpoint of Rakurs, there is no network of its name, or its weights are of
            another network.
    """
    held = _load(checkpoint)
    recipe, task = Recipe.model_validate(held["recipe"]), Task.model_validate(held["task"])
    network = build_network(recipe.network, task, pretrained=False)
    try:
        network.load_state_dict(held["network"])
    except RuntimeError:
        raise TrainingError(
            f"The weights in {checkpoint} are not those of a {recipe.network} for {len(task.labels)} labels, which its "
            "recipe and task name; it was made by another version, or changed. Train anew."
        ) from None
    network.origin = checkpoint.name
    return network.eval()


def export_checkpoints(checkpoints: Sequence[Path], *, task: Task, films: Films, out: Path, progress: Progress) -> Path:
    """Write the ONNX file of a checkpoint, or of several as an ensemble.

    The embedding is that of the first, measured on the training films as sharp as the input.

    Raises:
        TrainingError: as `trained_network` and `export_network`; or films cannot be read, or are too few.
    """
    networks = []
    for done, checkpoint in enumerate(checkpoints, start=1):
        networks.append(trained_network(checkpoint))
        progress("reading checkpoints", done, len(checkpoints))
    cache_folder = checkpoints[0].parent
    whitening = _measure_embedding(networks[0], task, films=films, cache_folder=cache_folder, progress=progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    return export_network(*networks, preprocess=task.preprocess, path=out, whitening=whitening)


def _measure_embedding(
    network: ReadingNetwork, task: Task, *, films: Films, cache_folder: Path, progress: Progress
) -> Whitening:
    """The whitening of the films that are as sharp as the input, if they are enough, else of all."""
    side = max(task.preprocess.rows, task.preprocess.columns)
    sharp = np.flatnonzero(films.source_px >= side)
    rows = sharp if len(sharp) > AXES else np.arange(len(films))
    pixels = decode_films(films, task.preprocess, folder=cache_folder, progress=progress)
    descriptors = []
    for start in range(0, len(rows), CHUNK):
        fitted = pixels[rows[start : start + CHUNK]].astype(np.float32) / np.float32(255)
        descriptors.append(describe(network, normalise(fitted, task.preprocess)))
        progress("describing films", min(start + CHUNK, len(rows)), len(rows))
    return fit_whitening(np.concatenate(descriptors), axes=min(AXES, len(rows) // 2))
