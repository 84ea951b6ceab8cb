"""How large a network is and how long it takes to read, counted and measured on the real one."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rakurs.inference.network import load_network
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
"""Readings before the timed ones, and those."""

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


def reading_ms(name: str, *, channels: int, labels: int = TIMED_LABELS) -> float:
    """Median time of one image of `SIDE` pixels in the exported file, with all heat maps, on all cores of this machine.

    Raises:
        TrainingError: there is no network of this name, or it cannot be exported.
    """
    task = _task(channels=channels, labels=labels)
    network = _settled(_random_network(name, channels=channels, labels=labels), channels=channels)
    with TemporaryDirectory() as folder:
        path = export_network(network, preprocess=task.preprocess, path=Path(folder) / "only.onnx")
        loaded = load_network(NetworkFile(path=path, digest=digest_of(path)), task)
        image = np.random.default_rng(0).standard_normal((1, channels, SIDE, SIDE), np.float32)
        spent = []
        for _ in range(WARM_UP + TIMED):
            began = time.perf_counter()
            loaded.run(image)
            spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent[WARM_UP:])


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
