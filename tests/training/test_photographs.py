"""Changes of photographs keep their shape, range, uprightness and nearly their colours."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from rakurs.training.photographs import change_photographs

pytestmark = pytest.mark.usefixtures("one_thread")


def changed(photographs: Tensor, *, seed: int = 0) -> Tensor:
    return change_photographs(photographs, generator=torch.Generator().manual_seed(seed))


def photographs(n: int = 6, *, channels: int = 3, rows: int = 40, columns: int = 48) -> Tensor:
    return torch.rand(n, channels, rows, columns, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_range_stay(channels: int) -> None:
    before = photographs(channels=channels)
    kept = before.clone()

    after = changed(before)

    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert torch.isfinite(after).all()
    assert after.min() >= 0
    assert after.max() <= 1
    assert torch.equal(before, kept)


def test_the_same_generator_gives_the_same_photographs_whatever_torch_does_at_large() -> None:
    torch.manual_seed(1)
    first = changed(photographs())
    torch.manual_seed(2)

    assert torch.equal(changed(photographs()), first)
    assert not torch.equal(changed(photographs(), seed=1), first)


def test_photographs_of_a_batch_are_changed_each_in_its_own_way() -> None:
    after = changed(photographs(1).expand(5, 3, 40, 48))

    assert all(not torch.equal(after[0], other) for other in after[1:])


def test_a_grey_photograph_gets_no_colour_but_its_tint() -> None:
    grey = photographs(1, channels=1).expand(50, 3, 40, 48) * 0.6

    after = changed(grey)

    ratio = after.mean((2, 3)).amax(1) / after.mean((2, 3)).amin(1)
    assert (ratio < 1.1 / 0.9 + 1e-3).all()


def test_red_stays_red() -> None:
    red = torch.zeros(50, 3, 32, 32)
    red[:, 0], red[:, 1] = 0.7, 0.2

    after = changed(red).mean((2, 3))

    assert (after.argmax(1) == 0).all()
    assert after[:, 0].std() > 0.05, "and its light differs"


def test_what_is_above_stays_above_and_half_are_mirrored() -> None:
    """Blue above and to the left; a section of at least half of each side shows where it lies."""
    sky = torch.zeros(200, 3, 48, 48)
    sky[:, 2, :24] = 1.0
    left = torch.zeros(200, 3, 48, 48)
    left[:, 2, :, :24] = 1.0

    above = changed(sky)[:, 2]
    beside = changed(left)[:, 2]

    assert (above[:, :24].mean((1, 2)) >= above[:, 24:].mean((1, 2))).float().mean() > 0.99
    assert 0.35 < (beside[..., :24].mean((1, 2)) < beside[..., 24:].mean((1, 2))).float().mean() < 0.65
