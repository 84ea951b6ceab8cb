"""Each network is its library's own: same size, same answers, and Grad-CAM as the grad-cam library computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.networks import ReadingNetwork, assemble
from tests.training.networks import farthest, noise, shake_statistics
from tests.training.references import torchxrayvision_densenet

pytestmark = pytest.mark.usefixtures("reference_networks", "one_thread")

LABELS = 1000
ASKED = (0, 7, 999)
"""Of the labels, those whose maps are compared."""

SIZES = {"alexnet": (127, 95), "inception-resnet-v2": (139, 107)}
"""Rows and columns that leave some places in the last map; 96 x 64 for the others."""

LAST_LAYERS = {
    "alexnet": "features.11",
    "googlenet": "inception5b",
    "resnet-152": "layer4",
    "inception-resnet-v2": "conv2d_7b",
}
"""Where the library's network ends its last map; those of the others are compared in test_grad_cam.py."""

PARAMETERS = {
    "alexnet": 61_100_840,
    "googlenet": 6_624_904,
    "resnet-152": 60_192_808,
    "inception-resnet-v2": 55_843_464,
    "densenet-121": 7_978_856,
    "efficientnet-lite0": 4_652_008,
}
"""For colour and 1000 labels, as torchvision ("num_params"), timm's results (55.84 M) and TensorFlow (4.7 M) say."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network of ours, what its library's own answers `images`, and that library's maps where there are some."""

    name: str
    ours: ReadingNetwork
    images: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32] | None


@pytest.fixture(scope="module", params=ARCHITECTURES)
def case(request: pytest.FixtureRequest) -> Case:
    name = request.param
    architecture = ARCHITECTURES[name]
    torch.manual_seed(0)
    made = architecture.make()
    shake_statistics(made)
    made.eval()
    images = noise(2, 3, *SIZES.get(name, (96, 64)))
    with torch.no_grad():
        logits = made(torch.from_numpy(images)).numpy()
    maps = by_grad_cam_library(made, images, layer=LAST_LAYERS[name]) if name in LAST_LAYERS else None
    last_layer = made.get_submodule(architecture.classifier).state_dict()
    ours = assemble(architecture, made, channels=3, labels=LABELS)
    (ours.head if isinstance(ours.head, nn.Linear) else ours.head.get_submodule("layers.2")).load_state_dict(last_layer)
    return Case(name=name, ours=ours.eval(), images=images, logits=logits, maps=maps)


def by_grad_cam_library(network: Any, images: npt.NDArray[np.float32], *, layer: str) -> npt.NDArray[np.float32]:
    """The maps of pytorch-grad-cam before their ReLU, of the labels `ASKED`: (n, 3, h, w)."""
    library = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    maps: list[npt.NDArray[np.float32]] = []
    with library.GradCAM(model=network, target_layers=[network.get_submodule(layer)]) as cam:
        for label in ASKED:
            logits = cam.activations_and_grads(torch.from_numpy(images).requires_grad_())
            network.zero_grad()
            logits[:, label].sum().backward()
            activations, gradients = (
                found[0].numpy()
                for found in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
            )
            maps.append(cam.get_cam_image(images, cam.target_layers[0], None, activations, gradients, False))
    return np.stack(maps, 1).astype(np.float32)


def test_logits_are_those_of_the_library(case: Case) -> None:
    with torch.inference_mode():
        logits = case.ours(torch.from_numpy(case.images)).numpy()
    assert farthest(logits, case.logits) < 1e-5


def test_maps_in_closed_form_are_those_of_the_grad_cam_library(case: Case) -> None:
    if case.maps is None:
        pytest.skip("compared in test_grad_cam.py")
    with torch.inference_mode():
        logits, maps = case.ours.read(torch.from_numpy(case.images))
    places = maps.shape[2] * maps.shape[3]
    assert farthest(logits.numpy(), case.logits) < 1e-5
    assert farthest((maps / places).numpy()[:, ASKED], case.maps) < 1e-4


def test_it_has_as_many_parameters_as_is_published(case: Case) -> None:
    assert sum(parameter.numel() for parameter in case.ours.parameters()) == PARAMETERS[case.name]


@torch.inference_mode()
def test_the_smallest_input_reaches_the_end_and_no_smaller_one_does(case: Case) -> None:
    smallest = ARCHITECTURES[case.name].smallest_px
    assert case.ours(torch.zeros(1, 3, smallest, smallest)).shape == (1, LABELS)
    if smallest > 1:
        with pytest.raises(RuntimeError):
            case.ours(torch.zeros(1, 3, smallest - 1, smallest - 1))


@torch.inference_mode()
def test_the_last_map_has_no_negative_value_and_stages_become_coarser(case: Case) -> None:
    last, stages = case.ours.features(torch.from_numpy(case.images))
    heights = [maps.shape[2] for maps in stages]
    assert last.min() >= 0
    assert heights == sorted(heights, reverse=True)
    assert len(stages) > 3, "those in the middle describe an image"


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "densenet-121", "efficientnet-lite0"])
@torch.inference_mode()
def test_a_grey_film_is_seen_as_its_three_equal_channels_were(name: str) -> None:
    films = torch.from_numpy(noise(1, 1, 64, 64))
    answers = []
    for channels in (1, 3):
        torch.manual_seed(0)
        network = assemble(ARCHITECTURES[name], ARCHITECTURES[name].make(), channels=channels, labels=3)
        answers.append(network.eval().features(films.expand(1, channels, 64, 64))[0].numpy())
    assert farthest(answers[0], answers[1]) < 1e-3


@torch.inference_mode()
def test_the_last_map_of_a_grey_film_is_that_of_torchxrayvision() -> None:
    grey = torchxrayvision_densenet()
    films = torch.from_numpy(1024 * noise(2, 1, 224, 224).clip(-1, 1))
    ours = assemble(ARCHITECTURES["densenet-121"], ARCHITECTURES["densenet-121"].make(), channels=1, labels=3)
    ours.features.load_state_dict(grey.features.state_dict(), strict=True)
    last, _ = ours.eval().features(films)
    assert farthest(last.numpy(), torch.relu(grey.features(films)).numpy()) < 1e-5
