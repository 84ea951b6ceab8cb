"""Feature extractors: from an image to the last map behind its last ReLU, and to the maps of the stages before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any

from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn


class Layers(nn.Sequential):
    """Layers of a library's network one after another, under its own names; `stages` names those that end a stage."""

    def __init__(self, layers: Iterable[tuple[str, nn.Module]], *, stages: Collection[str]) -> None:
        super().__init__(OrderedDict(layers))
        self.stages = frozenset(stages)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(n, channels, rows, columns) -> the last map (n, k, h, w), and the map of each stage."""
        maps, stages = image, []
        for name, layer in self.named_children():
            maps = layer(maps)
            if name in self.stages:
                stages.append(maps)
        return maps, stages


class EfficientNetLiteFeatures(nn.Module):
    """EfficientNet-Lite (Tan & Le 2019, without squeeze-and-excitation) up to its last ReLU."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        del network._fc
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


def take_grey(stem: nn.Conv2d) -> None:
    """Sum the filters over the colours: the answer to a grey image stays what it was for its three equal channels."""
    stem.weight = nn.Parameter(stem.weight.detach().sum(1, keepdim=True))
    stem.in_channels = 1


def take_colour(filters: Tensor) -> Tensor:
    """Filters of a grey stem shared among three colours: three equal channels are answered as grey was."""
    return filters.expand(-1, 3, -1, -1) / 3 if filters.shape[1] == 1 else filters
