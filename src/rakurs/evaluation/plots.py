"""The pictures beside the numbers: small multiples, one panel for each label, the same bytes for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rakurs.errors import UsageError
from rakurs.evaluation.answers import FloatArray
from rakurs.evaluation.calibration import Reliability
from rakurs.evaluation.intervals import wilson_interval

Curve = tuple[str, FloatArray, FloatArray, float]  # name, false positive rate, true positive rate, AUROC
Table = tuple[str, Reliability]

# Okabe and Ito's colours, told apart by colour-blind readers; each with its own line, for print without colour.
_LINES = [("#0072B2", "-"), ("#D55E00", (0, (4, 1.5))), ("#009E73", (0, (1, 1.2))), ("#CC79A7", (0, (5, 1, 1, 1)))]
_INK, _FAINT = "#333333", "#BBBBBB"
_PANEL_INCHES, _MOST_COLUMNS = 2.1, 4
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
        UsageError: there is no panel, there are more than four names, or the suffix is neither .svg nor .png.
    """
    names = _names(curve[0] for panel in curves.values() for curve in panel)
    with mpl.rc_context(_STYLE):
        figure, panels = _grid(dict.fromkeys(curves, 1.0), across="False positive rate", up="True positive rate")
        for axes, panel in zip(panels, curves.values(), strict=True):
            for row, (name, false_rate, true_rate, area) in enumerate(panel):
                colour, line = _LINES[names.index(name)]
                axes.plot(false_rate, true_rate, color=colour, linestyle=line, linewidth=1.4, clip_on=False)
                text = f"{name} {area:.3f}" if math.isfinite(area) else f"{name}: one class"
                _say(axes, text, colour=colour, line=len(panel) - 1 - row, corner="right")
        _write(figure, path)


def reliability_figure(tables: Mapping[str, Sequence[Table]], path: Path) -> None:
    """Write reliability diagrams, one panel for each label, as SVG or PNG by the suffix of `path`.

    `tables[label]` lists (name, reliability table). Bars are 95 % Wilson intervals of the frequency in each bin. A
    panel goes as far as its points do (0.25, 0.5 or 1, the same both ways), for rare labels stay near 0.

    Raises:
        UsageError: there is no panel, there are more than four names, or the suffix is neither .svg nor .png.
    """
    names = _names(name for panel in tables.values() for name, _ in panel)
    with mpl.rc_context(_STYLE):
        reaches = {label: _reach(panel) for label, panel in tables.items()}
        figure, panels = _grid(reaches, across="Probability", up="Frequency")
        for axes, panel in zip(panels, tables.values(), strict=True):
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
    """One square panel for each title, from 0 to its reach both ways, with the diagonal.

    Only the outer panels carry numbers, unless the panels differ in reach.
    """
    if not reaches:
        raise UsageError("Got no label to draw; expected at least one.")
    columns = min(len(reaches), _MOST_COLUMNS)
    rows = math.ceil(len(reaches) / columns)
    figure = Figure(figsize=(columns * _PANEL_INCHES + 0.4, rows * (_PANEL_INCHES + 0.25) + 0.3), layout="constrained")
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(reaches))]
    differ = len(set(reaches.values())) > 1
    for place, (axes, (title, reach)) in enumerate(zip(panels, reaches.items(), strict=True)):
        ticks = [0, reach / 2, reach]
        numbers = [f"{tick:g}" for tick in ticks]
        axes.plot([0, reach], [0, reach], color=_FAINT, linewidth=0.8, zorder=0)
        axes.set(xlim=(0, reach), ylim=(0, reach), aspect="equal")
        axes.set_xticks(ticks, numbers if differ or place + columns >= len(reaches) else [])
        axes.set_yticks(ticks, numbers if differ or place % columns == 0 else [])
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    figure.supxlabel(across, fontsize=8)
    figure.supylabel(up, fontsize=8)
    return figure, panels


def _say(axes: Axes, text: str, *, colour: str, line: int, corner: str) -> None:
    """Write a line's name in its colour: counted from the bottom in the right corner, from the top in the left."""
    x, y = (0.97, 0.05 + 0.11 * line) if corner == "right" else (0.04, 0.95 - 0.11 * line)
    vertical = "bottom" if corner == "right" else "top"
    axes.text(x, y, text, color=colour, ha=corner, va=vertical, transform=axes.transAxes)


def _write(figure: Figure, path: Path) -> None:
    """Save without a date or a version of the program, so that the same numbers give the same bytes."""
    metadata = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
    if path.suffix not in metadata:
        raise UsageError(f"Got a picture named '*{path.suffix}'; expected .svg or .png.")
    figure.savefig(path, dpi=200, metadata=metadata[path.suffix])
