"""Networks and images that the tests of training share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rakurs.evaluation.index import Films
from rakurs.task import Preprocess
from rakurs.training.architectures import Architecture
from rakurs.training.features import Layers
from rakurs.training.heads import PooledHead
from rakurs.training.networks import ReadingNetwork

SMALL = Preprocess(channels=1, rows=64, columns=48, fit="pad", mean=[0.5], std=[0.25])


class SmallFeatures(nn.Module):
    """Two convolutions by two: the last map (n, 6, h / 4, w / 4), and the map of one stage where `staged`."""

    def __init__(self, *, staged: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, kernel_size=3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Conv2d(4, 6, kernel_size=3, stride=2, padding=1)
        self.staged = staged

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        stage = torch.relu(self.norm(self.first(image)))
        return torch.relu(self.last(stage)), [stage] if self.staged else []


class TinyLibraryNetwork(nn.Module):
    """What a library would give for `TINY`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, kernel_size=3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.last = nn.Conv2d(4, 6, kernel_size=3, stride=2, padding=1)
        self.end = nn.ReLU()
        self.classifier = nn.Linear(6, 10)


TINY = Architecture(
    title="Two convolutions",
    make=TinyLibraryNetwork,
    features=lambda made: Layers(list(made.named_children())[:-1], stages=("act",)),
    stem="first",
    classifier="classifier",
    smallest_px=4,
)
"""A network that is built, trained and exported in moments; to be added to the table of those there are."""


def small_network(features: nn.Module | None = None, head: nn.Module | None = None, *, seed: int = 0) -> ReadingNetwork:
    """A network of three labels with random weights, the same each time, ready to read."""
    torch.manual_seed(seed)
    network = ReadingNetwork(features or SmallFeatures(), head or PooledHead(6, 3, dropout=0.5))
    shake_statistics(network)
    return network.eval()


def shake_statistics(module: nn.Module) -> None:
    """Give every norm statistics and weights of its own: a fresh norm would hide a wrong order of layers."""
    generator = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values, low, high in (
                (norm.running_mean, -0.2, 0.2),
                (norm.running_var, 0.5, 1.5),
                (norm.weight.data, 0.5, 1.5),
                (norm.bias.data, -0.2, 0.2),
            ):
                assert values is not None
                values.uniform_(low, high, generator=generator)


def noise(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Normal noise of this shape, the same each time."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def farthest(answer: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """The largest difference, as a share of the largest expected value."""
    assert answer.shape == expected.shape
    return float(np.abs(answer - expected).max() / np.abs(expected).max())


def films_of(truth: Sequence[Sequence[bool]], *, sources: Sequence[int] | None = None) -> Films:
    """Films without files, each of its own patient."""
    n = len(truth)
    return Films(
        files=[Path()] * n,
        truth=np.array(truth, bool),
        patients=np.arange(n),
        source_px=np.array(sources or [64] * n),
    )
