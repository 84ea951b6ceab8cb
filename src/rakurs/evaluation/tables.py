"""Numbers as tables: to read (Markdown, HTML) and to compute with (CSV)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

NOT_MEASURABLE = "not measurable"


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown: a name for files and links, a title, the head, and rows of as many cells as the head."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def markdown(table: Table) -> str:
    """The table in Markdown, without its title."""
    lines = [table.head, *table.rows]
    shown = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([shown[0], "|" + " --- |" * len(table.head), *shown[1:]])


def write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows of nested values, by `flatten`: an interval "auroc" has the columns auroc, auroc_low, auroc_high."""
    flat = [flatten(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    lines = StringIO()
    table = csv.DictWriter(lines, names, lineterminator="\n")
    table.writeheader()
    table.writerows(flat)
    path.write_text(lines.getvalue(), encoding="utf-8")


def flatten(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by one name each; lists are joined by a space, what was not measured is empty."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        name = prefix if key == "value" and prefix else "_".join(part for part in (prefix, key) if part)
        if isinstance(value, Mapping):
            flat.update(flatten(value, name))
        elif isinstance(value, list | tuple):
            flat[name] = " ".join(map(str, value))
        else:
            flat[name] = "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
    return flat


def shown(given: Mapping[str, float | None] | None, *, places: int = 3) -> str:
    """A value with its interval, "0.812 [0.780, 0.841]"."""
    if given is None or given["value"] is None:
        return NOT_MEASURABLE
    if given["low"] is None:
        return f"{given['value']:.{places}f}"
    return f"{given['value']:.{places}f} [{given['low']:.{places}f}, {given['high']:.{places}f}]"


def scores_table(scores: Sequence[Mapping[str, Any]]) -> Table:
    """A row per reader and label: areas with their intervals, calibration, and what the operating points give."""
    points = list(next(iter(scores[0]["labels"].values()))["operating_points"]) if scores else []
    head = ["reader", "label", "positives", "AUROC", "AUPRC", "ECE", "Brier"]
    head += [f"{point}: sensitivity / specificity" for point in points]
    rows = []
    for table in scores:
        rows += [_score_row(table["reader"], label, row=row, points=points) for label, row in table["labels"].items()]
        rows.append(_score_row(table["reader"], "**mean**", row=table["mean"], points=points))
    return Table(name="scores", title="Scores", head=head, rows=rows)


def _score_row(reader: str, label: str, *, row: Mapping[str, Any], points: Sequence[str]) -> list[str]:
    calibration = [f"{row[name]:.3f}" if row.get(name) is not None else "" for name in ("ece", "brier")]
    cells = [reader, label, str(row.get("positives", "")), shown(row["auroc"]), shown(row["auprc"]), *calibration]
    for point in points:
        given = row.get("operating_points", {}).get(point)
        cells.append(f"{shown(given['sensitivity'])} / {shown(given['specificity'])}" if given else "")
    return cells
