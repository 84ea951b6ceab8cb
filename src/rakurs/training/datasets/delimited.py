"""A CSV file as its columns: comma, semicolon or tab, plain or .gz."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError

Texts = npt.NDArray[np.object_]
"""One column: text, (rows,), without spaces at its ends."""

DELIMITERS = ",;\t"


def read_columns(path: Path) -> dict[str, Texts]:
    """The columns by name; those whose name is empty are left out.

    Raises:
        UsageError: the file is missing, is no text in UTF-8, has no rows, two columns of one name, or a row
            with more or fewer fields than the first line names.
    """
    names, *rows = [[], *_lines(path)][1:] or [[]]
    while names and not names[-1]:  # a comma at the end of a line names no column
        names.pop()
    if not names or not rows:
        raise UsageError(f"{path.name} has no rows; expected a line of column names and a line for each image.")
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise UsageError(f"{path.name} has two columns {', '.join(twice)}; give each its own name.")
    for number, row in enumerate(rows, start=2):
        if len(row) < len(names) or any(row[len(names) :]):
            raise UsageError(
                f"{path.name} cannot be read: row {number} has {len(row)} fields; expected {len(names)}, as the first "
                "line has. A field that holds the separator needs quotes."
            )
    columns = zip(names, zip(*(row[: len(names)] for row in rows), strict=True), strict=True)
    return {name: texts(values) for name, values in columns if name}


def texts(values: Iterable[str]) -> Texts:
    """The values as one column."""
    held = [value.strip() for value in values]
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


def _lines(path: Path) -> list[list[str]]:
    """The fields of every line that is not empty."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        opened = gzip.open if packed else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=head.count)
            return [row for row in csv.reader(file, delimiter=delimiter) if any(row)]
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path.name} in {path.parent}.") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path.name} cannot be read as a CSV in UTF-8 ({type(error).__name__}); save it as one, plain or .gz."
        ) from None
