"""Independent networks to compare with, of torchvision and torchxrayvision, with random weights."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from tests.training.networks import shake_statistics


def torchvision_densenet(outputs: int) -> Any:
    """The DenseNet-121 of torchvision for three channels, ready to read; needs the fixture `reference_networks`."""
    torch.manual_seed(0)
    network = _installed("torchvision.models").densenet121(weights=None, num_classes=outputs)
    shake_statistics(network)
    return network.eval()


def torchxrayvision_densenet(outputs: int = 18) -> Any:
    """The DenseNet-121 of torchxrayvision for grey films, ready to read; needs the fixture `reference_networks`."""
    torch.manual_seed(0)
    network = _installed("torchxrayvision").models.DenseNet(weights=None, num_classes=outputs)
    shake_statistics(network)
    return network.eval()


def _installed(name: str) -> Any:
    """The module, or else the test is skipped."""
    pytest.importorskip(name.partition(".")[0], reason=f"{name} is not installed", exc_type=ImportError)
    return importlib.import_module(name)
