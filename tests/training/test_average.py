"""The average of a network's weights follows them slowly, and forgets where they began."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from rakurs.training.average import Average

pytestmark = pytest.mark.usefixtures("one_thread")


def moving(value: float) -> nn.Module:
    """A norm all of whose values are `value`, and whose count of batches is as large."""
    norm = nn.BatchNorm2d(2)
    with torch.no_grad():
        for held in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert held is not None
            held.fill_(value)
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.fill_(int(value))
    return norm


def test_each_step_weighs_the_weights_by_what_the_decay_leaves() -> None:
    """The decays of the first steps are 1/10, 2/11, 3/12, 4/13; then 0.3 is smaller than 5/14."""
    average, expected = Average(moving(0.0), decay=0.3), 0.0

    for value, decay in zip((1.0, 5.0, 2.0, 7.0, 3.0), (1 / 10, 2 / 11, 3 / 12, 0.3, 0.3), strict=True):
        average.follow(moving(value))
        expected = decay * expected + (1 - decay) * value

    for name, values in average.network.state_dict().items():
        wanted = 3 if name == "num_batches_tracked" else expected
        torch.testing.assert_close(values.double(), torch.full(values.shape, float(wanted)).double(), msg=name)


def test_the_network_itself_is_left_as_it_is() -> None:
    network = moving(1.0)

    average = Average(network, decay=0.9)
    average.follow(moving(4.0))

    assert network.state_dict()["weight"].tolist() == [1.0, 1.0]
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not average.network.training


def test_an_average_goes_on_from_what_was_kept() -> None:
    one, other = Average(moving(0.0), decay=0.99), Average(moving(9.0), decay=0.99)
    one.follow(moving(1.0))

    other.load(one.state())
    for average in (one, other):
        average.follow(moving(2.0))

    assert torch.equal(one.network.state_dict()["weight"], other.network.state_dict()["weight"])
