"""The pictures beside the numbers, the same bytes for the same numbers; of labels small multiples, a panel for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rakurs.errors import UsageError
from rakurs.evaluation.answers import FloatArray, IntArray
from rakurs.evaluation.calibration import Reliability
from rakurs.evaluation.intervals import wilson_interval

Curve = tuple[str, FloatArray, FloatArray, float]  # name, across, up, area under it
Table = tuple[str, Reliability]
Bar = tuple[str, float, float, float]  # name, value, low, high

# Okabe and Ito's colours, told apart by colour-blind readers; each with its own line, for print without colour.
_LINES: list[tuple[str, Any]] = [
    ("#0072B2", "-"),
    ("#D55E00", (0, (4, 1.5))),
    ("#009E73", (0, (1, 1.2))),
    ("#CC79A7", (0, (5, 1, 1, 1))),
    ("#E69F00", (0, (8, 2))),
    ("#56B4E9", (0, (2, 2))),
]
_INK, _FAINT = "#333333", "#BBBBBB"
_PANEL_INCHES, _ALONE_INCHES, _MOST_COLUMNS = 2.1, 3.8, 4
_ROW_INCHES, _CELL_INCHES = 0.2, 0.42
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "svg.hashsalt": "rakurs",
}


def roc_figure(curves: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """Write ROC curves, one panel for each label, as SVG or PNG by the suffix of `path`.

    `curves[label]` lists (name, false positive rate, true positive rate, AUROC); a name keeps its colour in all panels.

    Raises:
        UsageError: there is no panel, there are more than six names, or the suffix is neither .svg nor .png.
    """
    names = _names(curve[0] for panel in curves.values() for curve in panel)
    with mpl.rc_context(_STYLE):
        figure, panels = _grid(dict.fromkeys(curves, 1.0), across="False positive rate", up="True positive rate")
        for axes, panel in zip(panels, curves.values(), strict=True):
            axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=0.8, zorder=0)
            _draw(axes, panel, names=names, corner="right")
        _write(figure, path)


def precision_recall_figure(curves: Mapping[str, Sequence[Curve]], path: Path, *, shares: Mapping[str, float]) -> None:
    """Write precision-recall curves, one panel for each label, as SVG or PNG by the suffix of `path`.

    `curves[label]` lists (name, recall, precision, AUPRC). `shares[label]` is the share of positives, which is the
    precision of chance, drawn as a line.

    Raises:
        UsageError: as `roc_figure`.
    """
    names = _names(curve[0] for panel in curves.values() for curve in panel)
    with mpl.rc_context(_STYLE):
        figure, panels = _grid(dict.fromkeys(curves, 1.0), across="Recall", up="Precision")
        for axes, (label, panel) in zip(panels, curves.items(), strict=True):
            axes.axhline(shares[label], color=_FAINT, linewidth=0.8, zorder=0)
            _draw(axes, panel, names=names, corner="top right")
        _write(figure, path)


def interval_figure(rows: Mapping[str, Sequence[Bar]], path: Path, *, across: str, chance: float) -> None:
    """Write values with their intervals, a row for each label and in it a bar for each name, as SVG or PNG.

    `rows[label]` lists (name, value, low, high); what is NaN is left out. `chance` is drawn as a line.

    Raises:
        UsageError: there is no row, there are more than six names, or the suffix is neither .svg nor .png.
    """
    if not rows:
        raise UsageError("Got no label to draw; expected at least one.")
    names = _names(bar[0] for bars in rows.values() for bar in bars)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 0.7 + len(rows) * _ROW_INCHES * (0.6 + 0.5 * len(names))), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(chance, color=_FAINT, linewidth=0.8, zorder=0)
        for row, bars in enumerate(rows.values()):
            for place, (name, value, low, high) in enumerate(bars):
                if not math.isnan(value):
                    y, colour = row + 0.6 * ((place + 0.5) / len(bars) - 0.5), _LINES[names.index(name)][0]
                    axes.hlines(y, low, high, color=colour, linewidth=1.2)
                    axes.plot([value], [y], "o", color=colour, markersize=3.5)
        for name, (colour, _) in zip(names, _LINES, strict=False):
            axes.plot([], [], "o-", color=colour, markersize=3.5, linewidth=1.2, label=name)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set(xlabel=across, ylim=(len(rows) - 0.4, -0.6))
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper left", ncols=len(names), frameon=False, fontsize=8)
        _write(figure, path)


def confusion_figure(counts: IntArray, titles: Sequence[str], *, path: Path) -> None:
    """Write what was taken for what, `counts` (labels, labels), a row for what it is, as SVG or PNG.

    A cell is as dark as its share of the row; empty cells have no number.

    Raises:
        UsageError: the suffix of `path` is neither .svg nor .png.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = len(titles) * _CELL_INCHES
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(side + 2.2, side + 1.6), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            ink = "white" if shares[row, column] > 0.55 else _INK
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=ink, fontsize=7)
        axes.set_xticks(range(len(titles)), titles, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(titles)), titles)
        axes.set(xlabel="answered", ylabel="is")
        axes.tick_params(length=0)
        _write(figure, path)


def _draw(axes: Axes, panel: Sequence[Curve], *, names: Sequence[str], corner: str) -> None:
    for row, (name, across, up, area) in enumerate(panel):
        colour, line = _LINES[names.index(name)]
        axes.plot(across, up, color=colour, linestyle=line, linewidth=1.4, clip_on=False)
        text = f"{name} {area:.3f}" if math.isfinite(area) else f"{name}: one class"
        _say(axes, text, colour=colour, line=len(panel) - 1 - row if corner == "right" else row, corner=corner)


