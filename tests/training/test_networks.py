"""Pretrained features take a grey film as they took its three equal channels, and end in one map per channel."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from rakurs.errors import TrainingError
from rakurs.task import Task
from rakurs.training.networks import NETWORKS, build_network
from tests.labelled import write_task

pytestmark = pytest.mark.usefixtures("one_thread")
NAME = "efficientnet-lite0"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path)


def test_an_unknown_network_is_refused_with_the_names_of_those_there_are(task: Task) -> None:
    with pytest.raises(TrainingError, match=f"no network 'resnet'; there are: {', '.join(NETWORKS)}"):
        build_network("resnet", task)


def test_a_network_gives_a_logit_for_each_label(task: Task) -> None:
    network = build_network(NAME, task).eval()

    with torch.inference_mode():
        logits = network(torch.rand(2, 1, 64, 64))

    assert logits.shape == (2, len(task.labels))


def test_a_grey_film_is_seen_as_its_three_equal_channels_were() -> None:
    grey, _ = NETWORKS[NAME](1)
    colour, _ = NETWORKS[NAME](3)
    film = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        (of_grey, stages), (of_colour, _) = (
            grey.eval()(film),
            colour.eval()(film.expand(2, 3, 64, 64)),
        )

    torch.testing.assert_close(of_grey, of_colour, rtol=1e-3, atol=1e-3)
    assert of_grey.shape == (2, NETWORKS[NAME](1)[1], 2, 2)
    assert of_grey.min() >= 0, "after its last ReLU"
    assert [maps.shape[2] for maps in stages] == sorted((maps.shape[2] for maps in stages), reverse=True)


def test_every_weight_is_trained(task: Task) -> None:
    network = build_network(NAME, task, dropout=0.3)

    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network.dropout.p == 0.3
