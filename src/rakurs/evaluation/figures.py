"""The figures of an assessment, each as SVG and PNG and its points as CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, IntArray
from rakurs.evaluation.calibration import reliability
from rakurs.evaluation.plots import (
    Curve,
    confusion_figure,
    interval_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from rakurs.evaluation.ranking import auprc, auroc, precision_recall_curve, roc_curve
from rakurs.evaluation.tables import write_csv
from rakurs.task import Label, title_of

MOST_BINS, FEWEST_BINS, STUDIES_PER_BIN = 10, 5, 100
"""Of a reliability diagram: with few studies more bins show little but luck."""

Answers = Mapping[str, FloatArray]


def draw(figure: Callable[[Path], None], folder: Path, *, name: str) -> None:
    """Write a figure as `name`.svg and `name`.png."""
    for suffix in (".svg", ".png"):
        figure(folder / f"{name}{suffix}")


def draw_roc(truth: BoolArray, answers: Answers, *, labels: Sequence[Label], folder: Path, name: str = "roc") -> None:
    """ROC curves of every label and reader, and their points with thresholds; both classes must be there.

    Raises:
        UsageError: as `roc_figure`.
    """
    panels: dict[str, list[Curve]] = {}
    points: list[dict[str, Any]] = []
    for axis, label in enumerate(labels):
        for reader, scores in answers.items():
            false_rate, true_rate, threshold = roc_curve(truth[:, axis], scores[:, axis])
            kept = corners(false_rate, true_rate)
            area = auroc(truth[:, axis], scores[:, axis])
            panels.setdefault(title_of(label), []).append((reader, false_rate[kept], true_rate[kept], area))
            points += [
                {
                    "label": label.name,
                    "reader": reader,
                    "threshold": None if math.isinf(threshold[place]) else threshold[place],
                    "false_positive_rate": false_rate[place],
                    "true_positive_rate": true_rate[place],
                }
                for place in kept
            ]
    draw(lambda path: roc_figure(panels, path), folder, name=name)
    write_csv(points, folder / f"{name}.csv")


def draw_precision_recall(truth: BoolArray, answers: Answers, *, labels: Sequence[Label], folder: Path) -> None:
    """Precision-recall curves of every label and reader, and their points with thresholds; positives must be there.

    Raises:
        UsageError: as `precision_recall_figure`.
    """
    panels: dict[str, list[Curve]] = {}
    points: list[dict[str, Any]] = []
    for axis, label in enumerate(labels):
        for reader, scores in answers.items():
            precision, recall, threshold = precision_recall_curve(truth[:, axis], scores[:, axis])
            kept = corners(recall, precision)
            kept = kept[recall[kept] > 0]  # before the first positive there is no curve
            area = auprc(truth[:, axis], scores[:, axis])
            panels.setdefault(title_of(label), []).append((reader, recall[kept], precision[kept], area))
            points += [
                {
                    "label": label.name,
                    "reader": reader,
                    "threshold": threshold[place] if place < len(threshold) else None,
                    "recall": recall[place],
                    "precision": precision[place],
                }
                for place in kept
            ]
    shares = {title_of(label): float(truth[:, axis].mean()) for axis, label in enumerate(labels)}
    draw(lambda path: precision_recall_figure(panels, path, shares=shares), folder, name="precision-recall")
    write_csv(points, folder / "precision-recall.csv")


def draw_reliability(truth: BoolArray, answers: Answers, *, labels: Sequence[Label], folder: Path) -> None:
    """Reliability diagrams in bins of equal mass, of every label and reader, and their points.

    Raises:
        UsageError: as `reliability` or `reliability_figure`.
    """
    bins = MOST_BINS if len(truth) >= MOST_BINS * STUDIES_PER_BIN else FEWEST_BINS
    tables = {
        title_of(label): [
            (reader, reliability(truth[:, axis], scores[:, axis], bins=bins)) for reader, scores in answers.items()
        ]
        for axis, label in enumerate(labels)
    }
    draw(lambda path: reliability_figure(tables, path), folder, name="reliability")
    rows = [
        {"label": label.name, "reader": reader, "probability": said, "frequency": came_true, "studies": count}
        for label, of_label in zip(labels, tables.values(), strict=True)
        for reader, table in of_label
        for said, came_true, count in zip(table.probability, table.frequency, table.count, strict=True)
    ]
    write_csv(rows, folder / "reliability.csv")


def draw_areas(scores: Sequence[Mapping[str, Any]], *, labels: Sequence[Label], folder: Path) -> None:
    """AUROC with intervals of every label and reader, and their mean.

    Raises:
        UsageError: as `interval_figure`.
    """
    kinds = [(title_of(label), label.name) for label in labels]
    bars = {title: [_bar(table["reader"], table["labels"][name]["auroc"]) for table in scores] for title, name in kinds}
    bars["Mean"] = [_bar(table["reader"], table["mean"]["auroc"]) for table in scores]
    draw(lambda path: interval_figure(bars, path, across="AUROC", chance=0.5), folder, name="auroc")


def draw_confusion(counts: IntArray, *, labels: Sequence[Label], folder: Path) -> None:
    """What was taken for what, and the counts.

    Raises:
        UsageError: as `confusion_figure`.
    """
    titles = [title_of(label) for label in labels]
    draw(lambda path: confusion_figure(counts, titles, path=path), folder, name="confusion")
    names = [label.name for label in labels]
    rows = [
        {"is": name, **dict(zip(names, row, strict=True))} for name, row in zip(names, counts.tolist(), strict=True)
    ]
    write_csv(rows, folder / "confusion.csv")


def corners(across: Float64Array, up: Float64Array) -> IntArray:
    """The places of a curve's points, without those within a level or upright stretch, which the rest draws alike."""
    level, upright = np.diff(up) == 0, np.diff(across) == 0
    within = (level[:-1] & level[1:]) | (upright[:-1] & upright[1:])
    return np.flatnonzero(np.concatenate([[True], ~within, [True]])).astype(np.int64)


def _bar(reader: str, given: Mapping[str, float | None]) -> tuple[str, float, float, float]:
    value, low, high = (math.nan if given[key] is None else float(given[key] or 0) for key in ("value", "low", "high"))
    return reader, value, low, high
