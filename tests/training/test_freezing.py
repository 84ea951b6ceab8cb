"""Frozen layers neither learn nor change their statistics; the others do."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from rakurs.training.freezing import freeze, learn

pytestmark = pytest.mark.usefixtures("one_thread")


def layers() -> nn.Sequential:
    """Four convolutions, a norm behind each."""
    return nn.Sequential(
        *(nn.Sequential(nn.Conv2d(1, 1, kernel_size=1), nn.BatchNorm2d(1), nn.Dropout(0.5)) for _ in range(4))
    )


def learning(network: nn.Sequential) -> list[bool]:
    return [all(parameter.requires_grad for parameter in block.parameters()) for block in network]


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, [True] * 4),
        (0.24, [True] * 4),
        (0.25, [False, True, True, True]),
        (0.6, [False, False, True, True]),
        (0.99, [False, False, False, True]),
    ],
)
def test_the_first_share_of_the_convolutions_is_frozen_with_their_norms(share: float, expected: list[bool]) -> None:
    network = layers()

    freeze(network, share=share)

    assert learning(network) == expected


def test_what_was_frozen_learns_again_when_the_next_stage_freezes_less() -> None:
    network = layers()
    freeze(network, share=0.75)

    freeze(network, share=0.0)

    assert learning(network) == [True] * 4


def test_frozen_blocks_answer_while_the_others_learn() -> None:
    network = layers()
    freeze(network, share=0.5)

    learn(network)
    network(torch.ones(2, 1, 2, 2))

    assert [block.training for block in network] == [False, False, True, True]
    counts = [int(values) for name, values in network.state_dict().items() if name.endswith("num_batches_tracked")]
    assert counts == [0, 0, 1, 1]
