"""Any CSV becomes rows of an index: by the usual names, by named columns, with a row per image or per study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.gathered import Gathered
from rakurs.training.datasets.table import Columns, gather_table
from tests.gathered import column, rows_of, write_csv, write_images, written

FOOD = """
file,label,view,object_id,shot,split
top/1.jpg,apple,top,apple001,1,train
side/1.jpg,apple,side,apple001,1,train
top/2.jpg,pear,top,pear001,1,test
side/2.jpg,pear,side,pear001,1,test
"""


def gather(folder: Path, text: str, **columns: Any) -> Gathered:
    return gather_table(write_csv(folder / "index.csv", text), Columns(**columns))


def test_usual_names_are_found_and_the_rest_is_null(tmp_path: Path) -> None:
    text = """
        Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position,split
        a.png,Mass|Edema,7,058Y,M,pa,val
    """

    rows = rows_of(gather(tmp_path, text, view="=frontal", source_px="=1024"))

    assert rows == [
        {
            "study": "a.png",
            "patient": "7",
            "view": "frontal",
            "path": "a.png",
            "labels": ["Mass", "Edema"],
            "split": "val",
            "age": 58,
            "sex": "M",
            "view_position": "PA",
            "source_px": 1024,
            "boxes": None,
        }
    ]


def test_a_study_of_several_columns_holds_its_views(tmp_path: Path) -> None:
    found = gather(tmp_path, FOOD, study="object_id,shot")

    assert column(found, "study") == ["apple001/1", "apple001/1", "pear001/1", "pear001/1"]
    assert column(found, "patient") == ["apple001", "apple001", "pear001", "pear001"]


def test_what_had_to_be_supposed_is_said(tmp_path: Path) -> None:
    found = gather(tmp_path, "file,label\na.png,mass\nb.png,", view="=frontal")

    assert column(found, "study") == column(found, "patient") == ["a.png", "b.png"]
    assert column(found, "labels") == [["mass"], []]
    assert [remark.split(":")[0] for remark in found.remarks] == [
        "No column names the study",
        "No column names the patient",
        "Splits are drawn by patient",
    ]


def test_the_view_of_all_images_may_be_the_tasks_own(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "index.csv", "file,label\na.png,mass")

    assert column(gather_table(path, Columns(), main_view="frontal"), "view") == ["frontal"]


def test_paths_start_in_the_folder_that_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["top/1.jpg", "side/1.jpg", "top/2.jpg", "side/2.jpg"])
    path = write_csv(tmp_path / "index.csv", FOOD)

    rows, problems = written(gather_table(path, Columns(study="object_id"), images=tmp_path / "images"), tmp_path)

    assert (len(rows), problems) == (4, [])


def test_a_further_image_of_a_view_makes_a_further_study(tmp_path: Path) -> None:
    text = "file,label,view,find\na,x,top,f\nb,x,top,f\nc,x,side,f\nd,x,side,f\ne,x,side,f"

    assert column(gather(tmp_path, text, study="find"), "study") == ["f", "f/2", "f", "f/2", "f/3"]


def test_a_row_per_study_becomes_an_image_per_view_that_it_has(tmp_path: Path) -> None:
    text = """
        pair,patient,frontal,lateral,position,finding
        p1,7,f1.jpg,l1.jpg,PA,mass
        p2,8,f2.jpg,,AP,edema
        p3,9,,l3.jpg,AP,
    """

    found = gather(tmp_path, text, view_columns=["frontal", "lateral"], view_position="position", split="=test")

    assert [(row["study"], row["view"], row["path"], row["view_position"]) for row in rows_of(found)] == [
        ("p1", "frontal", "f1.jpg", "PA"),
        ("p1", "lateral", "l1.jpg", None),
        ("p2", "frontal", "f2.jpg", "AP"),
        ("p3", "lateral", "l3.jpg", None),
    ]
    assert column(found, "labels") == [["mass"], ["mass"], ["edema"], []]


def test_a_row_without_the_name_of_a_study_is_a_study_of_its_own(tmp_path: Path) -> None:
    found = gather(tmp_path, "top,side,label\na,b,x\nc,d,x", view_columns=["top", "side"])

    assert column(found, "study") == ["row 2", "row 2", "row 3", "row 3"]


def test_views_are_renamed_before_those_that_are_wanted_are_kept(tmp_path: Path) -> None:
    text = "file,label,view\na,x,oblique\nb,x,top\nc,x,many\nd,x,side"

    found = gather(tmp_path, text, map_view={"oblique": "top"}, only_view=["top", "side"])

    assert column(found, "view") == ["top", "top", "side"]
    assert found.remarks[0] == "Images of other views are left out: many 1."


@pytest.mark.parametrize(
    ("where", "kept"),
    [(["sure=1"], ["a", "c"]), (["sure!=1"], ["b"]), (["label=Amanita muscaria,Boletus edulis", "sure=1"], ["a"])],
)
def test_rows_are_kept_where_a_column_has_a_value(tmp_path: Path, where: list[str], *, kept: list[str]) -> None:
    text = "file,label,view,sure\na,Amanita muscaria,top,1\nb,Boletus edulis,top,0\nc,Mycena,top,1"

    assert column(gather(tmp_path, text, where=where), "path") == kept


def test_labels_may_have_their_own_separator_or_a_column_each(tmp_path: Path) -> None:
    text = "file,found,mass,edema\na,mass;edema,1,0\nb,none,0,1"

    by_separator = gather(tmp_path, text, view="=frontal", labels="found:;")
    by_column = gather(tmp_path, text, view="=frontal", label_columns=["mass", "edema"])

    assert column(by_separator, "labels") == [["mass", "edema"], ["none"]]
    assert column(by_column, "labels") == [["mass"], ["edema"]]


@pytest.mark.parametrize("split", ["=test", "=random", "fold"])
def test_splits_come_from_a_column_a_word_or_a_draw(tmp_path: Path, split: str) -> None:
    text = "file,label,patient,fold\n" + "\n".join(f"{n},x,{n // 2},dev" for n in range(40))

    found = column(gather(tmp_path, text, view="=frontal", split=split), "split")

    expected = {"=test": {"test"}, "fold": {"val"}, "=random": {"train", "val", "test"}}
    assert set(found) == expected[split]
    assert found[::2] == found[1::2]


def test_a_share_of_train_becomes_val_by_patient(tmp_path: Path) -> None:
    text = "file,label,patient,split\n" + "\n".join(
        f"{n},x,{n // 2},{'train' if n < 60 else 'test'}" for n in range(80)
    )

    found = gather(tmp_path, text, view="=frontal", val_share=0.5)

    splits = column(found, "split")
    assert set(splits[:60]) == {"train", "val"}
    assert set(splits[60:]) == {"test"}
    assert splits[::2] == splits[1::2]


def test_patients_on_two_sides_are_counted_and_refused(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    found = gather(tmp_path, "file,label,patient,split\na.png,x,7,train\nb.png,x,7,test", view="=frontal")

    with pytest.raises(UsageError, match="1 patients stand in more than one split"):
        written(found, tmp_path)


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("file,label\na,x", {}, r"no column 'view'; name one with --view COLUMN, or .*--view =NAME"),
        ("photo,label,view\na,x,top", {}, r"no column path, file.*--path"),
        ("file,species,view\na,x,top", {}, r"no column labels, label.*--labels.*--label-columns"),
        ("file,label,view\na,x,top", {"patient": "who"}, r"no column 'who'; it has: file, label, view"),
        ("file,label,view\na,x,top\na,y,top", {}, r"1 images stand in several rows of index\.csv, a among them"),
        ("file,label,view\na,x,top", {"map_view": {"oblique": "top"}}, r"no view oblique; it has: top"),
        ("file,label,view\na,x,top", {"only_view": ["side"]}, r"No image of index\.csv has the view side; it has: top"),
        ("file,label,view\na,x,top", {"where": ["label=y"]}, r"No row of index\.csv has label=y.*'x' \(1\)"),
        ("file,label,view\na,x,top", {"where": ["label"]}, r"--where label; expected COLUMN=VALUE"),
        ("file,label,view,split\na,x,top,fold1", {}, r"holds 'fold1' \(1\)"),
        ("file,label,view\na,x,top", {"split": "=holdout"}, r"holds 'holdout' \(1\)"),
        ("file,label,view,split\na,x,top,val", {"val_share": 0.1}, r"has a split 'val' already"),
        ("top,side,label\n,,x", {"view_columns": ["top", "side"]}, r"columns top, side of index\.csv name no image"),
        ("file,label,view\n,x,top", {}, r"No row of index\.csv names an image; .*--path"),
        ("file,label,view\na,x,top", {"source_px": "=large"}, r"holds 'large'; expected whole numbers"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(
    tmp_path: Path, text: str, *, columns: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        gather(tmp_path, text, **columns)


def test_rows_that_name_no_image_are_left_out_and_counted(tmp_path: Path) -> None:
    found = gather(tmp_path, "file,label,view\na,x,top\n,x,top\n,y,top")

    assert column(found, "path") == ["a"]
    assert found.remarks[0] == "2 rows name no image and are left out."


def test_an_image_that_names_no_patient_is_another_patient(tmp_path: Path) -> None:
    text = "file,label,view,patient\na,x,top,\nb,x,top,7"

    found = gather(tmp_path, text)

    assert column(found, "patient") == ["a", "7"]
    assert "1 images name no patient" in found.remarks[1]


def test_food_mushrooms_pairs_and_films_are_indexed(data_folder: Path, tmp_path: Path) -> None:
    calls: dict[str, tuple[dict[str, Any], int]] = {
        "food": ({"study": "object_id,shot"}, 2651),
        "mushrooms": ({"study": "object_id,label", "map_view": {"oblique": "top"}, "only_view": ["top", "side"]}, 609),
        "pairs": ({"view_columns": ["frontal", "lateral"], "split": "=test"}, 54),
        "nih": ({"view": "=frontal", "boxes": data_folder / "nih" / "BBox_List_2017.csv.gz"}, 11618),
    }
    for name, (columns, images) in calls.items():
        rows, problems = written(gather_table(data_folder / name / "index.csv", Columns(**columns)), tmp_path)
        assert (name, len(rows), problems) == (name, images, [])
