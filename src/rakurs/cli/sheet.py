"""Readings as rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from rakurs.cli.disk import part_of, writing
from rakurs.inference.document import Document

COLUMNS = (
    "study",  # its number in the order of the sources, from 1
    "files",  # view=path, joined by " | "
    "state",  # read or refused
    "calibrated",  # true or false
    "label",
    "title",
    "code_scheme",
    "code_value",
    "code_meaning",
    "probability",  # 0..1
    "logit",
    "operating_points",  # the names of those reached, joined by a space
    "refusal",  # the code
    "message",
)


@contextmanager
def sheet(path: Path) -> Iterator[Callable[[Document], None]]:
    """Give a function that adds one reading; the file stands under its name when all are in it.

    Raises:
        UsageError: the file cannot be written.
    """
    part = part_of(path)
    numbers = count(1)

    def add(reading: Document) -> None:
        with writing(path):
            rows.writerows(_rows(next(numbers), reading))

    with _removed(part):
        with writing(path):
            file = part.open("x", encoding="utf-8", newline="")
        with file:
            rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            rows.writeheader()
            yield add
            with writing(path):
                file.flush()
        with writing(path):
            part.replace(path)


@contextmanager
def _removed(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):
            part.unlink()


def _rows(study: int, reading: Document) -> Iterator[dict[str, Any]]:
    files = " | ".join(f"{view}={path}" for view, path in reading["files"].items())
    of_study = {"study": study, "files": files, "state": reading["state"]}
    if reading["state"] == "refused":
        yield {**of_study, "refusal": reading["refusal"]["code"], "message": reading["refusal"]["message"]}
        return
    for finding in reading["findings"]:
        scheme, value, meaning = finding["code"] or ("", "", "")
        yield {
            **of_study,
            "calibrated": str(reading["calibrated"]).lower(),
            "label": finding["label"],
            "title": finding["title"],
            "code_scheme": scheme,
            "code_value": value,
            "code_meaning": meaning,
            "probability": _plain(finding["probability"]),
            "logit": _plain(finding["logit"]),
            "operating_points": " ".join(name for name, reached in finding["operating_points"].items() if reached),
        }


def _plain(number: float) -> str:
    """A number without an exponent, which spreadsheets and simple readers get wrong."""
    return f"{Decimal(repr(number)):f}"
