"""The one way into the network: proportions kept, centred, the same at every resolution, and the way back known."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rakurs.errors import UsageError
from rakurs.inference.preprocess import fit, normalise, prepare
from rakurs.study import FloatArray, Image, Source
from rakurs.task import Preprocess

Fit = Literal["pad", "crop"]
ROWS, COLUMNS = 48, 64


def preprocess(how: Fit = "pad", *, channels: Literal[1, 3] = 1) -> Preprocess:
    return Preprocess(
        channels=channels, rows=ROWS, columns=COLUMNS, fit=how, mean=[0.5] * channels, std=[0.25] * channels
    )


def image_of(pixels: npt.NDArray[np.number], *, rows: int | None = None, columns: int | None = None) -> Image:
    """An image of these pixels, which were decoded from `rows` x `columns` where those are given."""
    source = Source(
        format="PNG", rows=rows or pixels.shape[0], columns=columns or pixels.shape[1], bits=8, sha256="0" * 64
    )
    return Image(pixels=np.ascontiguousarray(pixels, np.float32), source=source)


def film_at(rows: int, columns: int) -> FloatArray:
    """One smooth film, sampled as a detector of so many pixels would: each is the mean over its area."""
    fine = 2
    y, x = np.mgrid[0 : 1 : rows * fine * 1j, 0 : 1 : columns * fine * 1j]
    lungs = np.exp(-30 * ((np.abs(x - 0.5) - 0.22) ** 2 + 0.3 * (y - 0.45) ** 2))
    values = 0.2 + 0.7 * lungs + 0.05 * np.sin(14 * y + 5 * x)
    return block_means(values, fine)


def block_means(values: npt.NDArray[np.floating], factor: int) -> FloatArray:
    rows, columns = values.shape[0] // factor, values.shape[1] // factor
    return np.asarray(values.reshape(rows, factor, columns, factor).mean((1, 3)), np.float32)


def bilinear(values: FloatArray, *, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Enlarged by `numpy.interp` between pixel centres, down the columns and then along the rows."""
    at_rows = (np.arange(rows) + 0.5) * values.shape[0] / rows - 0.5
    at_columns = (np.arange(columns) + 0.5) * values.shape[1] / columns - 0.5
    tall = np.array([np.interp(at_rows, np.arange(values.shape[0]), column) for column in values.T]).T
    return np.array([np.interp(at_columns, np.arange(values.shape[1]), row) for row in tall])


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [
        (96, 128, (0, 0, 48, 64)),
        (200, 100, (0, 20, 48, 24)),
        (100, 200, (8, 0, 32, 64)),
        (97, 61, (0, 17, 48, 30)),
        (61, 97, (4, 0, 40, 64)),
        (7, 500, (23, 0, 1, 64)),
        (1000, 3, (0, 31, 48, 1)),
        (24, 20, (0, 12, 48, 40)),
        (1, 1, (0, 8, 48, 48)),
    ],
)
def test_a_padded_image_lies_whole_and_centred_on_dark_ground(
    rows: int, columns: int, *, box: tuple[int, int, int, int]
) -> None:
    fitted, frame = fit(image_of(np.ones((rows, columns))), preprocess("pad"))

    top, left, height, width = box
    expected = np.zeros((1, ROWS, COLUMNS), np.float32)
    expected[:, top : top + height, left : left + width] = 1
    np.testing.assert_allclose(fitted, expected, atol=1e-6)
    assert (frame.rows, frame.columns) == (rows, columns)
    assert (frame.top * ROWS, frame.left * COLUMNS) == pytest.approx((top, left))
    assert (frame.height * ROWS, frame.width * COLUMNS) == pytest.approx((height, width))


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [
        (96, 128, (0, 0, 48, 64)),
        (200, 100, (-40, 0, 128, 64)),
        (100, 200, (0, -16, 48, 96)),
        (61, 97, (0, -6, 48, 76)),
        (7, 500, (0, -1682, 48, 3429)),
        (500, 7, (-2262, 0, 4571, 64)),
        (24, 20, (-15, 0, 77, 64)),
    ],
)
def test_a_cropped_image_fills_the_input_and_stands_over_alike_on_both_sides(
    rows: int, columns: int, *, box: tuple[int, int, int, int]
) -> None:
    fitted, frame = fit(image_of(np.ones((rows, columns))), preprocess("crop"))

    np.testing.assert_allclose(fitted, np.ones((1, ROWS, COLUMNS)), atol=1e-6)
    assert (frame.top * ROWS, frame.left * COLUMNS) == pytest.approx(box[:2], abs=1)
    assert (frame.height * ROWS, frame.width * COLUMNS) == pytest.approx(box[2:])


@pytest.mark.parametrize("how", ["pad", "crop"])
def test_an_image_of_the_inputs_size_is_left_as_it_is(how: Fit) -> None:
    pixels = np.random.default_rng(0).random((ROWS, COLUMNS), np.float32)

    fitted, frame = fit(image_of(pixels), preprocess(how))

    np.testing.assert_array_equal(fitted[0], pixels)
    assert (frame.top, frame.left, frame.height, frame.width) == (0, 0, 1, 1)


def test_shrinking_averages_over_areas() -> None:
    pixels = np.random.default_rng(0).random((ROWS * 5, COLUMNS * 5), np.float32)

    fitted, _ = fit(image_of(pixels), preprocess())

    np.testing.assert_allclose(fitted[0], block_means(pixels, 5), atol=1e-6)


