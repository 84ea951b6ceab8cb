"""Pictures of films and heat maps, read back with another library than wrote them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from rakurs.inference.overlay import COLOURS, FIRST_VISIBLE, OPACITY, colour, film_jpeg, film_png, map_png, overlay_png
from rakurs.study import HeatMap, Image, Source

ROWS, COLUMNS = 120, 90


def image(*, rows: int = ROWS, columns: int = COLUMNS, channels: int | None = None) -> Image:
    shape = (rows, columns) if channels is None else (rows, columns, channels)
    pixels = np.random.default_rng(1).random(shape, np.float32)
    return Image(pixels=pixels, source=Source(format="PNG", rows=ROWS, columns=COLUMNS, bits=8, sha256="0" * 64))


def heat_map(values: npt.ArrayLike) -> HeatMap:
    return HeatMap(values=np.asarray(values, np.float32), rows=ROWS, columns=COLUMNS)


def peak() -> HeatMap:
    """One place, in the middle of the upper left quarter, and nothing elsewhere."""
    values = np.zeros((16, 12))
    values[3:5, 2:4] = 5.0
    return heat_map(values)


def opened(content: bytes, mode: str) -> npt.NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(BytesIO(content)).convert(mode))


def lightness(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """CIE lightness of sRGB colours (n, 3), by the formulas of IEC 61966-2-1 and CIE 15."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance))


def test_lightness_rises_with_the_value_all_the_way() -> None:
    steps = np.diff(lightness(COLOURS[::8, :3]))
    assert (steps > 0).all()


def test_alpha_is_nothing_at_zero_and_rises_to_opaque_at_the_maximum() -> None:
    alpha = COLOURS[:, 3].astype(int)
    assert (alpha[0], alpha[-1]) == (0, 255)
    assert (np.diff(alpha) >= 0).all()
    assert (alpha[: int(FIRST_VISIBLE * 255)] == 0).all()


def test_colours_do_not_depend_on_the_unit_of_the_map() -> None:
    values = np.random.default_rng(0).random((8, 8))
    assert np.array_equal(colour(heat_map(values)), colour(heat_map(1000 * values)))


def test_an_empty_map_is_transparent_everywhere() -> None:
    assert not colour(heat_map(np.zeros((8, 8))))[..., 3].any()


def test_a_map_picture_read_back_is_the_coloured_map() -> None:
    map_ = heat_map(np.random.default_rng(0).random((16, 12)))
    assert np.array_equal(opened(map_png(map_), "RGBA"), colour(map_))


def test_a_map_picture_is_small() -> None:
    assert len(map_png(heat_map(np.random.default_rng(0).random((64, 64))))) < 8000


def test_an_overlay_has_the_size_of_the_original_also_where_less_was_decoded() -> None:
    assert opened(overlay_png(image(rows=30, columns=22), peak()), "RGB").shape == (ROWS, COLUMNS, 3)


def test_an_overlay_leaves_the_film_alone_where_the_map_is_nothing() -> None:
    film = image()
    overlay = opened(overlay_png(film, peak()), "RGB")
    shown = np.repeat(opened(film_png(film), "L")[..., None], 3, axis=2)
    assert np.array_equal(overlay[ROWS // 2 :], shown[ROWS // 2 :])
    assert not np.array_equal(overlay[: ROWS // 2], shown[: ROWS // 2])


def test_an_overlay_of_an_empty_map_is_the_film() -> None:
    film = image()
    overlay = opened(overlay_png(film, heat_map(np.zeros((16, 12)))), "RGB")
    assert np.array_equal(overlay, np.repeat(opened(film_png(film), "L")[..., None], 3, axis=2))


def test_an_overlay_is_the_film_and_the_colour_in_the_stated_shares() -> None:
    film = image()
    overlay = opened(overlay_png(film, heat_map(np.ones((16, 12)))), "RGB").astype(float)
    expected = (1 - OPACITY) * 255 * film.pixels[..., None] + OPACITY * COLOURS[-1, :3]
    assert np.abs(overlay - expected).max() <= 2


def test_a_film_stays_legible_under_the_strongest_colour() -> None:
    film = image()
    overlay = opened(overlay_png(film, heat_map(np.ones((16, 12)))), "L").astype(float)
    assert np.corrcoef(overlay.ravel(), film.pixels.ravel())[0, 1] > 0.99


def test_a_colour_image_keeps_its_colours() -> None:
    film = image(channels=3)
    assert np.abs(opened(film_png(film), "RGB") / 255 - film.pixels).max() < 0.003


@pytest.mark.parametrize("write", [film_png, film_jpeg])
def test_a_film_is_no_longer_than_asked_and_keeps_its_proportions(write: object) -> None:
    assert callable(write)
    assert opened(write(image(), longest=60), "L").shape == (60, 45)


def test_a_film_is_never_enlarged() -> None:
    assert opened(film_jpeg(image(), longest=5000), "L").shape == (ROWS, COLUMNS)
