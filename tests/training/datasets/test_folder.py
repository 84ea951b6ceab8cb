"""Folders name labels, views and splits, by how deep they are or as they are said to; what is unclear is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.folder import Layout, gather_folder
from rakurs.training.datasets.gathered import Gathered
from tests.gathered import column, rows_of, write_images, written


def gather(folder: Path, paths: list[str], **layout: Any) -> Gathered:
    root = folder / "root"
    write_images(root, paths)
    return gather_folder(root, Layout(**layout))


def test_a_folder_per_label_holds_images_of_one_view(tmp_path: Path) -> None:
    found = gather(
        tmp_path, ["Boletus edulis/1.jpg", "Mycena/1.PNG", "Mycena/notes.txt", "Mycena/.hidden.png"], view="top"
    )

    assert [(row["path"], row["labels"], row["view"]) for row in rows_of(found)] == [
        ("Boletus edulis/1.jpg", ["Boletus edulis"], "top"),
        ("Mycena/1.PNG", ["Mycena"], "top"),
    ]
    assert column(found, "patient") == ["Boletus edulis/1", "Mycena/1"]
    assert found.remarks[:2] == [
        "Folders are read as ROOT/label/image.",
        "2 files do not have the name of an image and are left out.",
    ]


def test_views_below_a_label_make_studies_of_images_of_one_name(tmp_path: Path) -> None:
    found = gather(tmp_path, ["x/side/1.jpg", "x/top/1.png", "x/top/2.png", "y/top/1.png"])

    assert [(row["study"], row["view"]) for row in rows_of(found)] == [
        ("x/1", "side"),
        ("x/1", "top"),
        ("x/2", "top"),
        ("y/1", "top"),
    ]


@pytest.mark.parametrize(
    ("path", "layout", "split"),
    [
        ("train/x/1.png", {"view": "top"}, "train"),
        ("Valid/x/top/1.png", {}, "val"),
        ("test/top/x/1.png", {"levels": ["split", "view", "label"]}, "test"),
    ],
)
def test_folders_may_name_splits_in_their_usual_spellings(
    tmp_path: Path, path: str, *, layout: dict[str, Any], split: str
) -> None:
    row = rows_of(gather(tmp_path, [path], **layout))[0]

    assert (row["split"], row["labels"], row["view"], row["study"]) == (split, ["x"], "top", "x/1")


def test_a_view_before_the_label_is_known_by_the_tasks_views(tmp_path: Path) -> None:
    found = gather(tmp_path, ["top/x/1.png", "side/x/1.png"], views=["top", "side"])

    assert column(found, "labels") == [["x"], ["x"]]
    assert column(found, "view") == ["side", "top"]


def test_folders_may_name_the_patient_and_others_nothing(tmp_path: Path) -> None:
    found = gather(tmp_path, ["b1/x/p7/1.png", "b2/x/p7/2.png"], levels=["-", "label", "patient"], view="top")

    assert column(found, "patient") == ["p7", "p7"]
    assert column(found, "study") == ["b1/x/p7/1", "b2/x/p7/2"]


def test_names_are_found_in_paths_by_expressions(tmp_path: Path) -> None:
    paths = ["side/apple/apple001S_1.jpg", "top/apple/apple001T_1.jpg", "top/apple/apple001T_2.jpg"]

    found = gather(tmp_path, paths, levels=["view", "label"], patient=r"[a-z]+\d+(?=[ST])", study=r"(\w+\d+)[ST]_(\d+)")

    assert column(found, "patient") == ["apple001"] * 3
    assert column(found, "study") == ["apple001/1", "apple001/1", "apple001/2"]


def test_splits_are_drawn_by_patient_where_no_folder_says_them_or_if_asked(tmp_path: Path) -> None:
    paths = [f"x/p{number // 2}_{number}.png" for number in range(40)]

    drawn = column(gather(tmp_path, paths, view="top", patient=r"p\d+"), "split")
    asked = gather(tmp_path / "other", [f"test/{path}" for path in paths], view="top", patient=r"p\d+", random=True)

    assert set(drawn) == set(column(asked, "split")) == {"train", "val", "test"}
    of_patient = {path.partition("_")[0]: split for path, split in zip(sorted(paths), drawn, strict=True)}
    assert [of_patient[path.partition("_")[0]] for path in sorted(paths)] == drawn


def test_folders_that_are_links_are_followed_and_names_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", ["1.png"])
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x").symlink_to(tmp_path / "elsewhere")
    Path(os.fsdecode(os.fsencode(tmp_path / "elsewhere") + b"/\xff.png")).write_bytes(b"1")

    found = gather(tmp_path, [], view="top")

    assert column(found, "path") == ["x/1.png"]
    assert "1 files do not have the name of an image and are left out." in found.remarks


def test_the_published_size_is_said_or_measured(tmp_path: Path) -> None:
    said, _ = written(gather(tmp_path, ["x/1.png"], view="top", source_px=1024), tmp_path)
    measured, _ = written(gather(tmp_path, ["x/1.png"], view="top", measure=True), tmp_path)

    assert (said[0]["source_px"], measured[0]["source_px"]) == (1024, 8)


@pytest.mark.parametrize(
    ("paths", "layout", "says"),
    [
        ([], {}, r"There is no folder"),
        (["notes.txt"], {}, r"no images below .*expected ROOT/\[split/\]label/\[view/\]image"),
        (["1.png"], {"view": "top"}, r"lie 0 folders deep.*--layout split/label/patient"),
        (["a/b/c/1.png"], {"view": "top"}, r"lie 3 folders deep"),
        (["x/1.png", "x/top/1.png"], {}, r"1 are 1 folders deep, 1 are 2 folders deep; expected all to be equally"),
        (["x/1.png"], {"levels": ["label", "view"]}, r"1 are 1 folders deep; expected 2, as --layout says"),
        (["x/y/1.png"], {"levels": ["label", "angle"]}, r"--layout label/angle with angle; expected label and"),
        (["x/y/1.png"], {"levels": ["view", "split"]}, r"--layout view/split without label"),
        (["x/1.png"], {}, r"No folder says the view; name it with --view"),
        (["x/1.png"], {"view": "top", "patient": "("}, r"--patient \(, which is no regular expression"),
        (["x/1.png", "x/p1.png"], {"view": "top", "study": r"p\d"}, r"1 paths do not match --study p\\d; .*x/1\.png"),
        (
            ["fold1/x/1.png"],
            {"view": "top", "levels": ["split", "label"]},
            r"'fold1' \(1\) as a split.*\"-\" in --layout",
        ),
        (["train/x/1.png", "test/x/1.png"], {"view": "top"}, r"1 names stand in more than one split, x/1 .*--patient"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_remedy(
    tmp_path: Path, paths: list[str], *, layout: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        gather(tmp_path, paths, **layout)


def test_patients_on_two_sides_are_counted_and_refused(tmp_path: Path) -> None:
    found = gather(tmp_path, ["train/x/p1_1.png", "test/x/p1_2.png"], view="top", patient=r"p\d")

    with pytest.raises(UsageError, match="1 patients stand in more than one split"):
        written(found, tmp_path)


def test_a_folder_of_real_images_is_indexed(data_folder: Path, tmp_path: Path) -> None:
    rows, problems = written(gather_folder(data_folder / "mushrooms", Layout(view="top")), tmp_path)

    assert (len(rows), len({row["labels"][0] for row in rows}), problems) == (1075, 17, [])
