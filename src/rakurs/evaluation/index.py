"""The index of a data set: one Parquet file, a row per image, that says of whom it is, its view, labels and split.

`rakurs dataset` writes it; training and evaluation read it, and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

from rakurs.errors import UsageError
from rakurs.task import Task

SPLITS = ("train", "val", "test")

BOX = pa.struct([("label", pa.string()), *((side, pa.float32()) for side in ("left", "top", "width", "height"))])
"""Where a label shows in an image, as fractions 0..1 of its width and height; the label as the data set names it."""

SCHEMA = pa.schema(
    [
        pa.field("study", pa.string(), nullable=False),
        pa.field("patient", pa.string(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.string()), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("source_px", pa.int32()),
        pa.field("age", pa.float32()),
        pa.field("sex", pa.string()),
        pa.field("view_position", pa.string()),
        pa.field("boxes", pa.list_(BOX)),
    ]
)
"""The columns. `path` is relative to the folder in the file's metadata; `labels` are the data set's own;
`source_px` is the longer side of the image as it was published, `age` is in years; null: not known."""

METADATA_KEY = b"rakurs"


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The rows of an index, by `SCHEMA`; `images` is the folder that their paths are relative to."""

    table: pa.Table
    images: Path

    def __len__(self) -> int:
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """n images of one view: `truth` bool (n, labels), `patients` and `source_px` int (n,), 0 where not known."""

    files: list[Path]
    truth: npt.NDArray[np.bool_]
    patients: npt.NDArray[np.int64]
    source_px: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a label shows in the image of a view, as fractions 0..1 of its width and height."""

    view: str
    label: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Studies:
    """n studies of one split.

    `truth` bool (n, labels); `patients` int (n,), one number per patient; `films[view]` are the
    images of the studies `rows[view]`, int (m,) into 0..n-1; `traits` holds "age" in years, float
    (n,) with NaN where not known, and "sex" and "view_position", object (n,) with None.
    """

    names: list[str]
    truth: npt.NDArray[np.bool_]
    patients: npt.NDArray[np.int64]
    films: Mapping[str, Films]
    rows: Mapping[str, npt.NDArray[np.int64]]
    traits: Mapping[str, npt.NDArray[Any]]
    boxes: list[list[Box]]

    def __len__(self) -> int:
        return len(self.names)


def write_index(columns: Mapping[str, Sequence[Any]] | pa.Table, *, images: Path, path: Path) -> Path:
    """Write an index, whole or not at all; columns that are not given are null.

    Raises:
        UsageError: as `read_index`.
        OSError: the file cannot be written.
    """
    given = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    parts = [
        given[field.name].cast(field.type) if field.name in given.column_names else pa.nulls(len(given), field.type)
        for field in SCHEMA
    ]
    metadata = {METADATA_KEY: json.dumps({"schema": 1, "images": str(images.resolve())})}
    table = pa.table(parts, schema=SCHEMA).replace_schema_metadata(metadata)
    _check(table, name=path.name)
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, partial)
        return partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read_index(path: Path, *, images: Path | None = None) -> Index:
    """Read an index; `images` is where its images lie now, if they moved.

    Raises:
        UsageError: the file is missing or no index of Rakurs; it has no rows, a split with another
            name, a patient in two splits, or a study with two images of one view or images that
            differ in patient or labels; or its images are not where it says.
    """
    try:
        table = parquet.read_table(path)
        held = json.loads((table.schema.metadata or {})[METADATA_KEY])
        table = table.cast(SCHEMA)
        folder = Path(held["images"]) if images is None else images
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        raise UsageError(
            f"{path.name} in {path.parent} is no index that can be read; make one with `rakurs dataset`."
        ) from None
    _check(table, name=path.name)
    _refuse_moved(table["path"].to_pylist(), folder, name=path.name)
    return Index(table=table, images=folder)


def _check(table: pa.Table, *, name: str) -> None:
    if not table.num_rows:
        raise UsageError(f"The index {name} has no rows.")
    empty = [field.name for field in SCHEMA if not field.nullable and table[field.name].null_count]
    if empty:
        raise UsageError(f"The index {name} has rows without {', '.join(empty)}.")
    other = sorted(set(table["split"].unique().to_pylist()) - set(SPLITS))
    if other:
        raise UsageError(f"The index {name} has the splits {', '.join(other)}; expected {', '.join(SPLITS)}.")
    _refuse_two_sides(table)
    _refuse_unlike_images(table)


def _refuse_two_sides(table: pa.Table) -> None:
    pairs = table.group_by(["patient", "split"]).aggregate([])
    shared = len(pairs) - len(pairs["patient"].unique())
    if shared:
        counted = sum(n > 1 for n in Counter(pairs["patient"].to_pylist()).values())
        raise UsageError(f"{counted} patients stand in more than one split; split by patient.")


def _refuse_unlike_images(table: pa.Table) -> None:
    if len(table.group_by(["study", "view"]).aggregate([])) < len(table):
        raise UsageError("A study has two images of one view; give each its own study.")
    if len(table["study"].unique()) == len(table):
        return
    said: dict[str, tuple[str, tuple[str, ...]]] = {}
    columns = (table[name].to_pylist() for name in ("study", "patient", "labels"))
    unlike = {
        study
        for study, patient, labels in zip(*columns, strict=True)
        if said.setdefault(study, (patient, tuple(sorted(labels)))) != (patient, tuple(sorted(labels)))
    }
    if unlike:
        raise UsageError(f"The images of {len(unlike)} studies differ in patient or labels; a study has one of each.")


def _refuse_moved(paths: Sequence[str], folder: Path, *, name: str) -> None:
    """Ask for the first and the last image only: a folder moves as a whole."""
    missing = [path for path in (paths[0], paths[-1]) if not (folder / path).is_file()]
    if missing:
        raise UsageError(
            f"The images of the index {name} are not in {folder}: {missing[0]} is missing. "
            "If they moved, name their folder with --images."
        )


def studies_of(index: Index, task: Task) -> dict[str, Studies]:
    """The studies of each split, with the truth of the task's labels, in the order of the index.

    Raises:
        UsageError: the index has labels or views that the task does not know, or, where exactly one label
            holds, studies with none or several.
    """
    _refuse_unknown(index, task)
    splits = index.table["split"].to_numpy(zero_copy_only=False)
    codes = index.table["patient"].combine_chunks().dictionary_encode().indices.to_numpy()
    return {
        split: _studies(index, np.flatnonzero(splits == split), task=task, patients=codes)
        for split in SPLITS
        if (splits == split).any()
    }


def films_of(index: Index, task: Task, *, view: str, split: str) -> Films:
    """The images of one view in one split.

    Raises:
        UsageError: as `studies_of`, or there are none.
    """
    studies = split_of(index, task, split=split)
    if view not in studies.films:
        raise UsageError(f"The split '{split}' of the index has no images of the view '{view}'.")
    return studies.films[view]


def split_of(index: Index, task: Task, *, split: str) -> Studies:
    """The studies of one split.

    Raises:
        UsageError: as `studies_of`, or the index has no such split.
    """
    splits = studies_of(index, task)
    if split not in splits:
        raise UsageError(f"The index has no split '{split}'; it has: {', '.join(splits)}.")
    return splits[split]


def _refuse_unknown(index: Index, task: Task) -> None:
    known = {name for label in task.labels for name in label.source_names}.union(task.without)
    held = Counter(name for labels in index.table["labels"].to_pylist() for name in labels)
    unknown = [f"{name} ({n})" for name, n in held.most_common() if name not in known]
    if unknown:
        raise UsageError(
            f"The task '{task.name}' does not know labels of the index: {', '.join(unknown)}. Name them in `from` of "
            "the label that they mean, or in `without` if they mean none."
        )
    views = set(index.table["view"].unique().to_pylist()) - {view.name for view in task.views}
    if views:
        raise UsageError(f"The task '{task.name}' has no view {', '.join(sorted(views))}, which the index has.")


def _studies(
    index: Index, held: npt.NDArray[np.int64], *, task: Task, patients: npt.NDArray[np.integer[Any]]
) -> Studies:
    table = index.table.take(pa.array(held))
    columns = {name: table[name].to_pylist() for name in table.column_names}
    names = list(dict.fromkeys(columns["study"]))
    place = {name: row for row, name in enumerate(names)}
    study = np.array([place[name] for name in columns["study"]], np.int64)  # (images,)
    first = np.unique(study, return_index=True)[1]  # (studies,): the first image of each
    truth = _truth([columns["labels"][row] for row in first], task)
    source_px = np.array([px or 0 for px in columns["source_px"]], np.int64)
    views = np.array(columns["view"], object)
    films, rows = {}, {}
    for view in (view.name for view in task.views if (views == view.name).any()):
        of_view = np.flatnonzero(views == view)
        rows[view] = study[of_view]
        films[view] = Films(
            files=[index.images / columns["path"][row] for row in of_view],
            truth=truth[rows[view]],
            patients=patients[held[of_view]].astype(np.int64),
            source_px=source_px[of_view],
        )
    return Studies(
        names=names,
        truth=truth,
        patients=patients[held[first]].astype(np.int64),
        films=films,
        rows=rows,
        traits={
            "age": np.array([columns["age"][row] for row in first], np.float64),
            **{name: np.array([columns[name][row] for row in first], object) for name in ("sex", "view_position")},
        },
        boxes=_boxes(columns, study, n=len(names)),
    )


def _truth(labels: Sequence[Sequence[str]], task: Task) -> npt.NDArray[np.bool_]:
    """Which of the task's labels hold: (n, labels)."""
    places: dict[str, list[int]] = {}
    for axis, label in enumerate(task.labels):
        for name in label.source_names:
            places.setdefault(name, []).append(axis)
    truth = np.zeros((len(labels), len(task.labels)), np.bool_)
    for row, names in enumerate(labels):
        truth[row, [axis for name in names for axis in places.get(name, [])]] = True
    if task.activation == "softmax" and (truth.sum(1) != 1).any():
        raise UsageError(
            f"{int((truth.sum(1) != 1).sum())} of {len(truth)} studies have none or several of the labels of "
            f"'{task.name}', of which exactly one holds; leave them out of the index."
        )
    return truth


def _boxes(columns: Mapping[str, list[Any]], study: npt.NDArray[np.int64], *, n: int) -> list[list[Box]]:
    boxes: list[list[Box]] = [[] for _ in range(n)]
    for row, view, held in zip(study, columns["view"], columns["boxes"], strict=True):
        boxes[row] += [Box(view=view, **box) for box in held or []]
    return boxes
