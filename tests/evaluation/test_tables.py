"""Tables to read and to compute with."""

import csv
import math
from pathlib import Path

import pytest

from rakurs.evaluation.tables import Table, flatten, markdown, shown, write_csv


def test_markdown_has_a_row_per_row_and_escapes_what_would_break_a_cell() -> None:
    table = Table(name="t", title="T", head=["label", "AUROC"], rows=[["a|b", "0.5"]])

    assert markdown(table) == "| label | AUROC |\n| --- | --- |\n| a\\|b | 0.5 |"


def test_intervals_become_three_columns_and_lists_one() -> None:
    row = {"label": "mass", "auroc": {"value": 0.7, "low": None, "high": math.nan}, "over": ["a", "b"]}

    assert flatten(row) == {"label": "mass", "auroc": 0.7, "auroc_low": "", "auroc_high": "", "over": "a b"}


def test_rows_that_differ_in_columns_are_read_back_whole(tmp_path: Path) -> None:
    write_csv([{"a": 1, "b": {"c": 2}}, {"a": 3, "d": "x,y"}], tmp_path / "rows.csv")

    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as lines:
        assert list(csv.DictReader(lines)) == [{"a": "1", "b_c": "2", "d": ""}, {"a": "3", "b_c": "", "d": "x,y"}]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"value": 0.71234, "low": 0.6, "high": 0.8}, "0.712 [0.600, 0.800]"),
        ({"value": 0.5, "low": None, "high": None}, "0.500"),
        ({"value": None, "low": None, "high": None}, "not measurable"),
        (None, "not measurable"),
    ],
)
def test_a_value_is_shown_with_its_interval(given: dict[str, float | None] | None, text: str) -> None:
    assert shown(given) == text
