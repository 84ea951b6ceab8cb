"""Images that are missing, empty or broken are left out and listed; studies have one image of a view."""

from __future__ import annotations

from pathlib import Path

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.gathered import Gathered, Problem, number_studies, table_of, write_problems
from tests.gathered import write_images, written


def gathered(folder: Path, paths: list[str]) -> Gathered:
    n = len(paths)
    table = table_of(
        study=paths, patient=paths, view=["frontal"] * n, path=paths, labels=[["mass"]] * n, split=["train"] * n
    )
    return Gathered(table, folder)


def test_missing_and_empty_images_are_left_out_and_listed(tmp_path: Path) -> None:
    write_images(tmp_path, ["a/1.png", "b/1.png"])
    (tmp_path / "a" / "2.png").write_bytes(b"")
    (tmp_path / "a" / "4.png").mkdir()

    rows, problems = written(
        gathered(tmp_path, ["a/1.png", "a/2.png", "a/3.png", "a/4.png", "b/1.png", "c/1.png"]), tmp_path
    )

    assert [row["path"] for row in rows] == ["a/1.png", "b/1.png"]
    assert problems == [
        Problem("a/2.png", "empty"),
        Problem("a/3.png", "missing"),
        Problem("a/4.png", "no file"),
        Problem("c/1.png", "missing"),
    ]


def test_broken_images_are_noticed_when_every_image_is_decoded(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    (tmp_path / "c.png").write_bytes(b"no image")
    rows, problems = written(gathered(tmp_path, ["a.png", "b.png", "c.png"]), tmp_path)
    assert (len(rows), problems) == (3, [])

    rows, problems = written(gathered(tmp_path, ["a.png", "b.png", "c.png"]), tmp_path, verify=True)

    assert [row["path"] for row in rows] == ["a.png", "b.png"]
    assert [problem.path for problem in problems] == ["c.png"]
    assert "none of the known image formats" in problems[0].why


def test_an_index_without_any_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No image is left.*2 are named.*the first, a\.png, is missing"):
        written(gathered(tmp_path, ["a.png", "b.png"]), tmp_path)

    assert not (tmp_path / "index.parquet").exists()


def test_every_image_that_was_left_out_is_written_to_a_file(tmp_path: Path) -> None:
    write_problems([Problem("a, b.png", "missing"), Problem("c.png", "empty")], tmp_path / "new" / "problems.csv")

    assert (tmp_path / "new" / "problems.csv").read_text().splitlines() == [
        "path,problem",
        '"a, b.png",missing',
        "c.png,empty",
    ]


def test_a_study_whose_images_have_other_labels_was_named_too_coarsely(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    table = table_of(
        study=["x", "x"],
        patient=["p", "p"],
        view=["top", "side"],
        path=["a.png", "b.png"],
        labels=[["apple"], ["pear"]],
        split=["train", "train"],
    )

    with pytest.raises(UsageError, match=r"images of 1 studies have different labels, x among them\. Let --study say"):
        written(Gathered(table, tmp_path), tmp_path)


def test_a_number_never_gives_a_study_the_name_of_another() -> None:
    assert number_studies(["x", "x", "x/2"], ["top"] * 3) == ["x", "x//2", "x/2"]


def test_the_second_images_of_all_views_make_the_second_study() -> None:
    studies = number_studies(["x", "x", "x", "x", "y"], ["top", "top", "side", "side", "top"])

    assert studies == ["x", "x/2", "x", "x/2", "y"]
