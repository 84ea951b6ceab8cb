"""A pack's answers, and another network's, on the same films: scores, a table, curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.films import Progress, answer_films
from rakurs.evaluation.index import Films
from rakurs.evaluation.plots import Curve, roc_figure
from rakurs.evaluation.ranking import auroc, roc_curve
from rakurs.evaluation.scores import score_labels
from rakurs.inference.fusion import activate, calibrate
from rakurs.inference.network import load_network
from rakurs.pack import Pack
from rakurs.study import FloatArray
from rakurs.task import Label, Task, title_of

PEER_PREFIX = "prob_"
"""What stands before a data set's label in the columns of another network's answers."""


def measure_pack(pack: Pack, films: Films, *, progress: Progress) -> FloatArray:
    """The pack's probabilities for films of its first required view: (n, labels) in 0..1."""
    view = pack.task.main_view.name
    network = load_network(pack.networks[view], pack.task)
    logits, _ = answer_films(network, films.files, preprocess=pack.task.preprocess, progress=progress)
    return activate(calibrate(logits, view=view, task=pack.task, measured=pack.measured), pack.task)


def peer_answers(path: Path, films: Films, *, task: Task) -> FloatArray:
    """Another network's answers from a CSV: (n, labels); of merged labels the largest.

    The first column names the image file, whose stem is compared; the others are the data set's
    labels, with or without `PEER_PREFIX`.

    Raises:
        UsageError: the file cannot be read, a film or a label is missing, or an answer is no number.
    """
    columns, by_stem = _peer_rows(path)
    missing = [file.name for file in films.files if file.stem not in by_stem]
    if missing:
        raise UsageError(f"{path.name} lacks {len(missing)} of the films; the first is {missing[0]}.")
    try:
        answers = [
            [max(_answers_of(by_stem[file.stem], label, columns=columns)) for label in task.labels]
            for file in films.files
        ]
    except (ValueError, IndexError):
        raise UsageError(f"{path.name} has a row that is short or holds something that is no number.") from None
    return np.array(answers, np.float32)


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
    named = [columns[name] for name in label.source_names if name in columns]
    if len(named) < len(label.source_names):
        raise UsageError(f"The peer's answers lack a column for a part of the label '{label.name}'.")
    return [float(row[column]) for column in named]


def score_answers(
    answers: Mapping[str, FloatArray], *, films: Films, pack: Pack, data_set: str, seed: int
) -> list[dict[str, Any]]:
    """One table of `score_labels` per reader; operating points only for the first, the pack itself."""
    labels = [label.name for label in pack.task.labels]
    points = pack.measured.operating_points if pack.measured else {}
    thresholds = {point: {label: each[label].threshold for label in labels} for point, each in points.items()}
    return [
        {
            "reader": reader,
            "data_set": data_set,
            "films": len(films),
            "patients": len(np.unique(films.patients)),
            **score_labels(
                films.truth,
                probability,
                labels=labels,
                patients=films.patients,
                thresholds=thresholds if place == 0 else {},
                seed=seed,
            ),
        }
        for place, (reader, probability) in enumerate(answers.items())
    ]


def scores_table(scores: list[dict[str, Any]]) -> str:
    """The scores as Markdown: a row per reader and label, a value with its 95 % interval."""
    head = ["reader", "label", "positives", "AUROC", "AUPRC", "ECE"]
    points = list(next(iter(scores[0]["labels"].values()))["operating_points"]) if scores else []
    head += [f"{point}: sensitivity / specificity" for point in points]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for table in scores:
        lines += [_row(table["reader"], label, row=row, points=points) for label, row in table["labels"].items()]
        lines.append(_row(table["reader"], "**mean**", row=table["mean"], points=points))
    return "\n".join(lines)


def _row(reader: str, label: str, *, row: Mapping[str, Any], points: list[str]) -> str:
    cells = [reader, label, str(row.get("positives", "")), _interval(row["auroc"]), _interval(row["auprc"])]
    cells.append(f"{row['ece']:.3f}")
    for point in points:
        given = row.get("operating_points", {}).get(point)
        cells.append(f"{_interval(given['sensitivity'])} / {_interval(given['specificity'])}" if given else "")
    return "| " + " | ".join(cells) + " |"


def _interval(given: Mapping[str, float | None]) -> str:
    if given["value"] is None or given["low"] is None:
        return "not measurable"
    return f"{given['value']:.3f} [{given['low']:.3f}, {given['high']:.3f}]"


def draw_curves(answers: Mapping[str, FloatArray], *, films: Films, task: Task, path: Path) -> None:
    """ROC curves, a panel per label and a curve per reader, as .svg or .png."""
    curves = {
        title_of(label): [
            _curve(reader, films.truth[:, axis], score=scores[:, axis]) for reader, scores in answers.items()
        ]
        for axis, label in enumerate(task.labels)
    }
    roc_figure(curves, path)


def _curve(reader: str, truth: npt.NDArray[np.bool_], *, score: FloatArray) -> Curve:
    false_positive_rate, true_positive_rate, _ = roc_curve(truth, score)
    return reader, false_positive_rate, true_positive_rate, auroc(truth, score)
