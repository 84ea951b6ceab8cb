"""Small films with labels: PNG files and the index that names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rakurs.evaluation.index import Films, films_of, read_index, write_index
from rakurs.task import Task, read_task
from tests.films import png
from tests.packs import LABELS, task_text


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an index."""

    split: str
    patient: int
    labels: Sequence[str]
    source_px: int


def silent(what: str, done: int, total: int) -> None:  # noqa: PLR0917 - as it is called
    """Takes progress and shows nothing."""


def rows_of(
    split: str, n: int, *, labels: Sequence[str] = tuple(LABELS), sources: Sequence[int] = (256, 64)
) -> list[Row]:
    """`n` films of n / 2 patients; each label holds for every second, third, ... film, so none for all or none of six.

    The sources take turns from patient to patient; patients of different splits differ.
    """
    first = 1000 * sum(split.encode())
    return [
        Row(
            split=split,
            patient=first + number // 2,
            labels=[name for place, name in enumerate(labels) if number % (place + 2) == 0],
            source_px=sources[number // 2 % len(sources)],
        )
        for number in range(n)
    ]


def write_films(folder: Path, rows: Iterable[Row], *, side: int = 72, seed: int = 0) -> Path:
    """Write a frontal film for each row, 8 x 8 random greys at `side` pixels, and their index; give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    held, generator = list(rows), np.random.default_rng(seed)
    names = [f"film-{number:03d}.png" for number in range(len(held))]
    for name in names:
        greys = generator.integers(0, 256, (8, 8), np.uint8)
        (folder / name).write_bytes(png(np.kron(greys, np.ones((side // 8, side // 8), np.uint8))))
    columns = {
        "study": names,
        "patient": [str(row.patient) for row in held],
        "view": ["frontal"] * len(held),
        "path": names,
        "labels": [list(row.labels) for row in held],
        "split": [row.split for row in held],
        "source_px": [row.source_px for row in held],
    }
    return write_index(columns, images=folder, path=folder / "index.parquet")


def write_task(
    folder: Path, *, labels: Sequence[str] = tuple(LABELS), side: int = 64, views: Sequence[str] = ("frontal",)
) -> Task:
    """A task, of the frontal view unless others are named, by way of a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "task.toml"
    path.write_text(task_text(views, labels, side=side), encoding="utf-8")
    return read_task(path)


def labelled_films(folder: Path, task: Task, *, splits: Sequence[tuple[str, int]]) -> dict[str, Films]:
    """So many films of each split, written and read back."""
    rows = [row for split, n in splits for row in rows_of(split, n)]
    index = read_index(write_films(folder, rows))
    return {split: films_of(index, task, view="frontal", split=split) for split, _ in splits}
