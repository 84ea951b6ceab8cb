"""An index becomes films with truth, a broken one is refused, and films are answered in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.films import BATCH, COLUMNS, answer_films, read_index
from rakurs.inference.images import read_image
from rakurs.inference.network import Network, load_network
from rakurs.inference.preprocess import prepare
from rakurs.pack import read_pack
from rakurs.task import Task
from tests.labelled import Row, labelled_films, rows_of, silent, write_films, write_task
from tests.packs import LABELS, write_pack

HEAD = ",".join(COLUMNS)
LINE = "a.png,train,7,mass,256"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path / "task")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    pack = read_pack(write_pack(tmp_path_factory.mktemp("pack") / "tiny"))
    return load_network(pack.networks["frontal"], pack.task, threads=1)


def written(folder: Path, text: str) -> Path:
    path = folder / "index.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_films_stand_by_split_in_the_order_of_the_index(task: Task, tmp_path: Path) -> None:
    index = written(tmp_path, f"{HEAD}\n{LINE}\nb/c.png,val,8,mass|effusion,64\nd.png,train,9,No Finding,64\n")

    splits = read_index(index, task)

    assert list(splits) == ["train", "val"]
    assert splits["train"].files == [tmp_path / "a.png", tmp_path / "d.png"]
    assert splits["val"].files == [tmp_path / "b" / "c.png"]
    assert splits["train"].patients.tolist() == [7, 9]
    assert splits["train"].source_px.tolist() == [256, 64]
    assert len(splits["train"]) == 2


def test_truth_is_in_the_order_of_the_tasks_labels(task: Task, tmp_path: Path) -> None:
    index = written(tmp_path, f"{HEAD}\n{LINE}\nb.png,train,8,mass|effusion,64\nc.png,train,9,No Finding,64\n")

    films = read_index(index, task)["train"]

    assert list(LABELS) == ["effusion", "mass", "pneumothorax", "other"]
    assert films.truth.dtype == np.bool_
    assert films.truth.tolist() == [
        [False, True, False, False], [True, True, False, False], [False, False, False, False],
    ]  # fmt: skip


def test_a_merged_label_holds_where_any_of_its_sources_does(tmp_path: Path) -> None:
    plain = write_task(tmp_path / "task").model_dump()
    plain["labels"][3]["sources"] = ["Hernia", "Edema"]
    index = written(tmp_path, f"{HEAD}\na.png,val,1,Edema,64\nb.png,val,2,Edema|Hernia|mass,64\nc.png,val,3,other,64\n")

    films = read_index(index, Task.model_validate(plain))["val"]

    assert films.truth[:, 3].tolist() == [True, True, False]


def test_columns_may_stand_in_any_order_and_beside_others(task: Task, tmp_path: Path) -> None:
    index = written(tmp_path, "age,labels,source_px,file,patient_id,split\n63,mass,256,a.png,7,train\n")

    films = read_index(index, task)["train"]

    assert films.files == [tmp_path / "a.png"]
    assert films.truth.tolist() == [[False, True, False, False]]


@pytest.mark.parametrize("column", COLUMNS)
def test_an_index_without_a_column_is_refused_by_its_name(task: Task, tmp_path: Path, *, column: str) -> None:
    place = COLUMNS.index(column)
    lines = [",".join(cell for at, cell in enumerate(line.split(",")) if at != place) for line in (HEAD, LINE)]
    index = written(tmp_path, "\n".join(lines) + "\n")

    with pytest.raises(UsageError, match=f"lacks the columns: {column}"):
        read_index(index, task)


@pytest.mark.parametrize("text", ["", f"{HEAD}\n"], ids=["empty", "head only"])
def test_an_index_without_rows_is_refused(task: Task, tmp_path: Path, *, text: str) -> None:
    with pytest.raises(UsageError, match="has no rows"):
        read_index(written(tmp_path, text), task)


@pytest.mark.parametrize("line", ["a.png,train,seven,mass,256", "a.png,train,7,mass,large", "a.png,train,7.5,mass,256"])
def test_a_number_that_is_none_is_refused(task: Task, tmp_path: Path, *, line: str) -> None:
    with pytest.raises(UsageError, match="no whole number"):
        read_index(written(tmp_path, f"{HEAD}\n{line}\n"), task)


def test_a_row_that_ends_early_is_refused(task: Task, tmp_path: Path) -> None:
    index = written(tmp_path, f"{HEAD}\n{LINE}\nb.png,train,8\n")

    with pytest.raises(UsageError, match="too few values in 1 rows; the first is row 2"):
        read_index(index, task)


def test_patients_in_two_splits_are_counted_and_refused(task: Task, tmp_path: Path) -> None:
    index = written(tmp_path, f"{HEAD}\n{LINE}\nb.png,val,7,mass,256\nc.png,val,8,mass,256\n")

    with pytest.raises(UsageError, match="1 patients stand in more than one split"):
        read_index(index, task)


def test_an_index_that_is_not_there_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"index\.csv cannot be read"):
        read_index(tmp_path / "index.csv", task)


def test_an_index_that_is_no_text_is_refused(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(b"file,split\n\xff\xfe\x00,train\n")

    with pytest.raises(UsageError, match=r"index\.csv cannot be read"):
        read_index(path, task)


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

    films = read_index(index, task)["train"]

    assert (films.truth.any(0) & ~films.truth.all(0)).all()
