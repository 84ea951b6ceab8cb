"""DenseNet-121 is that of the paper: same names, same shapes and same answers as the networks of two libraries."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rakurs.training.densenet import densenet121_features
from tests.training.networks import farthest, noise
from tests.training.references import torchvision_densenet, torchxrayvision_densenet

pytestmark = pytest.mark.usefixtures("reference_networks", "one_thread")


@pytest.fixture(scope="module")
def grey() -> Any:
    return torchxrayvision_densenet()


@pytest.fixture(scope="module")
def coloured() -> Any:
    return torchvision_densenet(14)


def features_with_weights_of(reference: Any, channels: int) -> nn.Module:
    features, _ = densenet121_features(channels)
    features.load_state_dict(reference.features.state_dict(), strict=True)
    return features.eval()


def test_weights_have_the_names_and_shapes_of_torchvision(coloured: Any) -> None:
    features, _ = densenet121_features(3)
    ours = {name: tensor.shape for name, tensor in features.state_dict().items()}
    assert ours == {name: tensor.shape for name, tensor in coloured.features.state_dict().items()}


def test_it_has_as_many_parameters_as_torchvision_documents() -> None:
    features, width = densenet121_features(3)
    network = nn.ModuleList([features, nn.Linear(width, 1000)])
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_978_856


@pytest.mark.parametrize(("rows", "columns"), [(224, 224), (96, 160)])
@torch.inference_mode()
def test_the_last_map_is_that_of_torchvision_behind_its_relu(coloured: Any, *, rows: int, columns: int) -> None:
    images = torch.from_numpy(noise(1, 3, rows, columns))
    last, _ = features_with_weights_of(coloured, 3)(images)
    assert farthest(last.numpy(), torch.relu(coloured.features(images)).numpy()) < 1e-5


@torch.inference_mode()
def test_the_last_map_of_a_grey_film_is_that_of_torchxrayvision(grey: Any) -> None:
    films = torch.from_numpy(1024 * noise(2, 1, 224, 224).clip(-1, 1))
    last, _ = features_with_weights_of(grey, 1)(films)
    assert farthest(last.numpy(), torch.relu(grey.features(films)).numpy()) < 1e-5


@torch.inference_mode()
def test_stages_are_the_maps_of_the_four_dense_blocks(coloured: Any) -> None:
    images = torch.from_numpy(noise(1, 3, 224, 224))
    _, stages = features_with_weights_of(coloured, 3)(images)
    assert [tuple(maps.shape) for maps in stages] == [
        (1, 256, 56, 56),
        (1, 512, 28, 28),
        (1, 1024, 14, 14),
        (1, 1024, 7, 7),
    ]
    assert farthest(stages[0].numpy(), coloured.features[:5](images).numpy()) < 1e-5


def test_gradients_in_training_are_those_of_torchvision(coloured: Any) -> None:
    images = torch.from_numpy(noise(1, 3, 64, 64))
    features = features_with_weights_of(coloured, 3)
    torch.autograd.backward(features(images)[0].square().mean())
    coloured.zero_grad()
    torch.autograd.backward(torch.relu(coloured.features(images)).square().mean())
    stem = features.get_submodule("conv0").weight.grad
    assert isinstance(stem, torch.Tensor)
    assert farthest(stem.numpy(), coloured.features.conv0.weight.grad.numpy()) < 1e-4
