"""Changes of a colour photograph that leave its subject what it is: section, size, proportions, turn, side, light."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from rakurs.training.augment import uniform

SMALLEST_SECTION = 0.6
"""Of the side of the photograph; the section that is shown lies anywhere within it."""

LARGEST_STRETCH = 4 / 3
LARGEST_TURN_DEGREES = 20.0
BRIGHTNESS, CONTRAST, SATURATION, TINT = 0.3, 0.3, 0.4, 0.1
"""By how much each may grow or shrink, as a share; the tint is of each channel by itself."""

LUMA = (0.299, 0.587, 0.114)
"""What each colour adds to the grey value (ITU-R BT.601)."""


def change_photographs(photographs: Tensor, *, generator: torch.Generator) -> Tensor:
    """Change a batch at random: float (n, channels, rows, columns) in 0..1 -> the same shape and range.

    The generator is the processor's, so that every device changes photographs alike.
    """
    return _light(_section(photographs, generator), generator)


def _section(photographs: Tensor, generator: torch.Generator) -> Tensor:
    """A random section, stretched, turned and mirrored; beyond the edge the photograph is reflected."""
    n = len(photographs)
    side = uniform(n, generator, low=SMALLEST_SECTION, high=1.0)
    stretch = torch.exp(uniform(n, generator, low=-1, high=1) * math.log(LARGEST_STRETCH) / 2)
    sides = torch.stack([side * stretch, side / stretch], 1).clamp(max=1)  # (n, 2): along, down
    place = uniform(2 * n, generator, low=-1, high=1).view(n, 2) * (1 - sides)
    mirror = torch.where(uniform(n, generator) < 0.5, -1.0, 1.0)
    turn = uniform(n, generator, low=-LARGEST_TURN_DEGREES, high=LARGEST_TURN_DEGREES) * math.pi / 180
    rotation = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    sides = torch.stack([sides[:, 0] * mirror, sides[:, 1]], 1)
    affine = torch.cat([rotation * sides[:, None, :], place[:, :, None]], 2).to(photographs.device)
    grid = functional.affine_grid(affine, list(photographs.shape), align_corners=False)
    return functional.grid_sample(photographs, grid, align_corners=False, padding_mode="reflection")


def _light(photographs: Tensor, generator: torch.Generator) -> Tensor:
    """Another brightness, contrast, saturation and tint, as cameras and skies differ."""
    n, channels = photographs.shape[:2]
    luma = torch.tensor(LUMA if channels == 3 else [1 / channels] * channels).view(1, channels, 1, 1)
    drawn = [_about_one(n, generator, by=by) for by in (BRIGHTNESS, CONTRAST, SATURATION)]
    tint = _about_one(n * channels, generator, by=TINT).view(n, channels, 1, 1)
    luma, tint, brightness, contrast, saturation = (part.to(photographs.device) for part in (luma, tint, *drawn))
    grey = (photographs * luma).sum(1, keepdim=True)
    coloured = grey + saturation * (photographs - grey)
    middle = grey.mean((2, 3), keepdim=True)
    return ((middle + contrast * (coloured - middle)) * brightness * tint).clamp(0, 1)


def _about_one(n: int, generator: torch.Generator, *, by: float) -> Tensor:
    return uniform(n, generator, low=1 - by, high=1 + by).view(n, 1, 1, 1)
