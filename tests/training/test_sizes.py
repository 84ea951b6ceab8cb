"""What is counted on the real networks is what their papers and libraries say."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from rakurs.errors import TrainingError
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.sizes import longest_way, reading_ms, size_of
from tests.labelled import silent
from tests.training.networks import TINY

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("name", "layers", "weights"),
    [
        ("alexnet", 8, "AlexNet_Weights"),
        ("googlenet", 22, "GoogLeNet_Weights"),
        ("resnet-152", 152, "ResNet152_Weights"),
        ("densenet-121", 121, "DenseNet121_Weights"),
    ],
)
def test_layers_parameters_and_operations_are_those_of_the_paper_and_of_torchvision(
    reference_networks: Any, name: str, *, layers: int, weights: str
) -> None:
    told = getattr(reference_networks.models, weights).IMAGENET1K_V1.meta

    size = size_of(name, channels=3, labels=1000)

    assert size.layers == layers
    assert size.parameters == told["num_params"]
    assert size.memory_mib == pytest.approx(told["num_params"] * 4 / 2**20)
    assert size.gflop == pytest.approx(2 * told["_ops"], rel=0.01), "torchvision counts multiply-adds once"


def test_the_longest_way_counts_weighted_layers_and_takes_the_longer_branch() -> None:
    image = torch.zeros(1, 3, 8, 8)
    short, first, second = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
    merged = torch.relu(short(image) + second(nn.BatchNorm2d(4)(first(image))))

    assert longest_way(nn.Linear(4, 2)(merged.mean((2, 3)))) == 3
    assert longest_way(nn.Linear(4, 2, bias=False)(merged.mean((2, 3)))) == 3


def test_fewer_channels_and_labels_make_a_smaller_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    colour, grey = size_of("tiny", channels=3, labels=10), size_of("tiny", channels=1, labels=2)
    assert colour.parameters - grey.parameters == 2 * 4 * 9 + 8 * (6 + 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_reading_of_the_exported_file_is_timed(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    (spent,) = reading_ms(["tiny"], channels=channels, labels=3, progress=silent).values()
    assert 0 < spent < 10_000


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(TrainingError, match="There is no network 'vgg'"):
        size_of("vgg", channels=3, labels=1000)
