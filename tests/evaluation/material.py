"""A pack, an index whose films have ages, sexes and boxes, and another network's answers, for tests of reports."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rakurs.evaluation.index import Index, Studies, read_index, write_index
from tests.labelled import rows_of, write_films

N = 60
BOX = {"label": "mass", "left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5}


def write_full_index(folder: Path, *, n: int = N) -> Path:
    """`n` test films of half as many patients, with everything that an index may say of them, and 8 to validate on."""
    plain = read_index(write_films(folder, [*rows_of("test", n), *rows_of("val", 8)]))
    rows = len(plain)
    known = {
        "age": pa.array([float(20 + number % 70) for number in range(rows)], pa.float32()),
        "sex": pa.array(["FM"[number // 2 % 2] for number in range(rows)]),
        "view_position": pa.array(["PA"] * rows),
        "boxes": pa.array([[BOX] if number % 3 == 0 and number < n else None for number in range(rows)]),
    }
    columns = {name: plain.table[name] for name in plain.table.column_names}
    return write_index(pa.table({**columns, **known}), images=folder, path=folder / "full.parquet")


def without_positives(index: Index, label: str, *, path: Path) -> Path:
    """The same index in which a label holds for nobody."""
    labels = [[name for name in names if name != label] for names in index.table["labels"].to_pylist()]
    columns = {name: index.table[name] for name in index.table.column_names if name not in {"labels", "boxes"}}
    return write_index(pa.table({**columns, "labels": pa.array(labels)}), images=index.images, path=path)


def write_peer(
    path: Path,
    studies: Studies,
    *,
    answers: Mapping[str, Sequence[float]],
    suffix: str = ".png",
    rows: int | None = None,
) -> Path:
    """Another network's answers: a row for each film (or the first `rows`), a column for each name."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(["image", *answers])
        films = studies.films["frontal"].files[:rows]
        for file, *row in zip(films, *(column[: len(films)] for column in answers.values()), strict=True):
            table.writerow([file.with_suffix(suffix).name, *row])
    return path


def random_answers(labels: Sequence[str], *, n: int = N, seed: int = 0) -> dict[str, list[float]]:
    """Probabilities of each label."""
    drawn = np.random.default_rng(seed).random((len(labels), n))
    return {name: row.tolist() for name, row in zip(labels, drawn, strict=True)}
