"""Readings as tables for a terminal, or plain text where standard output is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rakurs.cli.disk import printing
from rakurs.inference.document import Document
from rakurs.inference.weight import TICKS, by_weight, number, place, points_of, tick_name
from rakurs.pack import Pack
from rakurs.task import OperatingPoint

BAR_WIDTH = 22
HOLLOW, FILLED, NEITHER = "○", "●", "·"
"""A point that keeps sensitivity is drawn hollow, one that keeps specificity filled: told apart without colour."""

_ASCII = str.maketrans({"█": "#", "○": "o", "●": "@", "·": ".", "─": "-"})


@contextmanager
def tables(pack: Pack) -> Iterator[Callable[[Document], None]]:
    """Give a function that prints one reading on standard output."""
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    both_on_one_screen = sys.stderr.isatty() and console.is_terminal

    def show(reading: Document) -> None:
        if both_on_one_screen:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        with printing():
            _show(console, reading, pack=pack)
            sys.stdout.flush()

    yield show


def _show(console: Console, reading: Document, *, pack: Pack) -> None:
    files = ", ".join(f"{_printable(path)} ({view})" for view, path in reading["files"].items())
    console.print(_said(console, files, style="bold"), soft_wrap=True)
    if reading["state"] == "refused":
        refusal = reading["refusal"]
        console.print(_said(console, f"  refused, {refusal['code']}: ", style="bold red"), end="", soft_wrap=True)
        console.print(_said(console, refusal["message"]), soft_wrap=True)
    else:
        for warning in reading["warnings"]:
            console.print(
                _said(console, f"  warning, {warning['code']}: {warning['message']}", style="yellow"), soft_wrap=True
            )
        if reading["answer"] is not None:
            title = next(each["title"] for each in reading["findings"] if each["label"] == reading["answer"])
            console.print(_said(console, f"  {title}", style="bold green"), soft_wrap=True)
        console.print(_table(console, reading, pack=pack))
    console.print()


def _table(console: Console, reading: Document, *, pack: Pack) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Finding")
    table.add_column("Probability" if reading["calibrated"] else "Score", justify="right")
    table.add_column(_said(console, _scale(calibrated=reading["calibrated"])), no_wrap=True)
    table.add_column("Reached")
    for finding in by_weight(reading["findings"], pack):
        style = "bold" if any(finding["operating_points"].values()) else ""
        table.add_row(
            Text(finding["title"], style),
            Text(number(finding["probability"], calibrated=reading["calibrated"]), style),
            _said(console, _bar(finding, pack), style=style),
            _said(console, _reached(finding, pack), style=style),
        )
    return table


def _scale(*, calibrated: bool) -> str:
    """The names of some probabilities, each where it lies on the bar below it."""
    line = [" "] * BAR_WIDTH
    for probability in TICKS:
        at = _column(probability)
        name = tick_name(probability, calibrated=calibrated)
        line[at : at + len(name)] = name
    return "".join(line).rstrip()


def _bar(finding: Document, pack: Pack) -> str:
    """The probability as a bar, and the thresholds as marks on its scale."""
    filled = _column(finding["probability"]) + 1
    line = ["█"] * filled + ["·"] * (BAR_WIDTH - filled)
    for point, measured in points_of(pack, finding["label"]):
        line[_column(measured.threshold)] = _mark(point)
    return "".join(line)


def _reached(finding: Document, pack: Pack) -> str:
    points = [point for point, _ in points_of(pack, finding["label"]) if finding["operating_points"][point.name]]
    return "  ".join(f"{_mark(point)} {point.name}" for point in points) or NEITHER


def _mark(point: OperatingPoint) -> str:
    return HOLLOW if point.criterion == "sensitivity" else FILLED


def _column(probability: float) -> int:
    return round(place(probability) * (BAR_WIDTH - 1))


def _printable(path: str) -> str:
    """A path that cannot steer the terminal: file names may hold escape sequences."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in path)


def _said(console: Console, text: str, *, style: str = "") -> Text:
    """The text, in ASCII where standard output knows no more."""
    if console.encoding.startswith("utf"):
        return Text(text, style)
    plain = text.translate(_ASCII).encode(console.encoding, "replace").decode(console.encoding)
    return Text(plain, style)
