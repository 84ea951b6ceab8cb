"""The peer: TorchXRayVision as its README reads a film, and the library grad-cam for its heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from material.networks import torchxrayvision
from rakurs.study import FloatArray


class Peer:
    """TorchXRayVision's network with what stands around it in its README."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._library = torchxrayvision()
        datasets = self._library.datasets
        self._steps = (datasets.XRayCenterCrop(), datasets.XRayResizer(224))

    def prepared(self, path: Path) -> Tensor:
        """Read, crop and resize a film: (1, 1, 224, 224) in -1024..1024."""
        image = self._library.utils.load_image(str(path))  # (1, rows, columns)
        for step in self._steps:
            image = step(image)
        return torch.from_numpy(image)[None]

    def probabilities(self, path: Path) -> FloatArray:
        """From a file to (labels,)."""
        with torch.inference_mode():
            answer: FloatArray = self.network(self.prepared(path))[0].numpy()
        return answer


class WithLastRelu(nn.Module):
    """TorchXRayVision's network with its last ReLU as a layer, which grad-cam needs to look behind it.

    In the network it is a call. Aimed at the norm before it, grad-cam gives other maps.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.features, self.classifier, self.last = network.features, network.classifier, nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        """(n, 1, 224, 224) -> logits (n, labels)."""
        maps = self.last(self.features(image))
        logits: Tensor = self.classifier(maps.mean((2, 3)))
        return logits


def heat_maps_of(network: nn.Module, image: Tensor, *, labels: int, at_once: bool = False) -> FloatArray:
    """Grad-CAM by the library for (1, 1, 224, 224): (labels, 224, 224), each scaled to 0..1.

    A label at a time, as its README does, or all labels as one batch.
    """
    from pytorch_grad_cam import GradCAM  # noqa: PLC0415 - imports torchvision, which networks.py first makes importable
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: PLC0415

    aimed = WithLastRelu(network)
    targets = [ClassifierOutputTarget(label) for label in range(labels)]
    with GradCAM(model=aimed, target_layers=[aimed.last]) as cam:
        if at_once:
            return np.asarray(cam(input_tensor=image.expand(labels, -1, -1, -1), targets=targets))
        return np.concatenate([cam(input_tensor=image, targets=[target]) for target in targets])
