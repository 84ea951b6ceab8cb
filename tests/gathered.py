"""Folders of small images, files that name them, and what a data set gathered of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from rakurs.training.datasets.gathered import Gathered, Problem, usable, write_gathered
from tests.films import png
from tests.labelled import silent

PIXELS = png(np.arange(64, dtype=np.uint8).reshape(8, 8))


def write_images(folder: Path, paths: Iterable[str]) -> None:
    """Write the same small PNG to each of the paths in `folder`."""
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(PIXELS)


def write_csv(path: Path, text: str) -> Path:
    """Write lines of text, indented or not; packed where the name ends in .gz."""
    data = "".join(f"{line.strip()}\n" for line in text.strip().splitlines()).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rows_of(gathered: Gathered) -> list[Mapping[str, Any]]:
    """The rows as they were gathered."""
    rows: list[Mapping[str, Any]] = gathered.table.to_pylist()
    return rows


def column(gathered: Gathered, name: str) -> list[Any]:
    """One column as it was gathered."""
    values: list[Any] = gathered.table[name].to_pylist()
    return values


def written(gathered: Gathered, folder: Path, *, verify: bool = False) -> tuple[list[Mapping[str, Any]], list[Problem]]:
    """The rows of the index that was written, and what was left out."""
    out = folder / "index.parquet"
    left, problems = usable(gathered, verify=verify, progress=silent)
    write_gathered(left, out)
    rows: list[Mapping[str, Any]] = parquet.read_table(out).to_pylist()
    return rows, problems
