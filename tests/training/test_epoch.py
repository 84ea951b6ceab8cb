"""Batches are drawn once each, mixed by one share for film and truth, and learned from at the rate of the stage."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from rakurs.task import Preprocess
from rakurs.training.epoch import as_input, mixed, optimizer_of
from rakurs.training.recipe import Recipe, Stage
from tests.training.networks import small_network

pytestmark = pytest.mark.usefixtures("one_thread")

N, LABELS = 8, 3
STAGE = Stage(rows_columns=32, epochs=1, batch=4, learning_rate=1e-3)


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Films, truth and offsets that say in each value which film of the batch they are of."""
    number = torch.arange(N).float()
    return number.view(N, 1, 1, 1).expand(N, 1, 2, 2), number[:, None].repeat(1, LABELS), number[:, None] / 2


def test_a_film_its_truth_and_its_offset_are_mixed_by_one_share() -> None:
    films, truth, offsets = mixed(batch(), alpha=0.4, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(films[:, 0, 0, 0], truth[:, 0])
    torch.testing.assert_close(offsets[:, 0], truth[:, 0] / 2)
    assert not torch.equal(truth, batch()[1])
    torch.testing.assert_close(films.amin((1, 2, 3)), films.amax((1, 2, 3)))
    assert (films >= 0).all()
    assert (films <= N - 1).all()


def test_the_same_generator_mixes_alike() -> None:
    one, other = (mixed(batch(), alpha=0.4, generator=torch.Generator().manual_seed(5))[0] for _ in range(2))

    assert torch.equal(one, other)


def test_films_are_normalised_as_reading_normalises_them() -> None:
    films = torch.rand(2, 3, 4, 5)
    preprocess = Preprocess(channels=3, rows=32, columns=32, fit="pad", mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7])

    given = as_input(films, preprocess)

    mean, std = (np.array(values, np.float32)[:, None, None] for values in (preprocess.mean, preprocess.std))
    np.testing.assert_allclose(given.numpy(), (films.numpy() - mean) / std, rtol=1e-6)
    assert given.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_the_optimizer_learns_what_is_not_frozen(name: str, kind: type[torch.optim.Optimizer]) -> None:
    network = small_network()
    for parameter in network.features.parameters():
        parameter.requires_grad_(False)
    recipe = Recipe(network="small", optimizer=name, weight_decay=0.3, stages=[STAGE])  # type: ignore[arg-type]

    optimizer = optimizer_of(recipe, network)

    assert isinstance(optimizer, kind)
    assert isinstance(network.head, nn.Linear)
    learned = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert learned == [id(network.head.weight), id(network.head.bias)]
    assert optimizer.param_groups[0]["weight_decay"] == 0.3