def test_enlarging_is_bilinear_between_pixel_centres() -> None:
    pixels = np.random.default_rng(0).random((12, 16), np.float32)

    fitted, _ = fit(image_of(pixels), preprocess())

    np.testing.assert_allclose(fitted[0], bilinear(pixels, rows=ROWS, columns=COLUMNS), atol=1e-6)


@pytest.mark.parametrize("how", ["pad", "crop"])
@pytest.mark.parametrize(("rows", "columns"), [(120, 100), (90, 151)])
def test_the_same_film_gives_the_same_input_at_every_resolution(how: Fit, rows: int, *, columns: int) -> None:
    once, twice, four_times = (
        fit(image_of(film_at(rows * factor, columns * factor)), preprocess(how)) for factor in (1, 2, 4)
    )

    assert np.abs(once[0] - twice[0]).max() < 0.01
    assert np.abs(once[0] - four_times[0]).max() < 0.01
    np.testing.assert_allclose(once[1].height, four_times[1].height)
    np.testing.assert_allclose(once[1].width, four_times[1].width)


@pytest.mark.parametrize("how", ["pad", "crop"])
def test_fewer_decoded_pixels_than_the_file_has_give_the_same_frame_and_input(how: Fit) -> None:
    rows, columns = 401, 333
    whole = image_of(film_at(rows, columns))
    reduced = image_of(film_at(201, 167), rows=rows, columns=columns)

    of_whole, of_reduced = fit(whole, preprocess(how)), fit(reduced, preprocess(how))

    assert of_reduced[1] == of_whole[1]
    assert np.abs(of_reduced[0] - of_whole[0]).max() < 0.01


@settings(deadline=None, max_examples=60)
@given(rows=st.integers(1, 200), columns=st.integers(1, 200), how=st.sampled_from(["pad", "crop"]))
def test_the_frame_says_where_in_the_image_each_pixel_of_the_input_lies(rows: int, columns: int, *, how: Fit) -> None:
    """Each pixel holds its own place, so that the input must show the place which the frame gives."""
    down, along = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    places = [np.repeat(down[:, None], columns, 1), np.repeat(along[None], rows, 0)]

    (of_rows, frame), (of_columns, _) = (fit(image_of(place), preprocess(how)) for place in places)

    expected_rows = ((np.arange(ROWS) + 0.5) / ROWS - frame.top) / frame.height
    expected_columns = ((np.arange(COLUMNS) + 0.5) / COLUMNS - frame.left) / frame.width
    covered = np.ix_(abs(expected_rows - 0.5) < 0.5, abs(expected_columns - 0.5) < 0.5)
    shown_rows, shown_columns = of_rows[0][covered], of_columns[0][covered]
    assert shown_rows.size
    assert np.abs(shown_rows - expected_rows[covered[0]]).max() <= 0.5 / rows + 1e-4
    assert np.abs(shown_columns - expected_columns[covered[1].ravel()]).max() <= 0.5 / columns + 1e-4


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(1, 150), columns=st.integers(1, 150), how=st.sampled_from(["pad", "crop"]))
def test_grey_values_stay_within_0_and_1(rows: int, columns: int, *, how: Fit) -> None:
    noise = np.random.default_rng(rows * 1000 + columns).integers(0, 2, (rows, columns))

    fitted, _ = fit(image_of(noise), preprocess(how))

    assert fitted.dtype == np.float32
    assert fitted.shape == (1, ROWS, COLUMNS)
    assert fitted.min() >= 0
    assert fitted.max() <= 1 + 1e-6


def test_a_grey_image_fills_every_channel() -> None:
    pixels = np.random.default_rng(0).random((96, 128), np.float32)

    fitted, _ = fit(image_of(pixels), preprocess(channels=3))

    assert fitted.shape == (3, ROWS, COLUMNS)
    for channel in fitted:
        np.testing.assert_allclose(channel, block_means(pixels, 2), atol=1e-6)


@pytest.mark.parametrize("how", ["pad", "crop"])
def test_a_colour_image_keeps_the_order_of_its_channels(how: Fit) -> None:
    pixels = np.ones((60, 200, 3)) * [0.9, 0.5, 0.1]

    fitted, _ = fit(image_of(pixels), preprocess(how, channels=3))

    assert fitted.shape == (3, ROWS, COLUMNS)
    np.testing.assert_allclose(fitted[:, ROWS // 2, COLUMNS // 2], [0.9, 0.5, 0.1], atol=1e-6)
    assert fitted.flags.c_contiguous


def test_a_colour_image_does_not_fill_a_grey_input() -> None:
    with pytest.raises(UsageError, match="colour image cannot fill a grey input"):
        fit(image_of(np.ones((60, 60, 3))), preprocess())


def test_normalising_is_by_channel() -> None:
    declared = Preprocess(channels=3, rows=32, columns=32, fit="pad", mean=[0.1, 0.2, 0.3], std=[0.5, 1.0, 2.0])

    normalised = normalise(np.full((3, 32, 32), 0.4, np.float32), declared)

    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised[:, 0, 0], [0.6, 0.2, 0.05], rtol=1e-6)


def test_preparing_is_fitting_and_normalising() -> None:
    image = image_of(film_at(97, 61))

    prepared, frame = prepare(image, preprocess())

    fitted, expected_frame = fit(image, preprocess())
    np.testing.assert_allclose(prepared, (fitted - 0.5) / 0.25, atol=1e-6)
    assert frame == expected_frame
