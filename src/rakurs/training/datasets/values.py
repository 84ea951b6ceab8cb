"""What columns of text say: labels, ages, sexes, numbers; what cannot be understood is null and counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import Texts

OLDEST = 120
"""Years; no reported age above it has been verified except one (J. Calment, 122), which no data set has."""

_YEARS: Mapping[str, float] = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}  # DICOM PS3.5 6.2, AS
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([YMWD]?)", re.IGNORECASE)
_SEXES: Mapping[str, str] = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_HOLDS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", ""), False),
}


def ages(values: Texts) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Ages in years, NaN where not known, and what was left out; "058Y", "6M" and "12D" are DICOM's."""
    years = {value: _years(value) for value in set(values.tolist())}
    held = np.array([years[value] for value in values.tolist()], np.float64)
    impossible = held > OLDEST
    unread = int(np.isnan(held).sum() - (values == "").sum())
    said = [f"{int(impossible.sum())} ages above {OLDEST} years are left out."] if impossible.any() else []
    said += [f"{unread} ages are no number and are left out."] if unread else []
    return np.where(impossible, np.nan, held), said


def _years(value: str) -> float:
    match = _AGE.fullmatch(value)
    return float(match[1]) * _YEARS[match[2].upper() or "Y"] if match else np.nan


def sexes(values: Texts) -> tuple[list[str | None], list[str]]:
    """M, F or O as in DICOM, None where not known, and what was left out."""
    held = [_SEXES.get(value.lower()) for value in values.tolist()]
    unread = sum(sex is None and value != "" for sex, value in zip(held, values.tolist(), strict=True))
    return held, [f"{unread} sexes are none of M, F and O and are left out."] if unread else []


def positions(values: Texts) -> list[str | None]:
    """View positions in capitals, None where there is none."""
    return [value.upper() or None for value in values.tolist()]


def whole_numbers(values: Texts, *, of: str) -> list[int | None]:
    """Whole numbers, None where there is none.

    Raises:
        UsageError: some are no whole numbers.
    """
    read = {value: _whole(value) for value in set(values.tolist())}
    wrong = sorted(value for value, number in read.items() if number is None and value)
    if wrong:
        raise UsageError(f"{of} holds '{wrong[0]}'; expected whole numbers of pixels.")
    return [read[value] for value in values.tolist()]


def _whole(value: str) -> int | None:
    return int(float(value)) if re.fullmatch(r"\d+(\.0*)?", value) else None


def split_labels(values: Texts, separator: str) -> list[list[str]]:
    """The labels of each row, each once; none where the field is empty."""
    read = {value: _labels(value.split(separator)) for value in set(values.tolist())}
    return [read[value] for value in values.tolist()]


def _labels(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def labels_of_columns(columns: Mapping[str, Texts], *, of: str) -> list[list[str]]:
    """The labels of each row from a column of 0 and 1 for each.

    Raises:
        UsageError: a column holds something else.
    """
    held: list[list[str]] = [[] for _ in next(iter(columns.values()))]
    for name, values in columns.items():
        read = {value: _HOLDS.get(value.lower()) for value in set(values.tolist())}
        other = sorted(value for value, holds in read.items() if holds is None)
        if other:
            raise UsageError(
                f"The column '{name}' of {of} holds '{other[0]}'; expected 0 or 1. Keep only rows that have them, "
                f"with --where {name}=0,1, or write 0 or 1 in its place."
            )
        for row, value in enumerate(values.tolist()):
            if read[value]:
                held[row].append(name)
    return held


def pixels(said: str) -> int | None:
    """A number of pixels as a person says it; None: "measured".

    Raises:
        UsageError: it is neither.
    """
    number = _whole(said)
    if number is None and said != "measured":
        raise UsageError(f"Got --source-px {said}; expected a number of pixels, or measured.")
    return number
