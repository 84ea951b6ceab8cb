"""Changes of a film that leave its findings as they are: position, size, proportions, side, exposure, sharpness."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_TURN_DEGREES = 8.0
SMALLEST_SCALE, LARGEST_SCALE = 0.85, 1.12
LARGEST_STRETCH = 1.2
LARGEST_SHIFT = 0.06
SMALLEST_RESOLUTION_PX = 112


def augment(films: Tensor, *, degradable: Tensor, degrade: float, generator: torch.Generator) -> Tensor:
    """Change a batch at random: float (n, channels, rows, columns) in 0..1 -> the same shape and range.

    `degradable` bool (n,): films sharper than the poorest source, which lose resolution with the
    probability `degrade`. The generator is the processor's, so that every device changes films alike.
    """
    films = _lose_resolution(films, chosen=degradable & (uniform(len(films), generator) < degrade), generator=generator)
    films = _move(films, generator)
    return _expose(films, generator)


def uniform(n: int, generator: torch.Generator, *, low: float = 0.0, high: float = 1.0) -> Tensor:
    """`n` random numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(n, generator=generator)


def _lose_resolution(films: Tensor, *, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Bring the chosen films down to one random resolution, and back."""
    size = films.shape[-1]
    if not chosen.any() or size <= SMALLEST_RESOLUTION_PX:
        return films
    low = int(torch.randint(SMALLEST_RESOLUTION_PX, size, (), generator=generator))
    chosen = chosen.to(films.device)
    small = functional.interpolate(films[chosen], size=(low, low), mode="bilinear", antialias=True)
    films = films.clone()
    films[chosen] = functional.interpolate(small, size=films.shape[-2:], mode="bilinear")
    return films


def _move(films: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale, stretch, shift and mirror; what comes in from outside is dark."""
    n = len(films)
    turn = uniform(n, generator, low=-LARGEST_TURN_DEGREES, high=LARGEST_TURN_DEGREES) * math.pi / 180
    scale = uniform(n, generator, low=1 / LARGEST_SCALE, high=1 / SMALLEST_SCALE)
    stretch = torch.exp(uniform(n, generator, low=-1, high=1) * math.log(LARGEST_STRETCH) / 2)
    mirror = torch.where(uniform(n, generator) < 0.5, -1.0, 1.0)
    rotation = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    sizes = torch.stack([scale * stretch * mirror, scale / stretch], 1)
    shift = uniform(2 * n, generator, low=-2 * LARGEST_SHIFT, high=2 * LARGEST_SHIFT).view(n, 2, 1)
    affine = torch.cat([rotation * sizes[:, None, :], shift], 2)
    grid = functional.affine_grid(affine.to(films.device), list(films.shape), align_corners=False)
    return functional.grid_sample(films, grid, align_corners=False, padding_mode="zeros")


def _expose(films: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma, contrast and brightness, as films of other machines and windows differ."""
    n = len(films)
    gamma = torch.exp(uniform(n, generator, low=-0.35, high=0.35))
    contrast = uniform(n, generator, low=0.8, high=1.2)
    brightness = uniform(n, generator, low=-0.08, high=0.08)
    gamma, contrast, brightness = (drawn.view(n, 1, 1, 1).to(films.device) for drawn in (gamma, contrast, brightness))
    return (films.clamp(1e-4, 1) ** gamma * contrast + brightness).clamp(0, 1)
