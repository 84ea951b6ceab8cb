"""Another network's answers to the same studies, from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rakurs.errors import UsageError
from rakurs.evaluation.index import Studies
from rakurs.study import FloatArray
from rakurs.task import Label

PEER_PREFIX = "prob_"
"""What stands before a data set's label in the columns of another network's answers."""


def peer_answers(path: Path, studies: Studies, *, labels: Sequence[Label]) -> FloatArray:
    """Another network's answers from a CSV: (n, labels); of merged labels the largest.

    The first column names the study, or one of its image files, whose stem is compared; the others are the data
    set's labels, with or without `PEER_PREFIX`.

    Raises:
        UsageError: the file cannot be read, a study or a label is missing, or an answer is no number.
    """
    columns, by_stem = _peer_rows(path)
    names = [[name for name in named if name in by_stem] for named in _names(studies)]
    missing = [study for study, found in zip(studies.names, names, strict=True) if not found]
    if missing:
        raise UsageError(
            f"{path.name} lacks {len(missing)} of {len(studies)} films; the first is {missing[0]}. "
            "Each film needs a row that begins with its name."
        )
    try:
        answers = [[max(_answers_of(by_stem[found[0]], label, columns=columns)) for label in labels] for found in names]
        given = np.array(answers, np.float32)
    except (ValueError, IndexError):
        raise UsageError(f"{path.name} has a row that is short or holds something that is no number.") from None
    if not np.isfinite(given).all():
        raise UsageError(f"{path.name} holds an answer that is not a finite number.")
    return given


def _names(studies: Studies) -> list[list[str]]:
    """By what each study may be called: its own name, then the stems of its images."""
    names = [[Path(name).stem] for name in studies.names]
    for view, films in studies.films.items():
        for row, file in zip(studies.rows[view], films.files, strict=True):
            names[row].append(file.stem)
    return names


def _peer_rows(path: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The place of each column, and the rows by the stem of their first value."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"{path.name} cannot be read as a CSV of answers.") from None
    if not rows:
        raise UsageError(f"{path.name} is empty; expected a row of names and a row per film.")
    columns = {name.removeprefix(PEER_PREFIX): place for place, name in enumerate(rows[0])}
    return columns, {Path(row[0]).stem: row for row in rows[1:]}


def _answers_of(row: list[str], label: Label, *, columns: Mapping[str, int]) -> list[float]:
    missing = [name for name in label.source_names if name not in columns]
    if missing:
        raise UsageError(
            f"The peer's answers lack a column for a part of the label '{label.name}': {', '.join(missing)}."
        )
    return [float(row[columns[name]]) for name in label.source_names]
