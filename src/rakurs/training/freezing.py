"""Early layers that keep their weights: what a pretrained network knows of edges need not be learned again."""

from __future__ import annotations

from torch import nn


def freeze(network: nn.Module, *, share: float) -> None:
    """Let the first `share` of the convolutions of a network, with the norms around them, keep their weights."""
    layers = [module for module in network.modules() if list(module.parameters(recurse=False))]
    convolutions = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    frozen = int(share * len(convolutions))
    first = convolutions[frozen] if frozen else 0
    for place, layer in enumerate(layers):
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(place >= first)


def learn(network: nn.Module) -> None:
    """Set a network to learn, but the parts that are frozen to answer: their norms keep their statistics."""
    network.train()
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
