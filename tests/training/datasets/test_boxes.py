"""Boxes are fractions of the image, found by its name, and refused where they lie outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.boxes import boxes_of, read_boxes
from tests.gathered import write_csv

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def test_the_list_of_the_release_becomes_fractions_and_infiltrate_is_infiltration(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "BBox_List_2017.csv.gz", f"{HEADER}\na.png,Infiltrate,256,512,128,64\na.png,Mass,0,0,1024,1024"
    )

    assert read_boxes(path) == {
        "a": [
            {"label": "Infiltration", "left": 0.25, "top": 0.5, "width": 0.125, "height": 0.0625},
            {"label": "Mass", "left": 0, "top": 0, "width": 1, "height": 1},
        ]
    }


def test_boxes_belong_to_images_of_their_name_whatever_its_ending(tmp_path: Path) -> None:
    boxes = read_boxes(write_csv(tmp_path / "b.csv", "file,label,x,y,w,h\na.png,m,1,1,2,2\nz.png,m,1,1,2,2"), side_px=4)

    held, said = boxes_of(["384/a.jpg", "384/b.jpg"], boxes)

    assert held == [[{"label": "m", "left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5}], None]
    assert said == ["1 of 2 boxes belong to images that are not here."]


@pytest.mark.parametrize("sides", ["900,0,200,10", "-1,0,5,5", "1,1,0,5", "a,1,2,2"])
def test_a_box_that_is_none_in_the_image_is_refused(tmp_path: Path, sides: str) -> None:
    path = write_csv(tmp_path / "boxes.csv", f"{HEADER}\na.png,Mass,{sides}")

    with pytest.raises(UsageError, match=r"holds the box .*expected x, y, width and height.*1024 pixels.*--boxes-px"):
        read_boxes(path)


def test_a_file_without_sides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"boxes\.csv has no column for w, h"):
        read_boxes(write_csv(tmp_path / "boxes.csv", "image,label,x,y\na.png,Mass,1,1"))


def test_the_984_boxes_of_the_release_are_read(data_folder: Path) -> None:
    boxes = read_boxes(data_folder / "nih" / "BBox_List_2017.csv.gz")

    assert sum(map(len, boxes.values())) == 984
    assert len(boxes) == 880
    assert sum(box["label"] == "Infiltration" for held in boxes.values() for box in held) == 123
