"""How well a network ranks the films that it is judged on after each epoch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rakurs.evaluation.ranking import auroc
from rakurs.study import FloatArray
from rakurs.task import Task
from rakurs.training.epoch import Data, as_input
from rakurs.training.losses import sources_of
from rakurs.training.machine import Machine

BATCH = 64


def validate(
    network: nn.Module, data: Data, *, task: Task, by_source: bool = True, machine: Machine | None = None
) -> dict[str, float]:
    """Mean AUROC over the labels, each against the rest; where exactly one label holds, the accuracy too.

    By source, it is the mean of the sources' areas, each within one source only: a ranking across
    sources would reward recognising the source. A source in which no label has both classes ranks
    nothing, and is left out; where none is left, the area is NaN.
    """
    said = answers(network, data, task=task, machine=machine or Machine())
    truth = data.films.truth
    right = {"accuracy": float((said.argmax(1) == truth.argmax(1)).mean())} if task.activation == "softmax" else {}
    if not by_source:
        return {"auroc": _mean_area(truth, said), **right}
    sources = sources_of(data.films)
    areas = {source: _mean_area(truth[sources == source], said[sources == source]) for source in np.unique(sources)}
    ranked = {f"auroc_{source}": area for source, area in areas.items() if not math.isnan(area)}
    return {"auroc": float(np.mean(list(ranked.values()))) if ranked else math.nan, **ranked, **right}


def _mean_area(truth: npt.NDArray[np.bool_], scores: FloatArray) -> float:
    both = [label for label in range(truth.shape[1]) if 0 < truth[:, label].sum() < len(truth)]
    return float(np.mean([auroc(truth[:, k], scores[:, k]) for k in both])) if both else math.nan


@torch.inference_mode()
def answers(network: nn.Module, data: Data, *, task: Task, machine: Machine) -> FloatArray:
    """What a network says of every film, float32 (n, labels): logits, or shares of labels of which exactly one holds.

    Each process answers for its part of the films.
    """
    network.eval()
    said = torch.zeros(len(data.films), len(task.labels), device=machine.device)
    starts = range(machine.rank * BATCH, len(data.films), machine.processes * BATCH)
    for start in starts:
        films = torch.from_numpy(data.pixels[start : start + BATCH]).to(machine.device)
        with machine.mixed():
            said[start : start + BATCH] = network(as_input(films.float() / 255, task.preprocess)).float()
    logits: Tensor = machine.add_up(said)
    shares = logits.softmax(1) if task.activation == "softmax" else logits
    found: FloatArray = shares.cpu().numpy()
    return found
