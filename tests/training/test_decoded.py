"""Films are decoded once, as reading would prepare them, and kept whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rakurs.errors import TrainingError
from rakurs.evaluation.index import Films
from rakurs.inference.images import read_image
from rakurs.inference.preprocess import fit
from rakurs.task import Preprocess
from rakurs.training.decoded import decode_films
from tests.labelled import labelled_films, silent, write_task
from tests.limits import nearly_full_disk

N = 5
SMALL = Preprocess(channels=1, rows=48, columns=32, fit="pad", mean=[0.5], std=[0.25])


@pytest.fixture
def films(tmp_path: Path) -> Films:
    return labelled_films(tmp_path / "films", write_task(tmp_path / "task"), splits=[("train", N)])["train"]


def test_films_are_fitted_as_reading_fits_them_in_256_greys(films: Films, tmp_path: Path) -> None:
    pixels = decode_films(films, SMALL, folder=tmp_path, progress=silent)

    assert pixels.dtype == np.uint8
    assert pixels.shape == (N, 1, 48, 32)
    for row, file in zip(pixels, films.files, strict=True):
        fitted, _ = fit(read_image(file), SMALL)
        assert np.abs(row / 255 - fitted).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_films_fill_every_channel(films: Films, tmp_path: Path, *, channels: int) -> None:
    declared = {**SMALL.model_dump(), "channels": channels, "mean": [0.5] * channels, "std": [0.25] * channels}

    pixels = decode_films(films, Preprocess.model_validate(declared), folder=tmp_path, progress=silent)

    assert pixels.shape == (N, channels, 48, 32)
    assert (pixels == pixels[:, :1]).all()


def test_films_are_decoded_once(films: Films, tmp_path: Path) -> None:
    first = decode_films(films, SMALL, folder=tmp_path, progress=silent).copy()
    for file in films.files:
        file.unlink()

    second = decode_films(films, SMALL, folder=tmp_path, progress=silent)

    np.testing.assert_array_equal(second, first)


@pytest.mark.parametrize(
    "changes", [{"rows": 96}, {"fit": "crop"}, {"channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3}], ids=str
)
def test_what_was_kept_in_another_way_is_decoded_anew(films: Films, tmp_path: Path, *, changes: Any) -> None:
    other = SMALL.model_copy(update=changes)
    decode_films(films, SMALL, folder=tmp_path, progress=silent)

    pixels = decode_films(films, other, folder=tmp_path, progress=silent)

    (tmp_path / "anew").mkdir()
    np.testing.assert_array_equal(pixels, decode_films(films, other, folder=tmp_path / "anew", progress=silent))


def test_normalisation_is_not_part_of_what_is_kept(films: Films, tmp_path: Path) -> None:
    decode_films(films, SMALL, folder=tmp_path, progress=silent)

    decode_films(films, SMALL.model_copy(update={"mean": [0.1]}), folder=tmp_path, progress=silent)

    assert len(list(tmp_path.glob("films-*.npy"))) == 1


def test_several_threads_decode_the_same(films: Films, tmp_path: Path) -> None:
    one, several = tmp_path / "one", tmp_path / "several"
    for folder in (one, several):
        folder.mkdir()

    pixels = decode_films(films, SMALL, folder=several, progress=silent, threads=3)

    np.testing.assert_array_equal(pixels, decode_films(films, SMALL, folder=one, progress=silent))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupted_decoding_keeps_nothing(films: Films, tmp_path: Path, *, threads: int) -> None:
    def interrupt(what: str, done: int, total: int, /) -> None:  # noqa: PLR0917 - as it is called
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_films(films, SMALL, folder=tmp_path, progress=interrupt, threads=threads)

    assert [path.name for path in tmp_path.glob("films-*")] == []


def test_films_that_cannot_be_read_are_counted_and_nothing_is_kept(films: Films, tmp_path: Path) -> None:
    films.files[1].write_bytes(b"no film")
    films.files[2].unlink()

    with pytest.raises(TrainingError, match=rf"2 of {N} images cannot be read; the first is film-001\.png"):
        decode_films(films, SMALL, folder=tmp_path, progress=silent)

    assert not list(tmp_path.glob("films-*"))


def test_a_disk_that_has_no_room_is_an_error_before_any_film_is_decoded(films: Films, tmp_path: Path) -> None:
    with nearly_full_disk(), pytest.raises(OSError, match="too large"):
        decode_films(films, SMALL, folder=tmp_path, progress=silent)

    assert list(tmp_path.glob("films-*")) == []


def test_nothing_is_left_beside_what_is_kept(films: Films, tmp_path: Path) -> None:
    decode_films(films, SMALL, folder=tmp_path, progress=silent)

    assert [path.suffixes for path in tmp_path.glob("films-*")] == [[".npy"]]


def test_every_film_is_progress(films: Films, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    decode_films(films, SMALL, folder=tmp_path, progress=lambda what, done, total: seen.append((done, total)))

    assert seen == [(done, N) for done in range(1, N + 1)]
