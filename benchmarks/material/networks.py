"""One DenseNet-121 with random weights, twice: as TorchXRayVision's network, and as a pack of Rakurs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from material.films import SIDE, film
from rakurs.training.libraries import library
from rakurs.training.published import import_published

SEED = 0
FITTED_ON = 8
"""Films on which the norms take their statistics: fresh ones let the activations of random weights grow or vanish."""


def torchxrayvision() -> Any:
    """The library, which imports torchvision."""
    return library("torchxrayvision")


def torchvision_loads() -> bool:
    """Whether torchvision imports as it is, or with the operators that were declared."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        return False
    return True


def peer_network() -> Any:
    """TorchXRayVision's DenseNet-121 of 18 labels, whose answers are probabilities; the same weights each time."""
    torch.manual_seed(SEED)
    network = torchxrayvision().models.DenseNet(weights=None, apply_sigmoid=True)
    _fit_norms(network)
    return network.eval()


def _fit_norms(network: nn.Module) -> None:
    """Give every norm the statistics of some films."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain mean over the batches
    films = [cv2.resize(film(SIDE, SIDE, seed=seed), (224, 224)) for seed in range(FITTED_ON)]
    grey = torch.from_numpy(np.stack(films))[:, None]  # (n, 1, 224, 224)
    with torch.no_grad():
        network.train()((2 * grey - 1) * 1024)  # torchxrayvision.utils.normalize


def save_weights(network: nn.Module, path: Path) -> Path:
    """The weights as torch.save writes them."""
    torch.save(network.state_dict(), path)
    return path


def write_pack(weights: Path, out: Path) -> Path:
    """The same network as a pack: 224 x 224, cropped to a square, no measurements and so no gate by embedding."""
    labels = torchxrayvision().datasets.default_pathologies
    return import_published(weights, kind="torchxrayvision", name="random", out=out, labels=labels)
