"""NIH ChestX-ray14 as downloaded (Wang et al., CVPR 2017): image folders, label file, official lists, boxes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rakurs.errors import UsageError
from rakurs.training.datasets.boxes import SIDE_PX, boxes_of, read_boxes, stem_of
from rakurs.training.datasets.delimited import Texts, find_column, read_columns, texts
from rakurs.training.datasets.gathered import (
    MISSING,
    Gathered,
    Problem,
    is_image,
    table_of,
)
from rakurs.training.datasets.splits import SEED, VAL_SHARE, decide_splits
from rakurs.training.datasets.values import ages, positions, sexes, split_labels

VIEW = "frontal"
_COLUMNS: Final[Mapping[str, Sequence[str]]] = {  # as Data_Entry_2017.csv and Data_Entry_2017_v2020.csv spell them
    "image": ("Image Index",),
    "labels": ("Finding Labels",),
    "patient": ("Patient ID",),
    "age": ("Patient Age",),
    "sex": ("Patient Gender", "Patient Sex"),
    "position": ("View Position",),
}
_LISTS: Final[Mapping[str, str]] = {"train": "train_val_list.txt", "test": "test_list.txt"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What may differ from the release: where images lie, their published size, and how films are split.

    `images` is the folder of resized copies, if they are to be read instead; `source_px` None: measured.
    """

    images: Path | None = None
    source_px: int | None = SIDE_PX
    official: bool = True
    val_share: float | None = None
    seed: int = SEED


def gather_nih(root: Path, choices: Choices) -> Gathered:
    """The films of the release in the folder `root`.

    Where both official lists are there, they say what is test, and a share of the other patients is val; else
    all splits are drawn by patient.

    Raises:
        UsageError: there is no label file or no image, the label file lacks a column, or there is one list of two.
    """
    held, remarks = _read_entries(root)
    folder = choices.images or root
    found, said = _find_images(folder)
    paths = [found.get(stem, "") for stem in held["stem"].tolist()]
    there = np.array([path != "" for path in paths], np.bool_)
    missing = [Problem(name, MISSING) for name in held["image"][~there].tolist()]
    remarks += said + _strays(found, held["stem"])
    splits, inside, drawn = _splits(root, held, choices=choices)
    kept = there & inside
    held = {name: values[kept] for name, values in held.items()}
    table, unsure = _table(
        held, texts(paths)[kept].tolist(), splits=splits[kept], root=root, source_px=choices.source_px
    )
    remarks += drawn + unsure
    return Gathered(table, folder, remarks=remarks, problems=missing, measure=choices.source_px is None)


def _read_entries(root: Path) -> tuple[dict[str, Texts], list[str]]:
    """The columns of the label file by what they mean; of two files the corrected one of 2020 counts."""
    files = sorted(file for file in root.glob("Data_Entry_2017*.csv*") if file.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise UsageError(
            f"There is no Data_Entry_2017*.csv in {root}; expected the folder of the NIH release, with its label file, "
            "its image folders, and the lists train_val_list.txt and test_list.txt."
        )
    columns = read_columns(files[-1])
    found = {meaning: find_column(columns, names) for meaning, names in _COLUMNS.items()}
    missing = [_COLUMNS[meaning][0] for meaning, name in found.items() if name is None]
    if missing:
        raise UsageError(f"{files[-1].name} has no column {', '.join(missing)}; it has: {', '.join(columns)}.")
    remarks = [f"Of {len(files)} label files {files[-1].name} is read."] if len(files) > 1 else []
    held = {meaning: columns[name] for meaning, name in found.items() if name is not None}
    held["patient"] = texts(str(int(name)) if name.isdecimal() else name for name in held["patient"].tolist())
    held["stem"] = texts(map(stem_of, held["image"].tolist()))  # copies of the images may have another ending
    return held, remarks


def _find_images(root: Path) -> tuple[dict[str, str], list[str]]:
    """Where the image of each name lies, by its name without the ending, relative to `root`.

    Looked for in `root`, in images*, and in the folder images of those.
    """
    found: dict[str, str] = {}
    twice = 0
    for folder in ("", *sorted(path.relative_to(root).as_posix() for path in _image_folders(root))):
        for name in sorted(os.listdir(root / folder)):
            if is_image(name):
                twice += (stem := stem_of(name)) in found
                found.setdefault(stem, f"{folder}/{name}" if folder else name)
    if not found:
        raise UsageError(
            f"There are no images in {root}, its folders images* or images*/images; unpack the archives "
            "images_001.tar.gz and on there, or name the folder of the images with --images."
        )
    return found, [f"{twice} images lie in two folders; the first is used."] if twice else []


def _image_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.")
    return [path for pattern in ("images*", "images*/images") for path in root.glob(pattern) if path.is_dir()]


def _strays(found: Mapping[str, str], stems: Texts) -> list[str]:
    strays = len(set(found) - set(stems.tolist()))
    return [f"{strays} images have no row in the label file and are left out."] if strays else []


def _splits(
    root: Path, held: Mapping[str, Texts], *, choices: Choices
) -> tuple[Texts, npt.NDArray[np.bool_], list[str]]:
    """The split of each film, whether it has one, and what was drawn or left out."""
    lists = {split: root / name for split, name in _LISTS.items()} if choices.official else {}
    there = [file for file in lists.values() if file.is_file()]
    everywhere = np.ones(len(held["image"]), np.bool_)
    if not there:
        splits, said = decide_splits(None, held["patient"], of="", val_share=choices.val_share, seed=choices.seed)
        supposed = [f"{' and '.join(_LISTS.values())} are not there."] if choices.official else []
        return splits, everywhere, supposed + said
    if len(there) < len(lists):
        absent = next(file.name for file in lists.values() if file not in there)
        raise UsageError(
            f"{there[0].name} is in {root}, but {absent} is not. Put it there, or draw splits with --split random."
        )
    listed = {stem_of(name): split for split, file in lists.items() for name in file.read_text("utf-8").split()}
    named = [listed.get(stem, "") for stem in held["stem"].tolist()]
    splits, inside = texts(named), np.array([split != "" for split in named], np.bool_)
    outside = int((~inside).sum())
    said = [f"{outside} films stand in neither list and are left out."] if outside else []
    share = VAL_SHARE if choices.val_share is None else choices.val_share
    drawn, words = decide_splits(splits, held["patient"], of="", val_share=share, seed=choices.seed)
    return drawn, inside, ["Splits are the official lists'.", *said, *words]


def _table(
    held: Mapping[str, Texts], paths: Sequence[str], *, splits: Texts, root: Path, source_px: int | None
) -> tuple[pa.Table, list[str]]:
    """The rows of all films, and what was left out of them."""
    years, young = ages(held["age"])
    named, unsexed = sexes(held["sex"])
    boxes, unplaced = _boxes(root, held["stem"])
    table = table_of(
        study=held["stem"].tolist(),
        patient=held["patient"].tolist(),
        view=[VIEW] * len(paths),
        path=paths,
        labels=split_labels(held["labels"], "|"),
        split=splits.tolist(),
        age=years,
        sex=named,
        view_position=positions(held["position"]),
        source_px=None if source_px is None else [source_px] * len(paths),
        boxes=boxes,
    )
    return table, [*young, *unsexed, *unplaced]


def _boxes(root: Path, stems: Texts) -> tuple[list[object] | None, list[str]]:
    files = sorted(file for file in root.glob("BBox_List_2017.csv*") if file.name.endswith((".csv", ".csv.gz")))
    if not files:
        return None, ["BBox_List_2017.csv is not there: the index has no boxes."]
    return boxes_of(stems.tolist(), read_boxes(files[0]))
