"""Values stay as they were made, and a heat map knows whether it says anything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rakurs.study import HeatMap, Image, Source

SOURCE = Source(format="PNG", rows=4, columns=3, bits=8, sha256="0" * 64)


def test_a_heat_map_of_zeros_is_empty() -> None:
    heat_map = HeatMap(values=np.zeros((4, 3), np.float32), rows=40, columns=30)

    assert heat_map.empty


def test_a_heat_map_with_one_warm_cell_is_not_empty() -> None:
    values = np.zeros((4, 3), np.float32)
    values[3, 2] = 1e-6

    heat_map = HeatMap(values=values, rows=40, columns=30)

    assert not heat_map.empty


@pytest.mark.parametrize("value", [SOURCE, Image(pixels=np.zeros((4, 3), np.float32), source=SOURCE)])
def test_values_cannot_be_changed(value: Source | Image) -> None:
    field = dataclasses.fields(value)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)


def test_an_image_is_compared_as_a_thing_and_not_pixel_by_pixel() -> None:
    pixels = np.zeros((4, 3), np.float32)

    one, other = Image(pixels=pixels, source=SOURCE), Image(pixels=pixels, source=SOURCE)

    assert one == one  # noqa: PLR0124 - that it answers at all is the point
    assert one != other
