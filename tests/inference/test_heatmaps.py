"""What a network saw in its input is shown at its place in the original image, and nowhere else."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rakurs.inference.heatmaps import GRID, onto_image, stretch
from rakurs.inference.preprocess import fit
from rakurs.study import FloatArray, Frame, Image, Source
from rakurs.task import Preprocess

Fit = Literal["pad", "crop"]
SIDE, CELLS = 64, 8
PORTRAIT, LANDSCAPE, SQUARE = (300, 170), (150, 260), (200, 200)


def preprocess(how: Fit) -> Preprocess:
    return Preprocess(channels=1, rows=SIDE, columns=SIDE, fit=how, mean=[0.5], std=[0.25])


def image_of(pixels: npt.NDArray[np.floating]) -> Image:
    source = Source(format="PNG", rows=pixels.shape[0], columns=pixels.shape[1], bits=8, sha256="0" * 64)
    return Image(pixels=np.asarray(pixels, np.float32), source=source)


def frame_of(size: tuple[int, int], how: Fit) -> Frame:
    return fit(image_of(np.zeros(size)), preprocess(how))[1]


def seen_by_a_network(image: Image, how: Fit) -> tuple[FloatArray, Frame]:
    """A "network" whose map is the mean grey value of each of 8 x 8 blocks of its input: (1, 8, 8)."""
    fitted, frame = fit(image, preprocess(how))
    block = SIDE // CELLS
    return fitted.reshape(1, CELLS, block, CELLS, block).mean((2, 4)), frame


def cell_size(frame: Frame) -> tuple[float, float]:
    """The height and width of one cell of the map, in pixels of the original."""
    return frame.rows / frame.height / CELLS, frame.columns / frame.width / CELLS


def seen_part(frame: Frame) -> tuple[float, float, float, float]:
    """The first and last row and column of the original that the input holds."""
    first_row, first_column = -frame.top / frame.height * frame.rows, -frame.left / frame.width * frame.columns
    return (
        max(0.0, first_row),
        min(float(frame.rows), first_row + frame.rows / frame.height),
        max(0.0, first_column),
        min(float(frame.columns), first_column + frame.columns / frame.width),
    )


def centre_of_mass(values: FloatArray) -> tuple[float, float]:
    rows, columns = np.indices(values.shape) + 0.5
    return float(np.average(rows, weights=values)), float(np.average(columns, weights=values))


@pytest.mark.parametrize("how", ["pad", "crop"])
@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE, SQUARE], ids=["portrait", "landscape", "square"])
@settings(deadline=None, max_examples=20)
@given(down=st.floats(0, 1), along=st.floats(0, 1))
def test_a_bright_square_is_found_where_it_lies_in_the_original(
    how: Fit, size: tuple[int, int], *, down: float, along: float
) -> None:
    frame = frame_of(size, how)
    first_row, last_row, first_column, last_column = seen_part(frame)
    square = 20
    top = round(np.ceil(first_row) + down * (np.floor(last_row) - square - np.ceil(first_row)))
    left = round(np.ceil(first_column) + along * (np.floor(last_column) - square - np.ceil(first_column)))
    pixels = np.zeros(size)
    pixels[top : top + square, left : left + square] = 1

    (heat_map,) = onto_image(*seen_by_a_network(image_of(pixels), how))

    row, column = centre_of_mass(stretch(heat_map))
    height, width = cell_size(frame)
    assert abs(row - (top + square / 2)) < height
    assert abs(column - (left + square / 2)) < width


@pytest.mark.parametrize("how", ["pad", "crop"])
@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE, (301, 97), (1, 400)])
def test_a_map_covers_the_original_exactly(how: Fit, size: tuple[int, int]) -> None:
    (heat_map,) = onto_image(np.ones((1, CELLS, CELLS), np.float32), frame_of(size, how))

    assert (heat_map.rows, heat_map.columns) == size
    assert max(heat_map.values.shape) == GRID
    assert heat_map.values.shape == (
        max(1, round(GRID * size[0] / max(size))), max(1, round(GRID * size[1] / max(size))),
    )  # fmt: skip
    assert stretch(heat_map).shape == size


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE])
def test_an_even_map_is_even_over_the_whole_padded_image(size: tuple[int, int]) -> None:
    (heat_map,) = onto_image(np.full((1, CELLS, CELLS), 0.7, np.float32), frame_of(size, "pad"))

    np.testing.assert_allclose(stretch(heat_map), 0.7, rtol=1e-5)


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE])
def test_the_border_that_a_crop_hid_is_dark_and_the_rest_is_even(size: tuple[int, int]) -> None:
    frame = frame_of(size, "crop")

    (heat_map,) = onto_image(np.full((1, CELLS, CELLS), 0.7, np.float32), frame)

    first_row, last_row, first_column, last_column = seen_part(frame)
    margin = max(size) / GRID  # one cell of the answer, over which the edge is drawn
    rows, columns = np.indices(size) + 0.5
    inside = np.minimum(
        np.minimum(rows - first_row, last_row - rows) if last_row - first_row < size[0] else np.inf,
        np.minimum(columns - first_column, last_column - columns) if last_column - first_column < size[1] else np.inf,
    )
    shown = stretch(heat_map)
    assert (inside < -margin).any()
    np.testing.assert_array_equal(shown[inside < -margin], 0)
    np.testing.assert_allclose(shown[inside > margin], 0.7, rtol=1e-5)


def test_what_a_network_sees_in_the_padding_is_not_shown() -> None:
    values = np.zeros((1, CELLS, CELLS), np.float32)
    values[0, 0] = values[0, -1] = 1  # above and below a film of 2 : 1, which covers the rows 2 to 5

    (heat_map,) = onto_image(values, frame_of((100, 200), "pad"))

    assert heat_map.empty


def test_values_keep_their_unit() -> None:
    values = np.zeros((1, CELLS, CELLS), np.float32)
    values[0, 2:5, 3:6] = 12.5

    (heat_map,) = onto_image(values, frame_of(SQUARE, "pad"))

    assert heat_map.values.dtype == np.float32
    assert heat_map.values.max() == pytest.approx(12.5, rel=1e-5)


@pytest.mark.parametrize("how", ["pad", "crop"])
def test_an_empty_map_stays_empty(how: Fit) -> None:
    (heat_map,) = onto_image(np.zeros((1, CELLS, CELLS), np.float32), frame_of(PORTRAIT, how))

    assert heat_map.empty
    assert not stretch(heat_map).any()


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 90), columns=st.integers(1, 90), cells=st.integers(1, 9), how=st.sampled_from(["pad", "crop"])
)
def test_values_become_neither_negative_nor_larger(rows: int, columns: int, *, cells: int, how: Fit) -> None:
    values = np.random.default_rng(rows * columns).random((2, cells, cells + 1), np.float32)

    heat_maps = onto_image(values, frame_of((rows, columns), how))

    for before, heat_map in zip(values, heat_maps, strict=True):
        shown = stretch(heat_map)
        assert min(heat_map.values.min(), shown.min()) >= 0
        assert max(heat_map.values.max(), shown.max()) <= before.max() + 1e-5


def test_maps_come_in_the_order_of_the_labels() -> None:
    values = np.zeros((3, CELLS, CELLS), np.float32)
    values[1, 0, 0] = 1

    heat_maps = onto_image(values, frame_of(SQUARE, "pad"))

    assert [heat_map.empty for heat_map in heat_maps] == [True, False, True]
    assert heat_maps[1].values[0, 0] == pytest.approx(1)
    assert not heat_maps[1].values[GRID // 2 :].any()


def test_between_the_centres_of_cells_a_map_is_linear() -> None:
    ramp = np.tile(np.arange(CELLS, dtype=np.float32), (CELLS, 1))[None]

    (heat_map,) = onto_image(ramp, frame_of(SQUARE, "pad"))

    expected = np.clip((np.arange(GRID) + 0.5) / GRID * CELLS - 0.5, 0, CELLS - 1)
    np.testing.assert_allclose(heat_map.values[GRID // 2], expected, atol=1e-5)
