"""A CSV file as its columns: comma, semicolon or tab, plain or .gz."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError

Texts = npt.NDArray[np.object_]
"""One column of text: (rows,)."""

DELIMITERS = ",;\t"
CHUNK = 1000
"""Rows that are turned into columns at a time: all at once, they cost the collector of garbage a second."""


def read_columns(path: Path) -> dict[str, Texts]:
    """The columns by name, without spaces around their values; those whose name is empty are left out.

    Raises:
        UsageError: the file is missing, is no text in UTF-8, has no rows, two columns of one name, or a row
            with more or fewer fields than the first line names.
    """
    rows = _rows(path)
    names = next(rows, [])
    while names and not names[-1]:  # a comma at the end of a line names no column
        names.pop()
    columns: list[list[str]] = [[] for _ in names]
    while chunk := list(islice(rows, CHUNK)):
        start = len(columns[0]) + 2 if columns else 2  # as a person counts lines, the first of which has the names
        for column, values in zip(columns, _turned(chunk, len(names), of=path.name, start=start), strict=True):
            column.extend(map(str.strip, values))
    if not columns or not columns[0]:
        raise UsageError(f"{path.name} has no rows; expected a line of column names and a line for each image.")
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise UsageError(f"{path.name} has two columns {', '.join(twice)}; give each its own name.")
    return {name: texts(values) for name, values in zip(names, columns, strict=True) if name}


def _turned(rows: Sequence[list[str]], width: int, *, of: str, start: int) -> list[tuple[str, ...]]:
    """Rows turned into columns; fields beyond the named ones must be empty."""
    if set(map(len, rows)) != {width}:
        for number, row in enumerate(rows, start=start):
            if len(row) < width or any(row[width:]):
                raise UsageError(
                    f"{of} cannot be read: row {number} has {len(row)} fields; expected {width}, as the first line "
                    "has. A field that holds the separator needs quotes."
                )
        rows = [row[:width] for row in rows]
    return list(zip(*rows, strict=True)) if width else []


def texts(values: Iterable[str]) -> Texts:
    """The values as one column."""
    held = list(values)
    column = np.empty(len(held), object)
    column[:] = held
    return column


def find_column(columns: Mapping[str, Texts], names: Sequence[str]) -> str | None:
    """The first column of these names, whichever way it is spelt: "Patient ID" is "patient_id"."""
    spelt = {plain_name(name): name for name in reversed(list(columns))}
    return next((spelt[name] for name in map(plain_name, names) if name in spelt), None)


def take_column(columns: Mapping[str, Texts], name: str, *, of: str) -> Texts:
    """The column of this name, exactly or however it is spelt.

    Raises:
        UsageError: there is none; the sentence lists those that there are.
    """
    found = name if name in columns else find_column(columns, [name])
    if found is None:
        raise UsageError(f"{of} has no column '{name}'; it has: {', '.join(columns)}.")
    return columns[found]


def plain_name(name: str) -> str:
    """A column's name in small letters, with _ for whatever else stands in it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _rows(path: Path) -> Iterator[list[str]]:
    """The fields of every line that is not empty."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        opened = gzip.open if packed else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=head.count)
            yield from (row for row in csv.reader(file, delimiter=delimiter) if any(row))
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path.name} in {path.parent}.") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path.name} cannot be read as a CSV in UTF-8 ({type(error).__name__}); save it as one, plain or .gz."
        ) from None
