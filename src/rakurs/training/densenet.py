"""DenseNet-121 (Huang et al. 2017, "Densely Connected Convolutional Networks"), with torchvision's names of weights."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

GROWTH = 32
"""Maps that each layer adds (k in the paper)."""

BOTTLENECK = 4
"""A layer's 1 x 1 convolution gives this many times `GROWTH` maps (section 3, "Bottleneck layers")."""

STEM_WIDTH = 2 * GROWTH
LAYERS = (6, 12, 24, 16)
"""Layers of each dense block (table 1, DenseNet-121)."""


class DenseLayer(nn.Module):
    """Norm, ReLU, 1 x 1 convolution, norm, ReLU, 3 x 3 convolution; its maps come after those that came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, BOTTLENECK * GROWTH, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * GROWTH)
        self.conv2 = nn.Conv2d(BOTTLENECK * GROWTH, GROWTH, kernel_size=3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, width, h, w) -> (n, width + GROWTH, h, w)."""
        narrow = self.conv1(functional.relu(self.norm1(maps), inplace=True))
        added = self.conv2(functional.relu(self.norm2(narrow), inplace=True))
        return torch.cat([maps, added], 1)


class Transition(nn.Module):
    """Norm, ReLU, 1 x 1 convolution to half the maps (compression 0.5), and averages of 2 x 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width // 2, kernel_size=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, width, h, w) -> (n, width / 2, h / 2, w / 2)."""
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(maps), inplace=True)), 2)


class DenseNetFeatures(nn.Module):
    """DenseNet-121 up to the ReLU behind its last norm, which torchvision applies outside of `features`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, STEM_WIDTH, kernel_size=7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(STEM_WIDTH)
        width = STEM_WIDTH
        for block, layers in enumerate(LAYERS, start=1):
            self.add_module(f"denseblock{block}", _dense_block(width, layers))
            width += layers * GROWTH
            if block < len(LAYERS):
                self.add_module(f"transition{block}", Transition(width))
                width //= 2
        self.norm5 = nn.BatchNorm2d(width)
        self.width = width

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(n, channels, rows, columns) -> (n, 1024, rows / 32, columns / 32), and the maps of the four blocks."""
        maps = functional.relu(self.norm0(self.conv0(image)), inplace=True)
        maps, stages = functional.max_pool2d(maps, kernel_size=3, stride=2, padding=1), []
        for block in range(1, len(LAYERS) + 1):
            maps = self.get_submodule(f"denseblock{block}")(maps)
            stages.append(maps)
            if block < len(LAYERS):
                maps = self.get_submodule(f"transition{block}")(maps)
        return functional.relu(self.norm5(maps)), stages


def _dense_block(width: int, layers: int) -> nn.Sequential:
    named = ((f"denselayer{index + 1}", DenseLayer(width + index * GROWTH)) for index in range(layers))
    return nn.Sequential(OrderedDict(named))


def densenet121_features(channels: int) -> tuple[DenseNetFeatures, int]:
    """Features with the initial weights of He et al. 2015, as the paper trains from, and the width of the last map."""
    features = DenseNetFeatures(channels)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return features, features.width
