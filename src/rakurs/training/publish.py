"""From a checkpoint to the network file of a pack: trained weights, heat maps, whitened embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.inference.preprocess import normalise
from rakurs.task import Task
from rakurs.training.decoded import cache_file, decode_films
from rakurs.training.export import describe, export_network
from rakurs.training.networks import ReadingNetwork, build_network
from rakurs.training.recipe import Recipe
from rakurs.training.whitening import Whitening, fit_whitening

CHUNK = 256
"""Films held as float32 at once."""


def task_of(checkpoint: Path) -> Task:
    """The task that a checkpoint was trained for.

    Raises:
        TrainingError: the file is no checkpoint of Rakurs.
    """
    return Task.model_validate(_load(checkpoint)["task"])


def _load(checkpoint: Path) -> dict[str, Any]:
    try:
        held: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
        held["recipe"], held["task"], held["network"]
    except Exception:  # torch.load raises whatever the bytes led it to
        raise TrainingError(f"{checkpoint.name} is no checkpoint of `rakurs train`.") from None
    return held


def trained_network(checkpoint: Path) -> ReadingNetwork:
    """The network as it was at the end of its last finished epoch, ready to answer."""
    held = _load(checkpoint)
    recipe, task = Recipe.model_validate(held["recipe"]), Task.model_validate(held["task"])
    network = build_network(recipe.network, task, pretrained=False)
    network.load_state_dict(held["network"])
    network.origin = checkpoint.name
    return network.eval()


def export_checkpoint(checkpoint: Path, *, task: Task, films: Films, out: Path, progress: Progress) -> Path:
    """Write the ONNX file of a checkpoint; the embedding is measured on the training films as sharp as the input."""
    network = trained_network(checkpoint)
    whitening = _measure_embedding(network, task, films=films, cache_folder=checkpoint.parent, progress=progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    return export_network(network, preprocess=task.preprocess, path=out, whitening=whitening)


def _measure_embedding(
    network: ReadingNetwork, task: Task, *, films: Films, cache_folder: Path, progress: Progress
) -> Whitening:
    sharp = films.source_px >= task.preprocess.rows
    rows = np.flatnonzero(sharp) if sharp.sum() > len(task.labels) else np.arange(len(films))
    cache = cache_file(cache_folder, films, rows_columns=task.preprocess.rows)
    pixels = decode_films(films, task.preprocess, cache=cache, progress=progress)
    descriptors = []
    for start in range(0, len(rows), CHUNK):
        fitted = pixels[rows[start : start + CHUNK]].astype(np.float32) / np.float32(255)
        descriptors.append(describe(network, normalise(fitted, task.preprocess)))
        progress("describing films", min(start + CHUNK, len(rows)), len(rows))
    return fit_whitening(np.concatenate(descriptors))
