"""Any CSV with a row per image, or with a row per study and a column per view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.training.datasets.boxes import SIDE_PX, boxes_of, read_boxes
from rakurs.training.datasets.delimited import Texts, find_column, read_columns, take_column, texts
from rakurs.training.datasets.gathered import Gathered, number_studies, table_of
from rakurs.training.datasets.splits import SEED, decide_splits, named_splits
from rakurs.training.datasets.values import ages, labels_of_columns, positions, sexes, split_labels, whole_numbers

USUAL: Final[Mapping[str, Sequence[str]]] = {
    "path": ("path", "file", "filename", "file_name", "image_path", "image", "image_index"),
    "labels": ("labels", "label", "finding_labels", "finding", "findings", "class", "category"),
    "patient": ("patient", "patient_id", "patientid", "subject", "subject_id", "object", "object_id"),
    "study": ("study", "study_id", "studyid", "pair"),
    "view": ("view",),
    "split": ("split",),
    "age": ("age", "patient_age"),
    "sex": ("sex", "gender", "patient_sex", "patient_gender"),
    "view_position": ("view_position", "viewposition"),
    "source_px": ("source_px",),
}
"""The columns that are looked for where none is named, the first of them that is there."""

SEPARATOR = "|"
MEASURED = "=measured"
"""The published size of each image is that of its file."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a CSV means what; None: the usual names are looked for.

    `labels` is COLUMN or COLUMN:SEPARATOR; `label_columns` hold 0 and 1 instead. `patient` and `study` may be
    several columns, joined by commas. "=VALUE" stands for a column with that value in every row: for `view`, for
    `split` (where "=random" draws by patient) and for `source_px` ("=measured"). `view_columns` hold a path for
    each view of the row's study. `map_view` renames views, of which `only_view` are kept; `where` keeps rows:
    COLUMN=A,B or COLUMN!=A,B. `boxes` is a list of boxes in pixels of a square image of `boxes_px`.
    """

    path: str | None = None
    labels: str | None = None
    label_columns: Sequence[str] = ()
    patient: str | None = None
    study: str | None = None
    view: str | None = None
    view_columns: Sequence[str] = ()
    split: str | None = None
    age: str | None = None
    sex: str | None = None
    view_position: str | None = None
    source_px: str | None = None
    map_view: Mapping[str, str] = field(default_factory=dict)
    only_view: Sequence[str] = ()
    where: Sequence[str] = ()
    boxes: Path | None = None
    boxes_px: float = SIDE_PX
    val_share: float | None = None
    seed: int = SEED


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """The columns of a file, all of one length, and what they are called in a sentence."""

    columns: Mapping[str, Texts]
    name: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, name: str) -> Texts:
        return take_column(self.columns, name, of=self.name)

    def keep(self, rows: npt.NDArray[Any]) -> _Sheet:
        return _Sheet({name: values[rows] for name, values in self.columns.items()}, self.name)

    def usual(self, meaning: str, named: str | None) -> Texts | None:
        """The column that is named, else the first of the usual ones; None: there is none."""
        if named is not None:
            return self.take(named)
        found = find_column(self.columns, USUAL[meaning])
        return None if found is None else self.columns[found]

    def joined(self, meaning: str, named: str | None) -> Texts | None:
        """As `usual`, where several columns may be named: their values are joined by a stroke."""
        if named is None or named in self.columns:
            return self.usual(meaning, named)
        parts = [self.take(name).tolist() for name in named.split(",")]
        return texts("/".join(values) for values in zip(*parts, strict=True))


def gather_table(path: Path, columns: Columns, *, images: Path | None = None, main_view: str | None = None) -> Gathered:
    """The images that a CSV names; their paths start in `images`, or where the CSV is.

    The view is `main_view` where neither a column nor `columns` says one.

    Raises:
        UsageError: the file cannot be read, lacks a column, or holds something that cannot be meant.
    """
    sheet = _Sheet(read_columns(path), path.name)
    sheet = _where(sheet, columns.where)
    sheet, views = _by_view(sheet, columns, main_view=main_view)
    sheet, views, remarks = _only_views(sheet, views, columns=columns)
    sheet, views, empty = _with_path(sheet, views, columns=columns)
    paths = _paths(sheet, columns)
    study, patient, said = _subjects(sheet, columns, paths=paths, views=views)
    splits, drawn = _splits(sheet, columns, patient=patient)
    known, unsure = _known(sheet, columns, paths=paths)
    table = table_of(
        study=study,
        patient=patient.tolist(),
        view=views.tolist(),
        path=paths,
        labels=_labels(sheet, columns),
        split=splits.tolist(),
        **known,
    )
    remarks = [*remarks, *empty, *said, *drawn, *unsure]
    return Gathered(table, images or path.parent, remarks=remarks, measure=columns.source_px == MEASURED)


def _where(sheet: _Sheet, conditions: Sequence[str]) -> _Sheet:
    """Keep the rows for which every condition holds."""
    for condition in conditions:
        name, sign, values = condition.partition("=")
        if not sign:
            raise UsageError(f"Got --where {condition}; expected COLUMN=VALUE[,VALUE] or COLUMN!=VALUE[,VALUE].")
        held = sheet.take(name.removesuffix("!"))
        wanted = {value.strip() for value in values.split(",")}
        kept = np.array([(value in wanted) != name.endswith("!") for value in held.tolist()], np.bool_)
        if not kept.any():
            there = ", ".join(f"'{value}' ({n})" for value, n in Counter(held.tolist()).most_common(5))
            raise UsageError(f"No row of {sheet.name} has {condition}; the column holds {there}.")
        sheet = sheet.keep(kept)
    return sheet


def _by_view(sheet: _Sheet, columns: Columns, *, main_view: str | None) -> tuple[_Sheet, Texts]:
    """A row per image, and its view; with `view_columns` a row becomes one for each view that it has."""
    if columns.view_columns:
        return _unfolded(sheet, columns)
    constant = _constant(columns.view) or (main_view if columns.view is None else None)
    held = sheet.usual("view", columns.view) if _constant(columns.view) is None else None
    if held is not None:
        return sheet, held
    if constant is None:
        raise UsageError(
            f"{sheet.name} has no column 'view'; name one with --view COLUMN, or the view of all images with "
            "--view =NAME."
        )
    return sheet, np.full(len(sheet), constant, object)


def _unfolded(sheet: _Sheet, columns: Columns) -> tuple[_Sheet, Texts]:
    held = [sheet.take(name) for name in columns.view_columns]
    rows, place = np.nonzero(np.stack([values != "" for values in held], axis=1))  # by row, then by view
    if not len(rows):
        raise UsageError(f"The columns {', '.join(columns.view_columns)} of {sheet.name} name no image.")
    unfolded = dict(sheet.keep(rows).columns)
    unfolded[_PATH] = np.stack(held, axis=1)[rows, place]
    unfolded[_ROW] = texts(f"row {row + 2}" for row in rows)
    if columns.view_position is not None:  # it says how the first view was taken
        position = sheet.take(columns.view_position)[rows]
        unfolded[columns.view_position] = np.where(place == 0, position, "")
    return _Sheet(unfolded, sheet.name), np.array(columns.view_columns, object)[place]


_PATH, _ROW = " path", " row"
"""Columns that unfolding adds; no column of a file has a name that starts with a space."""


def _only_views(sheet: _Sheet, views: Texts, *, columns: Columns) -> tuple[_Sheet, Texts, list[str]]:
    """Rename views, then keep those that are wanted."""
    unknown = set(columns.map_view) - set(views.tolist())
    if unknown:
        raise UsageError(
            f"{sheet.name} has no view {', '.join(sorted(unknown))}; it has: {', '.join(sorted(set(views.tolist())))}."
        )
    views = texts(columns.map_view.get(view, view) for view in views.tolist())
    if not columns.only_view:
        return sheet, views, []
    kept = np.isin(views.astype(str), np.array(columns.only_view, str))
    if not kept.any():
        raise UsageError(
            f"No image of {sheet.name} has the view {' or '.join(columns.only_view)}; "
            f"it has: {', '.join(sorted(set(views.tolist())))}."
        )
    left = Counter(views[~kept].tolist())
    said = [f"Images of other views are left out: {', '.join(f'{view} {n}' for view, n in left.most_common())}."]
    return sheet.keep(kept), views[kept], said if left else []


def _with_path(sheet: _Sheet, views: Texts, *, columns: Columns) -> tuple[_Sheet, Texts, list[str]]:
    """Keep the rows that name an image, and say how many do not."""
    kept = _path_column(sheet, columns) != ""
    if not kept.any():
        raise UsageError(f"No row of {sheet.name} names an image; name the column of their paths with --path.")
    left_out = len(kept) - int(kept.sum())
    return sheet.keep(kept), views[kept], [f"{left_out} rows name no image and are left out."] if left_out else []


def _path_column(sheet: _Sheet, columns: Columns) -> Texts:
    held = sheet.columns[_PATH] if columns.view_columns else sheet.usual("path", columns.path)
    if held is None:
        raise UsageError(
            f"{sheet.name} has no column {', '.join(USUAL['path'])}; name the column of the images' paths with --path."
        )
    return held


def _paths(sheet: _Sheet, columns: Columns) -> list[str]:
    paths: list[str] = _path_column(sheet, columns).tolist()
    twice = [path for path, n in Counter(paths).items() if n > 1]
    if twice:
        raise UsageError(
            f"{len(twice)} images stand in several rows of {sheet.name}, {twice[0]} among them; "
            "give each one row, with its labels joined by a separator."
        )
    return paths


def _subjects(
    sheet: _Sheet, columns: Columns, *, paths: Sequence[str], views: Texts
) -> tuple[list[str], Texts, list[str]]:
    """The study and the patient of each image, and what had to be supposed."""
    remarks = []
    study = sheet.joined("study", columns.study)
    patient = sheet.joined("patient", columns.patient)
    own = sheet.columns[_ROW] if columns.view_columns else texts(paths)
    if study is None and not columns.view_columns:
        remarks.append("No column names the study: each image is a study of its own (--study COLUMN).")
    study = own if study is None else np.where(study == "", own, study)
    if patient is None:
        remarks.append("No column names the patient: each study counts as another patient (--patient COLUMN).")
        patient = study
    elif (patient == "").any():
        remarks.append(f"{int((patient == '').sum())} images name no patient: each of their studies counts as another.")
        patient = np.where(patient == "", study, patient)
    return number_studies(study.tolist(), views.tolist()), patient, remarks


def _splits(sheet: _Sheet, columns: Columns, *, patient: Texts) -> tuple[Texts, list[str]]:
    """The split of each image: as the file says, else drawn by patient."""
    constant = _constant(columns.split)
    held = None if constant else sheet.usual("split", columns.split)
    if constant not in (None, "random"):
        held = np.full(len(sheet), constant, object)
    named = None if held is None else named_splits(held, of=sheet.name)
    return decide_splits(named, patient, of=sheet.name, val_share=columns.val_share, seed=columns.seed)


def _labels(sheet: _Sheet, columns: Columns) -> list[list[str]]:
    if columns.label_columns:
        return labels_of_columns({name: sheet.take(name) for name in columns.label_columns}, of=sheet.name)
    name, separator = columns.labels, SEPARATOR
    if name is not None and name not in sheet.columns and ":" in name:
        name, _, separator = name.partition(":")
    held = sheet.usual("labels", name or None)
    if held is None:
        raise UsageError(
            f"{sheet.name} has no column {', '.join(USUAL['labels'])}; name the column of labels with --labels, or "
            "columns of 0 and 1 with --label-columns."
        )
    return split_labels(held, separator or SEPARATOR)


def _known(sheet: _Sheet, columns: Columns, *, paths: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What else is known of each image, by column of the index, and what was left out."""
    known: dict[str, Any] = {}
    remarks: list[str] = []
    if (held := sheet.usual("age", columns.age)) is not None:
        years, said = ages(held)
        known["age"], remarks = years, [*remarks, *said]
    if (held := sheet.usual("sex", columns.sex)) is not None:
        named, said = sexes(held)
        known["sex"], remarks = named, [*remarks, *said]
    if (held := sheet.usual("view_position", columns.view_position)) is not None:
        known["view_position"] = positions(held)
    constant = _constant(columns.source_px)
    held = texts([constant] * len(sheet)) if constant else sheet.usual("source_px", columns.source_px)
    if held is not None and columns.source_px != MEASURED:
        known["source_px"] = whole_numbers(held, of="The size of the published images (--source-px)")
    if columns.boxes is not None:
        known["boxes"], said = boxes_of(paths, read_boxes(columns.boxes, side_px=columns.boxes_px))
        remarks = [*remarks, *said]
    return known, remarks


def _constant(named: str | None) -> str | None:
    """The value of "=VALUE"; None where a column is meant."""
    return named[1:] if named is not None and named.startswith("=") else None
