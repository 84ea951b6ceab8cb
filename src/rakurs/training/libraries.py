"""The one place where torchvision, and what is built on it, is imported.

Beside a CPU-only torch, pip may install the torchvision that was built for CUDA. Its compiled operators then do
not load, and its import fails because two of them are unknown. Declaring those two is enough for networks and
transforms. Nothing is declared where torchvision imports by itself.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from rakurs.errors import TrainingError

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Of torchvision, which its import asks for."""

_declared: list[torch.library.Library] = []
"""A declaration is in force for as long as it is held."""


def library(name: str) -> Any:
    """Import a module of torchvision, or of a library that imports torchvision, and give it.

    Raises:
        TrainingError: it is not installed.
    """
    try:
        _mend_torchvision()
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is not installed; install the extra: pip install 'rakurs[train]'.") from None


def _mend_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        declared = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in OPERATORS:
            declared.define(operator)  # type: ignore[no-untyped-call]
        _declared.append(declared)
        importlib.import_module("torchvision")
