"""`rakurs compare` tells which differences hold, for the labels that all packs share."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rakurs.cli.compare import compare
from rakurs.errors import PackError, UsageError
from tests.labelled import rows_of, write_films
from tests.packs import LABELS, write_pack


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films"), rows_of("test", 40))


def call(*arguments: str | Path) -> Result:
    """Call `rakurs compare`; an error of ours is left in `exception`."""
    return CliRunner().invoke(compare, [str(argument) for argument in arguments])


def test_a_sentence_per_label_and_a_report(index: Path, tmp_path: Path) -> None:
    first, second = (write_pack(tmp_path / name, seed=seed) for name, seed in (("first", 0), ("second", 7)))

    result = call(first, second, "--index", index, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    assert len([line for line in told if ", AUROC, first and second: " in line]) == len(LABELS) + 1
    assert told[-1] == str(tmp_path / "out" / "report.html")
    assert "second minus first" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_one_pack_alone_is_refused(index: Path, tmp_path: Path) -> None:
    result = call(write_pack(tmp_path / "first"), "--index", index, "--out", tmp_path / "out")

    assert isinstance(result.exception, UsageError)
    assert "expected 2 to 6: packs, and a CSV with --peer" in result.exception.message
    assert not (tmp_path / "out").exists()


def test_a_pack_that_is_not_there_is_refused(index: Path, tmp_path: Path) -> None:
    result = call(write_pack(tmp_path / "first"), tmp_path / "none", "--index", index, "--out", tmp_path / "out")

    assert isinstance(result.exception, PackError)
