"""A summary counts images, studies and patients, labels of the data set and of a task, by split and by view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from rakurs.evaluation.index import write_index
from rakurs.task import Task, read_task
from rakurs.training.datasets.summary import Counts, Summary, summarise
from rakurs.training.datasets.table import Columns, gather_table
from tests.conftest import REPOSITORY
from tests.labelled import write_task

ROWS: dict[str, list[Any]] = {
    "study": ["a", "a", "b", "c", "d"],
    "patient": ["p1", "p1", "p2", "p2", "p3"],
    "view": ["top", "side", "top", "top", "side"],
    "path": ["1", "2", "3", "4", "5"],
    "labels": [["mass"], ["mass"], ["effusion", "mass"], [], ["Edema", "Hernia"]],
    "split": ["train", "train", "train", "train", "test"],
    "age": [61, 61, None, 40, 20],
    "sex": ["F", "F", "M", "M", None],
    "view_position": ["PA", None, "AP", "PA", None],
}


def summary(folder: Path, task: Task | None = None, **changed: list[Any]) -> Summary:
    path = write_index({**ROWS, **changed}, images=folder, path=folder / "index.parquet")
    return summarise(parquet.read_table(path), task)


def numbers(counts: Counts, what: str) -> dict[str, list[int]]:
    return dict(zip(counts.labels, getattr(counts, what).tolist(), strict=True))


@pytest.fixture
def merged(tmp_path: Path) -> Task:
    plain = write_task(tmp_path / "task").model_dump(by_alias=True)
    plain["labels"][3]["from"] = ["Hernia", "Edema"]
    return Task.model_validate(plain)


def test_images_studies_and_patients_are_counted_by_split_view_and_position(tmp_path: Path) -> None:
    found = summary(tmp_path)

    assert found.groups == ["all", "train", "test", "top", "side", "PA", "AP"]
    assert found.images.tolist() == [5, 4, 1, 3, 2, 2, 1]
    assert found.studies.tolist() == [4, 3, 1, 3, 2, 2, 1]
    assert found.patients.tolist() == [3, 2, 1, 2, 2, 2, 1]


def test_a_single_view_is_no_group(tmp_path: Path) -> None:
    found = summary(tmp_path, view=["top"] * 5, study=["a", "b", "c", "d", "e"], view_position=[None] * 5)

    assert found.groups == ["all", "train", "test"]
    assert found.views == {"top alone": 5}


def test_labels_stand_by_frequency_and_those_without_any_come_last(tmp_path: Path) -> None:
    found = summary(tmp_path)

    assert numbers(found.labels, "images") == {
        "mass": [3, 3, 0, 2, 1, 1, 1],
        "effusion": [1, 1, 0, 1, 0, 0, 1],
        "Edema": [1, 0, 1, 0, 1, 0, 0],
        "Hernia": [1, 0, 1, 0, 1, 0, 0],
        "(no label)": [1, 1, 0, 1, 0, 1, 0],
    }
    assert found.labels.labels == ["mass", "effusion", "Edema", "Hernia", "(no label)"]
    assert numbers(found.labels, "patients")["mass"] == [2, 2, 0, 2, 1, 1, 1]


def test_a_tasks_label_counts_an_image_once_whichever_of_its_sources_it_has(merged: Task, tmp_path: Path) -> None:
    found = summary(tmp_path, merged)

    assert found.task is not None
    assert {label: row[0] for label, row in numbers(found.task, "images").items()} == {
        "effusion": 1,
        "mass": 3,
        "pneumothorax": 0,
        "other": 1,
        "(no label)": 1,
    }
    assert found.unknown == []


def test_labels_and_views_that_the_task_does_not_know_are_named(tmp_path: Path) -> None:
    found = summary(tmp_path, write_task(tmp_path / "task", views=("frontal",)))

    assert found.unknown == ["Edema", "Hernia"]
    assert found.unknown_views == ["side", "top"]


def test_studies_are_counted_by_the_views_that_they_have(tmp_path: Path) -> None:
    assert summary(tmp_path).views == {"top alone": 2, "side alone": 1, "top + side": 1}


def test_ages_sexes_and_boxes_are_counted_where_they_are_known(tmp_path: Path) -> None:
    box = {"label": "mass", "left": 0.0, "top": 0.0, "width": 0.5, "height": 0.5}

    found = summary(tmp_path, boxes=[[box, box], None, [box], None, []])

    assert (found.aged, found.ages) == (4, [20, 35, 50.5, 61, 61])
    assert found.sexes == {"F": 2, "M": 2, "unknown": 1}
    assert found.boxes == 3


def test_what_is_not_known_of_any_image_is_left_out(tmp_path: Path) -> None:
    found = summary(tmp_path, age=[None] * 5, sex=[None] * 5)

    assert (found.aged, found.ages, found.sexes, found.boxes) == (0, [], {"unknown": 5}, 0)


OFFICIAL = {
    "No Finding": 60361,
    "Infiltration": 19894,
    "Effusion": 13317,
    "Atelectasis": 11559,
    "Nodule": 6331,
    "Mass": 5782,
    "Pneumothorax": 5302,
    "Consolidation": 4667,
    "Pleural_Thickening": 3385,
    "Cardiomegaly": 2776,
    "Emphysema": 2516,
    "Edema": 2303,
    "Fibrosis": 1686,
    "Pneumonia": 1431,
    "Hernia": 227,
}


def test_the_counts_of_all_112120_films_are_those_of_the_official_file(data_folder: Path) -> None:
    task = read_task(REPOSITORY / "packs" / "chest-xray" / "task.toml")
    films = gather_table(data_folder / "nih" / "Data_Entry_2017_v2020.csv.gz", Columns(view="=frontal"))

    found = summarise(films.table, task)

    assert (found.images[0], found.patients[0]) == (112_120, 30_805)
    assert {label: row[0] for label, row in numbers(found.labels, "images").items()} == OFFICIAL
    assert found.task is not None
    merged = {label: row[0] for label, row in numbers(found.task, "images").items()}
    assert (merged["other"], merged["(no label)"], found.unknown) == (13_087, 60_361, [])
