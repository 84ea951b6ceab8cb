"""Rows that a data set gave, before they are an index: images are looked for, and what is left is written."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import PIL.Image
import pyarrow as pa

from rakurs.errors import Refusal, UsageError
from rakurs.evaluation.index import SCHEMA, write_index

if TYPE_CHECKING:
    from rakurs.evaluation.films import Progress  # which brings the inference runtime along

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".jp2", ".dcm", ".dicom")
"""What names of images end in; what is in them is told by content alone."""

MISSING, EMPTY, NO_FILE = "missing", "empty", "no file"


@dataclass(frozen=True, slots=True)
class Problem:
    """An image that is named but cannot be used: its path, and why not."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The rows of a data set, by `rakurs.evaluation.index.SCHEMA`.

    Paths are relative to `images`; `remarks` say in sentences what was left out or supposed; `problems`
    are images that were found wanting already. With `measure`, the published size of an image is that of its file.
    """

    table: pa.Table
    images: Path
    remarks: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    measure: bool = False


def usable(gathered: Gathered, *, verify: bool, progress: Progress) -> tuple[Gathered, list[Problem]]:
    """Leave out the images that are not there, and with `verify` those that cannot be decoded; say which, and why."""
    table, problems = gathered.table, list(gathered.problems)
    for check in (_absent, _undecodable) if verify else (_absent,):
        paths = table["path"].to_pylist()
        why = check(paths, gathered.images, progress=progress)
        problems += [Problem(path, said) for path, said in zip(paths, why, strict=True) if said]
        table = table.filter(pa.array([not said for said in why], pa.bool_()))
    if gathered.measure:
        sides = _longer_sides(table["path"].to_pylist(), gathered.images)
        table = table.set_column(SCHEMA.get_field_index("source_px"), SCHEMA.field("source_px"), sides)
    return replace(gathered, table=table, problems=problems), problems


def write_gathered(gathered: Gathered, path: Path) -> Path:
    """Write the index of what is left, whole or not at all.

    Raises:
        UsageError: no image is left, the images of a study disagree, or as `write_index`.
    """
    problems = gathered.problems
    if not gathered.table.num_rows:
        first = f"; the first, {problems[0].path}, is {problems[0].why}" if problems else ""
        raise UsageError(
            f"No image is left for the index: {len(problems)} are named, and none can be used{first}. "
            f"Their paths were looked for in {gathered.images}; name another folder if they lie elsewhere."
        )
    _refuse_unlike(gathered.table)
    return write_index(gathered.table, images=gathered.images, path=path)


def _refuse_unlike(table: pa.Table) -> None:
    """A study has one set of labels: where its images have others, its name was too coarse."""
    if len(table["study"].unique()) == len(table):
        return
    said: dict[str, tuple[str, ...]] = {}
    unlike = {
        study
        for study, labels in zip(table["study"].to_pylist(), table["labels"].to_pylist(), strict=True)
        if said.setdefault(study, tuple(sorted(labels))) != tuple(sorted(labels))
    }
    if unlike:
        raise UsageError(
            f"The images of {len(unlike)} studies have different labels, {min(unlike)} among them. Let --study say "
            "more, such as the label or the day too, so that a study is one subject from one visit."
        )


def write_problems(problems: Sequence[Problem], path: Path) -> None:
    """Write every image that was left out, and why, as a CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "problem"), *((problem.path, problem.why) for problem in problems)])


def is_image(name: str) -> bool:
    """Whether a file's name ends as that of an image, and can be written down."""
    if not name.lower().endswith(ENDINGS) or name.startswith("."):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8, which an index cannot hold
        return False
    return True


def number_studies(studies: Sequence[str], views: Sequence[str]) -> list[str]:
    """Let a study have one image of a view: the i-th images of all views of "X" make the study "X/i", the first "X"."""
    seen: Counter[tuple[str, str]] = Counter()
    given, numbered = set(studies), []
    for study, view in zip(studies, views, strict=True):
        seen[study, view] += 1
        name = study if seen[study, view] == 1 else f"{study}/{seen[study, view]}"
        numbered.append(name if name == study or name not in given else f"{study}//{seen[study, view]}")
    return numbered


def _absent(paths: Sequence[str], folder: Path, *, progress: Progress) -> list[str]:
    """Why an image is not there, or "": a folder is listed once, so that 100,000 images take a second."""
    sizes: dict[str, dict[str, int]] = {}
    why: list[str] = []
    for path in paths:
        head, _, name = path.rpartition("/")
        if head not in sizes:
            sizes[head] = _sizes(folder / head)
        size = sizes[head].get(name)
        why.append(_WANTING.get(size, ""))
    progress("looking for images", len(paths), len(paths))
    return why


_WANTING: Final[Mapping[int | None, str]] = {None: MISSING, 0: EMPTY, -1: NO_FILE}
"""What is wrong with an image of that size."""


def _sizes(folder: Path) -> dict[str, int]:
    """What a folder holds and its sizes in bytes, -1 for what is no file; nothing if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _size(entry) for entry in entries}
    except OSError:
        return {}


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size if entry.is_file() else -1
    except OSError:
        return -1


def _undecodable(paths: Sequence[str], folder: Path, *, progress: Progress) -> list[str]:
    """Why an image cannot be decoded, or ""; decoders let go of the interpreter, so threads use every core."""
    why = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for said in pool.map(lambda path: _refused(folder / path), paths):
            why.append(said)
            progress("decoding", len(why), len(paths))
    return why


def _refused(file: Path) -> str:
    # Not at the top: the decoders take as long to import as 20,000 rows to index, which need none of them.
    from rakurs.inference.images import read_image  # noqa: PLC0415

    try:
        read_image(file)
    except Refusal as refusal:
        return refusal.message
    return ""


def _lists(values: Sequence[Sequence[str]]) -> pa.Array:
    """A column of lists, of which few are different: converting each of 112,120 takes a quarter of a second."""
    places: dict[tuple[str, ...], int] = {}
    rows = [places.setdefault(tuple(value), len(places)) for value in values]
    return pa.array(map(list, places), pa.list_(pa.string())).take(pa.array(rows, pa.int64()))


def _longer_sides(paths: Sequence[str], folder: Path) -> pa.Array:
    """The longer side of each image in pixels, by its header; null where Pillow does not know the format."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pa.array(pool.map(lambda path: _longer_side(folder / path), paths), pa.int32())


def _longer_side(file: Path) -> int | None:
    try:
        with PIL.Image.open(file) as image:
            return max(image.size)
    except (OSError, ValueError, PIL.Image.DecompressionBombError):
        return None


def table_of(**columns: Any) -> pa.Table:
    """The columns as a table by `rakurs.evaluation.index.SCHEMA`; those that are None or not given are null."""
    n = len(columns["study"])
    given = [columns.get(field.name) for field in SCHEMA]
    given[SCHEMA.get_field_index("labels")] = _lists(columns["labels"])
    parts = [
        pa.nulls(n, field.type) if values is None else pa.array(values, field.type, from_pandas=True)
        for field, values in zip(SCHEMA, given, strict=True)
    ]
    return pa.table(parts, schema=SCHEMA)
