"""The NIH release is indexed as downloaded: both spellings of its label file, its lists, boxes and image folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.gathered import Gathered, Problem
from rakurs.training.datasets.nih import Choices, gather_nih
from tests.gathered import column, rows_of, write_csv, write_images, written

SIZES = "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
OLD = f"""
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,{SIZES},
00000001_000.png,Cardiomegaly|Effusion,0,00001,058Y,M,PA,2682,2749,0.143,0.143,
00000001_001.png,No Finding,1,00001,059Y,M,AP,2682,2749,0.143,0.143,
00000002_000.png,Infiltration,0,00002,414Y,F,PA,2500,2048,0.168,0.168,
"""
NEW = f"""
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position,{SIZES}
00000001_000.png,Cardiomegaly|Effusion,0,1,58,M,PA,2682,2749,0.143,0.143
00000001_001.png,No Finding,1,1,59,M,AP,2682,2749,0.143,0.143
00000002_000.png,Infiltration,0,2,60,F,PA,2500,2048,0.168,0.168
"""
BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000002_000.png,Infiltrate,256,512,128,64"
NAMES = ["00000001_000", "00000001_001", "00000002_000"]


def release(folder: Path, *, entries: str = NEW, name: str = "Data_Entry_2017_v2020.csv", boxes: bool = True) -> Path:
    write_images(folder, [f"images_001/images/{stem}.png" for stem in NAMES[:2]])
    write_images(folder, [f"images_012/images/{NAMES[2]}.png"])
    write_csv(folder / name, entries)
    if boxes:
        write_csv(folder / "BBox_List_2017.csv", BOXES)
    return folder


def with_lists(folder: Path, *, train: str, test: str) -> Path:
    (folder / "train_val_list.txt").write_text(train)
    (folder / "test_list.txt").write_text(test)
    return folder


def gather(root: Path, **choices: Any) -> Gathered:
    return gather_nih(root, Choices(**choices))


@pytest.mark.parametrize(
    ("entries", "name", "age"),
    [(OLD, "Data_Entry_2017.csv", None), (NEW, "Data_Entry_2017_v2020.csv", 60), (NEW, "Data_Entry_2017.csv.gz", 60)],
)
def test_both_spellings_of_the_label_file_give_the_same_rows(
    tmp_path: Path, entries: str, *, name: str, age: float | None
) -> None:
    rows = rows_of(gather(release(tmp_path, entries=entries, name=name)))

    assert [row["path"] for row in rows] == [
        "images_001/images/00000001_000.png",
        "images_001/images/00000001_001.png",
        "images_012/images/00000002_000.png",
    ]
    assert [row["labels"] for row in rows] == [["Cardiomegaly", "Effusion"], ["No Finding"], ["Infiltration"]]
    assert [(row["patient"], row["study"]) for row in rows] == [("1", NAMES[0]), ("1", NAMES[1]), ("2", NAMES[2])]
    assert [row["age"] for row in rows] == [58, 59, age]
    assert [(row["sex"], row["view_position"], row["view"]) for row in rows] == [
        ("M", "PA", "frontal"),
        ("M", "AP", "frontal"),
        ("F", "PA", "frontal"),
    ]
    assert {row["source_px"] for row in rows} == {1024}


def test_impossible_ages_are_counted(tmp_path: Path) -> None:
    assert "1 ages above 120 years are left out." in gather(release(tmp_path, entries=OLD)).remarks


def test_of_two_label_files_the_corrected_one_is_read(tmp_path: Path) -> None:
    release(tmp_path, entries=OLD, name="Data_Entry_2017.csv")

    found = gather(release(tmp_path))

    assert column(found, "age") == [58, 59, 60]
    assert "Of 2 label files Data_Entry_2017_v2020.csv is read." in found.remarks


def test_boxes_are_fractions_of_the_image_under_the_films_name_of_the_label(tmp_path: Path) -> None:
    box = {"label": "Infiltration", "left": 0.25, "top": 0.5, "width": 0.125, "height": 0.0625}

    assert written(gather(release(tmp_path)), tmp_path)[0][2]["boxes"] == [box]


def test_a_release_without_boxes_is_said_to_have_none(tmp_path: Path) -> None:
    found = gather(release(tmp_path, boxes=False))

    assert column(found, "boxes") == [None] * 3
    assert "BBox_List_2017.csv is not there: the index has no boxes." in found.remarks


def test_official_lists_say_what_is_test_and_val_is_drawn_from_the_rest(tmp_path: Path) -> None:
    root = with_lists(release(tmp_path), train=f"{NAMES[0]}.png\n{NAMES[1]}.png\n", test=f"{NAMES[2]}.png\n")

    assert column(gather(root, val_share=0.0), "split") == ["train", "train", "test"]
    assert column(gather(root, val_share=1.0), "split") == ["val", "val", "test"]


def test_without_lists_or_if_asked_splits_are_drawn_by_patient(tmp_path: Path) -> None:
    without = gather(release(tmp_path))
    asked = gather(with_lists(tmp_path, train="", test=""), official=False)

    assert column(without, "split") == column(asked, "split")
    assert without.remarks[:2] == [
        "train_val_list.txt and test_list.txt are not there.",
        "Splits are drawn by patient: val 10%, test 20%, train the rest.",
    ]


def test_films_in_neither_list_are_left_out_and_counted(tmp_path: Path) -> None:
    found = gather(with_lists(release(tmp_path), train=f"{NAMES[0]}.png", test=""))

    assert column(found, "study") == NAMES[:1]
    assert "2 films stand in neither list and are left out." in found.remarks


def test_missing_images_are_problems_and_images_without_a_row_are_counted(tmp_path: Path) -> None:
    root = release(tmp_path)
    (root / "images_012" / "images" / f"{NAMES[2]}.png").rename(root / "images_012" / "images" / "00000003_000.png")

    found = gather(root)

    assert found.problems == [Problem(f"{NAMES[2]}.png", "missing")]
    assert column(found, "study") == NAMES[:2]
    assert "1 images have no row in the label file and are left out." in found.remarks


def test_resized_copies_may_have_another_place_ending_and_size(tmp_path: Path) -> None:
    write_images(tmp_path / "small", [f"{stem}.jpg" for stem in NAMES])

    rows, _ = written(gather(release(tmp_path), images=tmp_path / "small", source_px=None), tmp_path)

    assert [row["path"] for row in rows] == [f"{stem}.jpg" for stem in NAMES]
    assert {row["source_px"] for row in rows} == {8}


def test_one_folder_of_images_will_do(tmp_path: Path) -> None:
    write_images(tmp_path, [f"images/{stem}.png" for stem in NAMES])
    write_csv(tmp_path / "Data_Entry_2017.csv", NEW)

    assert column(gather(tmp_path), "path") == [f"images/{stem}.png" for stem in NAMES]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (
            "Data_Entry_2017_v2020.csv",
            r"There is no Data_Entry_2017\*\.csv in .*expected the folder of the NIH release",
        ),
        ("images_001", r"There are no images in .*images_001\.tar\.gz.*--images"),
        ("test_list.txt", r"train_val_list\.txt is in .*, but test_list\.txt is not.*--split random"),
    ],
)
def test_a_part_that_is_missing_is_named_with_the_remedy(tmp_path: Path, file: str, *, says: str) -> None:
    root = with_lists(release(tmp_path), train="", test="")
    if (root / file).is_dir():
        shutil.rmtree(root / "images_001")
        shutil.rmtree(root / "images_012")
    else:
        (root / file).unlink()

    with pytest.raises(UsageError, match=says):
        gather(root)


def test_a_label_file_without_a_column_is_refused(tmp_path: Path) -> None:
    root = release(tmp_path, entries="Image Index,Finding Labels\n00000001_000.png,Mass")

    with pytest.raises(UsageError, match=r"no column Patient ID, Patient Age, Patient Gender, View Position; it has"):
        gather(root)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no folder .*elsewhere"):
        gather(release(tmp_path), images=tmp_path / "elsewhere")
