"""An index in numbers, as tables for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rakurs.task import Task
    from rakurs.training.datasets.gathered import Problem
    from rakurs.training.datasets.summary import Counts, Ints, Summary

NARROWEST = 100
"""Columns of a terminal: a narrower one breaks lines itself, which keeps the numbers whole."""
FIRST = 10


def show_summary(summary: Summary, *, task: Task | None = None) -> None:
    """Print the tables of an index on standard output."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.width = max(console.width, NARROWEST)
    console.print(_head(summary))
    for what in ("images", "patients"):
        console.print(f"\nLabels of the data set, {what}", style="bold")
        console.print(_labels(summary.labels, getattr(summary.labels, what), groups=summary.groups))
    if task is not None and summary.task is not None:
        for what in ("images", "patients"):
            console.print(f"\nLabels of the task '{task.name}', {what}", style="bold")
            console.print(_labels(summary.task, getattr(summary.task, what), groups=summary.groups))
        console.print(f"\n{_leaves(task, summary)}")
    console.print(f"\n{_people(summary)}")


def show_left_out(problems: Sequence[Problem], remarks: Sequence[str]) -> None:
    """Say on standard error what was left out, the first ten images by name, and what had to be supposed."""
    for remark in remarks:
        print(remark, file=sys.stderr)
    if not problems:
        return
    print(f"{len(problems)} images cannot be used and are left out:", file=sys.stderr)
    for problem in problems[:FIRST]:
        print(f"  {_printable(problem.path)}: {problem.why}", file=sys.stderr)
    if len(problems) > FIRST:
        print(f"  … and {len(problems) - FIRST} more; --problems FILE writes all.", file=sys.stderr)


def written(path: Path, summary: Summary) -> str:
    """One line that says where the index is and how much it holds."""
    return f"{path}: {summary.images[0]:,} images, {summary.studies[0]:,} studies, {summary.patients[0]:,} patients"


def _head(summary: Summary) -> Table:
    return _table(
        "",
        {name: getattr(summary, name) for name in ("images", "studies", "patients")},
        groups=summary.groups,
    )


def _labels(counts: Counts, numbers: Ints, *, groups: Sequence[str]) -> Table:
    return _table("Label", dict(zip(counts.labels, numbers, strict=True)), groups=groups)


def _table(head: str, rows: dict[str, Ints], *, groups: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(head, no_wrap=True)
    for group in groups:
        table.add_column(group, justify="right", no_wrap=True)
    for name, numbers in rows.items():
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def _leaves(task: Task, summary: Summary) -> str:
    said = f"Left out by the task: {', '.join(task.without)}." if task.without else "The task leaves no label out."
    if summary.unknown:
        said += (
            f" Not known to it, so that training will refuse the index: {', '.join(summary.unknown)}; name them in "
            "`from` of a label, or in `without`."
        )
    if summary.unknown_views:
        said += (
            f" It has no view {', '.join(summary.unknown_views)}, so that training will refuse the index; rename views "
            "or leave them out."
        )
    return said


def _people(summary: Summary) -> str:
    lines = []
    if len(summary.views) > 1 or " + " in next(iter(summary.views)):
        lines.append(f"Studies by view: {', '.join(f'{name} {n:,}' for name, n in summary.views.items())}.")
    if summary.ages:
        low, quarter, median, three, high = np.rint(summary.ages).astype(int).tolist()
        lines.append(
            f"Age of {summary.aged:,} images: median {median} years, half of them {quarter} to {three}, all {low} "
            f"to {high}."
        )
    if set(summary.sexes) != {"unknown"}:
        lines.append(f"Sex of images: {', '.join(f'{name} {n:,}' for name, n in summary.sexes.items())}.")
    if summary.boxes:
        lines.append(f"Boxes: {summary.boxes:,}.")
    return "\n".join(lines)


def _printable(path: str) -> str:
    """A path that cannot steer the terminal: file names may hold escape sequences."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in path)