def reliability_figure(tables: Mapping[str, Sequence[Table]], path: Path) -> None:
    """Write reliability diagrams, one panel for each label, as SVG or PNG by the suffix of `path`.

    `tables[label]` lists (name, reliability table). Bars are 95 % Wilson intervals of the frequency in each bin. A
    panel goes as far as its points do (0.25, 0.5 or 1, the same both ways), for rare labels stay near 0.

    Raises:
        UsageError: there is no panel, there are more than six names, or the suffix is neither .svg nor .png.
    """
    names = _names(name for panel in tables.values() for name, _ in panel)
    with mpl.rc_context(_STYLE):
        reaches = {label: _reach(panel) for label, panel in tables.items()}
        figure, panels = _grid(reaches, across="Probability", up="Frequency")
        for axes, (label, panel) in zip(panels, tables.items(), strict=True):
            axes.plot([0, reaches[label]], [0, reaches[label]], color=_FAINT, linewidth=0.8, zorder=0)
            corner = _free_corner(panel)
            for row, (name, table) in enumerate(panel):
                colour, line = _LINES[names.index(name)]
                axes.plot(table.probability, table.frequency, color=colour, linestyle=line, linewidth=1, clip_on=False)
                axes.scatter(table.probability, table.frequency, s=9, color=colour, linewidths=0, clip_on=False)
                axes.vlines(table.probability, *_bounds(table), color=colour, linewidth=0.8, alpha=0.45)
                _say(axes, name, colour=colour, line=len(panel) - 1 - row if corner == "right" else row, corner=corner)
        _write(figure, path)


def _bounds(table: Reliability) -> tuple[list[float], list[float]]:
    """The lower and upper ends of the bars, each (bins,)."""
    shares = zip(table.frequency, table.count, strict=True)
    intervals = [wilson_interval(min(round(share * count), count), count) for share, count in shares]
    return [interval.low for interval in intervals], [interval.high for interval in intervals]


def _reach(panel: Sequence[Table]) -> float:
    """How far the axes must go to show every point."""
    most = max((float(max(table.probability.max(), table.frequency.max())) for _, table in panel), default=1.0)
    return next(reach for reach in (0.25, 0.5, 1.0) if most <= reach or reach == 1)


def _free_corner(panel: Sequence[Table]) -> str:
    """The lower right corner where the points lie above the diagonal, else the upper left one."""
    above = sum(float((table.frequency - table.probability).mean()) for _, table in panel)
    return "right" if above > 0 else "left"


def _names(listed: Iterable[str]) -> list[str]:
    """The distinct names in the order of their first appearance, which is the order of the colours."""
    names = list(dict.fromkeys(listed))
    if len(names) > len(_LINES):
        raise UsageError(f"Got {len(names)} names; expected at most {len(_LINES)} that can be told apart in one panel.")
    return names


def _grid(reaches: Mapping[str, float], *, across: str, up: str) -> tuple[Figure, list[Axes]]:
    """One square panel for each title, from 0 to its reach both ways; one alone is larger.

    Only the outer panels carry numbers, unless the panels differ in reach.
    """
    if not reaches:
        raise UsageError("Got no label to draw; expected at least one.")
    columns = min(len(reaches), _MOST_COLUMNS)
    rows = math.ceil(len(reaches) / columns)
    inches = _ALONE_INCHES if len(reaches) == 1 else _PANEL_INCHES
    figure = Figure(figsize=(columns * inches + 0.4, rows * (inches + 0.25) + 0.3), layout="constrained")
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(reaches))]
    differ = len(set(reaches.values())) > 1
    for place, (axes, (title, reach)) in enumerate(zip(panels, reaches.items(), strict=True)):
        ticks = [0, reach / 2, reach]
        numbers = [f"{tick:g}" for tick in ticks]
        axes.set(xlim=(0, reach), ylim=(0, reach), aspect="equal")
        axes.set_xticks(ticks, numbers if differ or place + columns >= len(reaches) else [])
        axes.set_yticks(ticks, numbers if differ or place % columns == 0 else [])
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    figure.supxlabel(across, fontsize=8)
    figure.supylabel(up, fontsize=8)
    return figure, panels


def _say(axes: Axes, text: str, *, colour: str, line: int, corner: str) -> None:
    """Write a line's name in its colour: counted from the bottom in the right corner, else from the top."""
    step = 0.11 if len(axes.figure.axes) > 1 else 0.11 * _PANEL_INCHES / _ALONE_INCHES
    x, y = (0.97, 0.05 + step * line) if corner == "right" else (0.04, 0.95 - step * line)
    if corner == "top right":
        x = 0.97
    vertical, horizontal = "bottom" if corner == "right" else "top", "left" if corner == "left" else "right"
    axes.text(x, y, text, color=colour, ha=horizontal, va=vertical, transform=axes.transAxes)


def _write(figure: Figure, path: Path) -> None:
    """Save without a date or a version of the program, so that the same numbers give the same bytes."""
    metadata = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
    if path.suffix not in metadata:
        raise UsageError(f"Got a picture named '*{path.suffix}'; expected .svg or .png.")
    figure.savefig(path, dpi=200, metadata=metadata[path.suffix])
