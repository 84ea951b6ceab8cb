"""How large a network is and how long it takes to read, counted and measured on the real one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rakurs.evaluation.films import Progress
from rakurs.inference.network import Network, load_network
from rakurs.pack import NetworkFile, digest_of
from rakurs.task import Task
from rakurs.training.export import export_network
from rakurs.training.networks import ReadingNetwork, architecture_of, assemble

SIDE = 224
"""Rows and columns at which operations are counted and reading is timed."""

TIMED_LABELS = 14
"""Labels of the network whose reading is timed, as many as ChestX-ray14 has."""

SMALL_BATCH = 4
WARM_UP, TIMED = 3, 15
"""Turns before the timed ones, and those."""

WEIGHTED = frozenset({"ConvolutionBackward0", "AddmmBackward0", "MmBackward0"})
"""What autograd calls a convolution and a linear layer."""


@dataclass(frozen=True, slots=True)
class Size:
    """A network's size: weighted layers on the longest way, parameters, MiB in float32, GFLOP of one image."""

    name: str
    layers: int
    parameters: int
    memory_mib: float
    gflop: float


def size_of(name: str, *, channels: int, labels: int) -> Size:
    """Count a network with random weights; GFLOP count a multiplication and an addition as two, at `SIDE`.

    Raises:
        TrainingError: there is no network of this name.
    """
    network = _random_network(name, channels=channels, labels=labels)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    layers = longest_way(network(torch.zeros(1, channels, SIDE, SIDE)))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.to("meta")(torch.zeros(1, channels, SIDE, SIDE, device="meta"))
    return Size(
        name=name,
        layers=layers,
        parameters=parameters,
        memory_mib=parameters * 4 / 2**20,
        gflop=counter.get_total_flops() / 1e9,
    )


def longest_way(logits: Tensor) -> int:
    """Convolutions and linear layers on the longest way from the input to `logits`, in the graph of autograd."""
    longest: dict[Any, int] = {None: 0}
    pending = [logits.grad_fn]
    while pending:
        node = pending[-1]
        before = [] if node is None else [found for found, _ in node.next_functions]
        unknown = [found for found in before if found not in longest]
        if unknown:
            pending.extend(unknown)
            continue
        pending.pop()
        if node is not None:
            longest[node] = max((longest[found] for found in before), default=0) + (node.name() in WEIGHTED)
    return longest[logits.grad_fn]


def reading_ms(
    names: Sequence[str], *, channels: int, labels: int = TIMED_LABELS, progress: Progress
) -> dict[str, float]:
    """Median time per network of one image of `SIDE` pixels, with all heat maps, in the exported file on all cores.

    The networks take turns, so that other work on the machine falls on all of them alike.

    Raises:
        TrainingError: there is no network of a name, or it cannot be exported.
    """
    task, loaded = _task(channels=channels, labels=labels), {}
    with TemporaryDirectory() as folder:
        for done, name in enumerate(names, start=1):
            loaded[name] = _loaded(name, task, path=Path(folder) / f"{name}.onnx")
            progress("exporting networks", done, len(names))
    image = np.random.default_rng(0).standard_normal((1, channels, SIDE, SIDE), np.float32)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(WARM_UP + TIMED):
        for name, network in loaded.items():
            began = time.perf_counter()
            network.run(image)
            spent[name].append(1000 * (time.perf_counter() - began))
        progress("timing networks", turn + 1, WARM_UP + TIMED)
    return {name: statistics.median(times[WARM_UP:]) for name, times in spent.items()}


def _loaded(name: str, task: Task, *, path: Path) -> Network:
    """A network with random weights, exported to `path` and loaded from there."""
    channels = task.preprocess.channels
    network = _settled(_random_network(name, channels=channels, labels=len(task.labels)), channels=channels)
    export_network(network, preprocess=task.preprocess, path=path)
    return load_network(NetworkFile(path=path, digest=digest_of(path)), task)


def _random_network(name: str, *, channels: int, labels: int) -> ReadingNetwork:
    architecture = architecture_of(name)
    torch.manual_seed(0)
    return assemble(architecture, architecture.make(), channels=channels, labels=labels).eval()


def _settled(network: ReadingNetwork, *, channels: int) -> ReadingNetwork:
    """Give the norms the statistics of noise: with random weights alone, activations would grow or vanish."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None  # the plain mean over the batches
    with torch.no_grad():
        network.train()(torch.randn(SMALL_BATCH, channels, SIDE // 2, SIDE // 2))
    return network.eval()


def _task(*, channels: int, labels: int) -> Task:
    return Task.model_validate(
        {
            "schema": 1,
            "name": "timed",
            "version": "1",
            "title": {"en": "Timed"},
            "intended_use": {"en": "Measuring the time of a reading."},
            "activation": "sigmoid",
            "preprocess": {
                "channels": channels,
                "rows": SIDE,
                "columns": SIDE,
                "fit": "pad",
                "mean": [0.5] * channels,
                "std": [0.25] * channels,
            },
            "views": [{"name": "only"}],
            "labels": [{"name": f"label-{number}"} for number in range(labels)],
        }
    )
