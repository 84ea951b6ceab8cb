"""Films are answered in their order, and unreadable ones are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.films import BATCH, answer_films, map_films
from rakurs.evaluation.index import films_of, read_index
from rakurs.inference.images import read_image
from rakurs.inference.network import Network, load_network
from rakurs.inference.preprocess import prepare
from rakurs.pack import read_pack
from rakurs.task import Task
from tests.labelled import Row, labelled_films, rows_of, silent, write_films, write_task
from tests.packs import write_pack


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path / "task")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    pack = read_pack(write_pack(tmp_path_factory.mktemp("pack") / "tiny"))
    return load_network(pack.networks["frontal"], pack.task, threads=1)


def test_films_are_answered_as_each_alone_in_their_order(task: Task, network: Network, *, tmp_path: Path) -> None:
    n = BATCH + 3
    films = labelled_films(tmp_path / "films", task, splits=[("val", n)])["val"]

    logits, embeddings = answer_films(network, films.files, preprocess=task.preprocess, progress=silent)

    alone = [
        network.run(np.ascontiguousarray(prepare(read_image(file), task.preprocess)[0][None])) for file in films.files
    ]
    assert (logits.shape, embeddings.shape) == ((n, 4), (n, 8))
    np.testing.assert_allclose(logits, np.concatenate([answers.logits for answers in alone]), atol=1e-4)
    np.testing.assert_allclose(embeddings, np.concatenate([answers.embedding for answers in alone]), atol=1e-4)


def test_a_change_is_made_before_the_network_sees_a_film(task: Task, network: Network, *, tmp_path: Path) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("val", 3)])["val"]

    changed, _ = answer_films(
        network, films.files, preprocess=task.preprocess, progress=silent, change=lambda image: 0 * image
    )

    dark = network.run(np.zeros((1, 1, 64, 64), np.float32)).logits
    np.testing.assert_allclose(changed, np.repeat(dark, 3, 0), atol=1e-4)


def test_every_film_is_progress(task: Task, network: Network, *, tmp_path: Path) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("val", 3)])["val"]
    seen: list[tuple[str, int, int]] = []

    answer_films(
        network,
        films.files,
        preprocess=task.preprocess,
        progress=lambda what, done, total: seen.append((what, done, total)),
    )

    assert seen == [("reading films", done, 3) for done in (1, 2, 3)]


def test_films_that_cannot_be_read_are_counted_and_the_first_is_named(
    task: Task, network: Network, *, tmp_path: Path
) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("val", 4)])["val"]
    films.files[1].write_bytes(b"no film")
    films.files[3].unlink()

    with pytest.raises(UsageError, match=r"2 of 4 images cannot be read; the first is film-001\.png"):
        answer_films(network, films.files, preprocess=task.preprocess, progress=silent)


def test_no_films_at_all_are_refused(task: Task, network: Network) -> None:
    with pytest.raises(UsageError, match="Got no films"):
        answer_films(network, [], preprocess=task.preprocess, progress=silent)


def test_the_films_of_the_tests_have_both_classes_of_every_label(task: Task, tmp_path: Path) -> None:
    index = write_films(tmp_path / "films", [*rows_of("train", 6), Row("val", 1, ["mass"], 64)])

    films = films_of(read_index(index), task, view="frontal", split="train")

    assert (films.truth.any(0) & ~films.truth.all(0)).all()


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_answers_do_not_depend_on_the_number_of_threads(
    task: Task, network: Network, *, tmp_path: Path, jobs: int
) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("val", 5 * BATCH + 1)])["val"]
    expected, _ = answer_films(network, films.files, preprocess=task.preprocess, progress=silent)

    logits, _ = answer_films(network, films.files, preprocess=task.preprocess, progress=silent, jobs=jobs)

    np.testing.assert_array_equal(logits, expected)


def test_heat_maps_come_with_how_each_film_lies_in_the_input(task: Task, network: Network, *, tmp_path: Path) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("val", BATCH + 2)])["val"]

    mapped = list(map_films(network, films.files, preprocess=task.preprocess, progress=silent))

    for file, (maps, frame) in zip(films.files, mapped, strict=True):
        image, expected = prepare(read_image(file), task.preprocess)
        assert frame == expected
        np.testing.assert_allclose(maps, network.run(np.ascontiguousarray(image[None])).heat_maps[0], atol=1e-5)
