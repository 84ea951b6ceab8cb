"""An index is written, read back and refused where it would mislead; its rows become studies with truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from rakurs.errors import UsageError
from rakurs.evaluation.index import Box, Index, films_of, read_index, split_of, studies_of, write_index
from rakurs.task import Task
from tests.labelled import write_task
from tests.packs import LABELS

FRONTAL_AND_LATERAL: dict[str, list[Any]] = {
    "study": ["a", "a", "b", "c"],
    "patient": ["p1", "p1", "p2", "p3"],
    "view": ["frontal", "lateral", "frontal", "lateral"],
    "path": ["a.png", "a-side.png", "b.png", "c.png"],
    "labels": [["mass"], ["mass"], ["mass", "effusion"], []],
    "split": ["train", "train", "train", "val"],
}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path / "task", views=("frontal", "lateral"))


def written(folder: Path, **changed: list[Any]) -> Path:
    columns = {**FRONTAL_AND_LATERAL, **changed}
    for name in columns["path"]:
        (folder / str(name)).write_bytes(b"")
    return write_index(columns, images=folder, path=folder / "index.parquet")


def rows(folder: Path, **changed: list[Any]) -> Index:
    return read_index(written(folder, **changed))


def test_studies_stand_by_split_in_the_order_of_the_index(task: Task, tmp_path: Path) -> None:
    splits = studies_of(rows(tmp_path), task)

    assert {split: studies.names for split, studies in splits.items()} == {"train": ["a", "b"], "val": ["c"]}
    assert len(splits["train"]) == 2
    assert splits["train"].patients.tolist() != splits["val"].patients.tolist()


def test_truth_is_in_the_order_of_the_tasks_labels(task: Task, tmp_path: Path) -> None:
    truth = split_of(rows(tmp_path), task, split="train").truth

    assert list(LABELS) == ["effusion", "mass", "pneumothorax", "other"]
    assert truth.tolist() == [[False, True, False, False], [True, True, False, False]]


def test_each_view_knows_which_studies_its_images_belong_to(task: Task, tmp_path: Path) -> None:
    studies = split_of(rows(tmp_path), task, split="train")

    assert {view: held.tolist() for view, held in studies.rows.items()} == {"frontal": [0, 1], "lateral": [0]}
    assert studies.films["lateral"].files == [tmp_path / "a-side.png"]
    assert studies.films["lateral"].truth.tolist() == [[False, True, False, False]]


def test_a_merged_label_holds_where_any_of_its_sources_does(tmp_path: Path) -> None:
    plain = write_task(tmp_path / "task").model_dump(by_alias=True)
    plain["labels"][3]["from"] = ["Hernia", "Edema"]
    labels = [["Edema"], ["Edema", "Hernia"], ["mass"], []]
    index = rows(
        tmp_path, study=["a", "b", "c", "d"], patient=["1", "2", "3", "4"], view=["frontal"] * 4, labels=labels
    )

    assert split_of(index, Task.model_validate(plain), split="train").truth[:, 3].tolist() == [True, True, False]


def test_what_is_known_of_a_study_comes_along_and_what_is_not_is_said(task: Task, tmp_path: Path) -> None:
    index = rows(tmp_path, age=[61, 61, None, 40], sex=["F", "F", "M", None], source_px=[1024, None, 128, None])

    studies = split_of(index, task, split="train")

    np.testing.assert_array_equal(studies.traits["age"], [61, np.nan])
    assert studies.traits["sex"].tolist() == ["F", "M"]
    assert studies.films["frontal"].source_px.tolist() == [1024, 128]
    assert studies.films["lateral"].source_px.tolist() == [0]


def test_boxes_stay_with_their_study_and_view(task: Task, tmp_path: Path) -> None:
    box: dict[str, Any] = {"label": "mass", "left": 0.25, "top": 0.5, "width": 0.125, "height": 0.0625}

    studies = split_of(rows(tmp_path, boxes=[None, [box], None, None]), task, split="train")

    assert studies.boxes == [[Box(view="lateral", **box)], []]


def test_labels_that_the_task_does_not_know_are_counted_and_refused(task: Task, tmp_path: Path) -> None:
    index = rows(tmp_path, labels=[["mass", "Hernia"], ["mass", "Hernia"], ["Edema"], ["Hernia"]])

    with pytest.raises(UsageError, match=r"does not know labels of the index: Hernia \(3\), Edema \(1\).*`without`"):
        studies_of(index, task)


def test_labels_that_the_task_leaves_out_mean_none_of_its_labels(task: Task, tmp_path: Path) -> None:
    index = rows(tmp_path, labels=[["No Finding"], ["No Finding"], ["mass"], []])

    studies = split_of(index, task.model_copy(update={"without": ["No Finding"]}), split="train")

    assert studies.truth.any(axis=1).tolist() == [False, True]


def test_where_exactly_one_label_holds_studies_with_none_or_several_are_counted(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 of 2 studies have none or several"):
        studies_of(rows(tmp_path), task.model_copy(update={"activation": "softmax"}))


def test_a_view_that_the_task_does_not_have_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no view oblique"):
        studies_of(rows(tmp_path, view=["frontal", "oblique", "frontal", "lateral"]), task)


def test_a_split_that_is_not_there_is_refused_with_those_that_are(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split 'test'; it has: train, val"):
        split_of(rows(tmp_path), task, split="test")


def test_a_view_without_images_in_a_split_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split 'val' of the index has no images of the view 'frontal'"):
        films_of(rows(tmp_path), task, view="frontal", split="val")


def test_patients_in_two_splits_are_counted_and_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 patients stand in more than one split"):
        written(tmp_path, patient=["p1", "p1", "p2", "p2"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"view": ["frontal", "frontal", "frontal", "lateral"]}, "two images of one view"),
        ({"labels": [["mass"], [], [], []]}, "1 studies differ in patient or labels"),
        ({"patient": ["p1", "p9", "p2", "p3"]}, "1 studies differ in patient or labels"),
        ({"split": ["train", "train", "train", "holdout"]}, "the splits holdout; expected train, val, test"),
        ({"view": ["frontal", None, "frontal", "lateral"]}, "rows without view"),
    ],
)
def test_an_index_that_would_mislead_is_not_written(
    tmp_path: Path, changed: dict[str, list[Any]], *, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        written(tmp_path, **changed)

    assert not (tmp_path / "index.parquet").exists()


def test_images_that_moved_are_missed_and_found_in_their_new_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    index = written(old).rename(tmp_path / "index.parquet")
    old.rename(new)

    with pytest.raises(UsageError, match=r"a\.png is missing.*--images"):
        read_index(index)
    assert read_index(index, images=new).images == new


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    text, other = tmp_path / "index.csv", tmp_path / "other.parquet"
    text.write_text("study,patient\n")
    parquet.write_table(pa.table({"study": ["a"]}), other)

    for path in (text, other, tmp_path / "missing.parquet"):
        with pytest.raises(UsageError, match="no index that can be read"):
            read_index(path)


def test_an_index_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no rows"):
        written(tmp_path, **{name: [] for name in FRONTAL_AND_LATERAL})


def test_an_index_that_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "index.parquet").mkdir()

    with pytest.raises(IsADirectoryError):
        written(tmp_path)
    assert not list(tmp_path.glob("*.partial"))
