"""The exponential average of a network's weights, which is often better than the weights of any one step."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class Average:
    """A copy of a network whose weights, and statistics of norms, follow the network's slowly.

    The decay of step t (from 0) is at most (1 + t) / (10 + t): the weights that a training began
    with are soon forgotten, as in the moving averages of Tan & Le 2019.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        """Take one step towards the weights of a network; counts of norms are copied."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        mine, theirs = list(_values(self.network)), list(_values(network))
        torch._foreach_lerp_(
            [value for value in mine if value.is_floating_point()],
            [value for value in theirs if value.is_floating_point()],
            1 - decay,
        )
        for value, other in zip(mine, theirs, strict=True):
            if not value.is_floating_point():
                value.copy_(other)
        self.steps += 1

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.network.load_state_dict(state["network"])
        self.steps = state["steps"]


def _values(network: nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]
