"""Augmentation keeps a film a film: its shape, its range and its place, the same for the same generator."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from rakurs.training.augment import SMALLEST_RESOLUTION_PX, augment

pytestmark = pytest.mark.usefixtures("one_thread")


def changed(films: Tensor, *, degradable: Tensor | None = None, degrade: float = 0.0, seed: int = 0) -> Tensor:
    none = torch.zeros(len(films), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    return augment(films, degradable=none if degradable is None else degradable, degrade=degrade, generator=generator)


def films(n: int = 6, *, channels: int = 1, rows: int = 40, columns: int = 40) -> Tensor:
    return torch.rand(n, channels, rows, columns, generator=torch.Generator().manual_seed(0))


def lines(n: int, side: int) -> Tensor:
    """Films of fine lines, one pixel bright and one dark."""
    return (torch.arange(side) % 2).float().expand(n, 1, side, side).clone()


def centre_of_mass(film: Tensor) -> tuple[float, float]:
    """(down, along) as fractions of the film's height and width, of what is brighter than half."""
    weight = (film[0] > 0.5).float()
    rows, columns = torch.meshgrid(*(torch.arange(side) + 0.5 for side in weight.shape), indexing="ij")
    total = weight.sum()
    return (
        float((rows * weight).sum() / total / weight.shape[0]),
        float((columns * weight).sum() / total / weight.shape[1]),
    )


@pytest.mark.parametrize(("n", "channels", "rows", "columns"), [(1, 1, 32, 32), (5, 3, 64, 48), (2, 1, 128, 128)])
def test_shape_and_range_stay(n: int, channels: int, *, rows: int, columns: int) -> None:
    before = films(n, channels=channels, rows=rows, columns=columns)

    after = changed(before, degradable=torch.ones(n, dtype=torch.bool), degrade=1.0)

    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert torch.isfinite(after).all()
    assert after.min() >= 0
    assert after.max() <= 1


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_a_film_of_one_extreme_grey_value_stays_in_range(grey: float) -> None:
    after = changed(torch.full((4, 1, 40, 40), grey))

    assert torch.isfinite(after).all()
    assert after.min() >= 0
    assert after.max() <= 1


def test_the_same_generator_gives_the_same_films() -> None:
    degradable = torch.ones(3, dtype=torch.bool)
    before = films(3, rows=128, columns=128)

    first, second = (changed(before, degradable=degradable, degrade=0.5, seed=4) for _ in range(2))

    assert torch.equal(first, second)


def test_torch_at_large_decides_nothing() -> None:
    torch.manual_seed(1)
    first = changed(films())
    torch.manual_seed(2)

    assert torch.equal(changed(films()), first)


def test_another_generator_gives_other_films() -> None:
    assert not torch.equal(changed(films(), seed=0), changed(films(), seed=1))


def test_films_of_a_batch_are_changed_each_in_its_own_way() -> None:
    same = films(1).expand(4, 1, 40, 40)

    after = changed(same)

    assert all(not torch.equal(after[0], other) for other in after[1:])


def test_the_films_given_are_left_as_they_were() -> None:
    before = films(4, rows=128, columns=128)
    kept = before.clone()

    changed(before, degradable=torch.ones(4, dtype=torch.bool), degrade=1.0)

    assert torch.equal(before, kept)


def test_only_degradable_films_lose_resolution() -> None:
    degradable = torch.tensor([True, False] * 6)

    after = changed(lines(12, 256), degradable=degradable, degrade=1.0, seed=3)

    sharpness = after.std((1, 2, 3))
    assert sharpness[degradable].max() < sharpness[~degradable].min()


def test_no_film_loses_resolution_where_none_is_degradable() -> None:
    n = 4
    before = films(n, rows=160, columns=160)

    after = changed(before, degradable=torch.zeros(n, dtype=torch.bool), degrade=1.0)

    assert torch.equal(after, changed(before, degradable=torch.ones(n, dtype=torch.bool), degrade=0.0))


def test_films_are_degraded_with_the_probability_that_was_asked_for() -> None:
    n = 60
    before = lines(n, SMALLEST_RESOLUTION_PX * 2)

    after = changed(before, degradable=torch.ones(n, dtype=torch.bool), degrade=0.3)

    soft = (after.std((1, 2, 3)) < changed(before).std((1, 2, 3)).min()).float().mean()
    assert 0.2 < soft < 0.4


def test_films_no_larger_than_the_poorest_source_lose_nothing() -> None:
    before = films(4, rows=SMALLEST_RESOLUTION_PX, columns=SMALLEST_RESOLUTION_PX)

    after = changed(before, degradable=torch.ones(4, dtype=torch.bool), degrade=1.0)

    assert torch.equal(after, changed(before))


def test_what_lies_at_the_centre_stays_near_it() -> None:
    film = torch.zeros(100, 1, 48, 48)
    film[:, :, 20:28, 20:28] = 1

    after = changed(film)

    centres = torch.tensor([centre_of_mass(each) for each in after])
    assert (centres - 0.5).abs().max() < 1 / 8
    assert (centres - 0.5).abs().max() > 1 / 48, "and is moved by more than a pixel"


def test_films_are_mirrored_half_of_the_time_and_never_stand_on_their_head() -> None:
    film = torch.zeros(200, 1, 48, 48)
    film[:, :, 8:16, 8:16] = 1  # above and to the left

    after = changed(film)

    centres = torch.tensor([centre_of_mass(each) for each in after])
    assert (centres[:, 0] < 0.5).all()
    assert 0.35 < (centres[:, 1] > 0.5).float().mean() < 0.65


def test_what_comes_in_from_outside_is_as_dark_as_a_dark_film() -> None:
    after = changed(torch.ones(50, 1, 40, 40))

    dark = changed(torch.zeros(50, 1, 40, 40))
    smallest = after.amin((1, 2, 3))
    assert (smallest <= dark.amax((1, 2, 3)) + 1e-6).any()
