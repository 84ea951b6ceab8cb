"""A CSV is read whichever way it is separated, packed or marked, and refused with the line at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import find_column, read_columns, take_column, texts
from tests.gathered import write_csv


@pytest.mark.parametrize("name", ["films.csv", "films.csv.gz", "films.txt"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_read_by_name_without_spaces_around(tmp_path: Path, name: str, *, separator: str) -> None:
    path = write_csv(tmp_path / name, separator.join(["file", "label"]) + "\n" + separator.join(["a.png", " mass "]))

    assert {key: held.tolist() for key, held in read_columns(path).items()} == {"file": ["a.png"], "label": ["mass"]}


def test_a_mark_of_utf_8_and_a_quoted_separator_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes('\ufefffile,label\r\n"a, b.png",грыжа\r\n\r\n'.encode())

    columns = read_columns(path)

    assert columns["file"].tolist() == ["a, b.png"]
    assert columns["label"].tolist() == ["грыжа"]


@pytest.mark.parametrize("row", ["a.png,mass", "a.png,mass,,,"])
def test_commas_at_the_end_of_a_line_name_no_column(tmp_path: Path, row: str) -> None:
    assert list(read_columns(write_csv(tmp_path / "films.csv", f"file,label,,,\n{row}"))) == ["file", "label"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,label\na.png,mass\nb.png", r"row 3 has 1 fields; expected 2.*needs quotes"),
        ("file,label\na.png,mass,effusion", r"row 2 has 3 fields; expected 2"),
        ("file,label", "has no rows"),
        ("file,file\na.png,b.png", "two columns file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str, *, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_columns(write_csv(tmp_path / "films.csv", text))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no rows"),
        (b"file,label\n\xff\xfe,mass\n", "cannot be read as a CSV in UTF-8"),
        (b"\x1f\x8bnot packed", "cannot be read as a CSV in UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, *, says: str) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes(content)

    with pytest.raises(UsageError, match=says):
        read_columns(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no file films\.csv in"):
        read_columns(tmp_path / "films.csv")


def test_a_column_is_found_however_it_is_spelt_and_else_the_others_are_listed() -> None:
    columns = {"Patient ID": texts(["1"]), "Finding Labels": texts(["mass"])}

    assert find_column(columns, ["patient", "patient_id"]) == "Patient ID"
    assert take_column(columns, "finding_labels", of="films.csv").tolist() == ["mass"]
    with pytest.raises(UsageError, match=r"films\.csv has no column 'age'; it has: Patient ID, Finding Labels"):
        take_column(columns, "age", of="films.csv")
