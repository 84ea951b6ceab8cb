"""`rakurs packs import` refuses a wrong call; what a right one makes is held in `tests.training.test_published`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rakurs.cli.packs_import import import_weights
from rakurs.errors import TrainingError


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    answer = CliRunner().invoke(import_weights, ["torchxrayvision", "w.pt", "--out", str(tmp_path / "x")])
    assert isinstance(answer.exception, TrainingError)
    assert "There is no file of weights w.pt" in answer.exception.message


@pytest.mark.parametrize("kind", ["timm", ""])
def test_another_kind_is_a_wrong_call(tmp_path: Path, kind: str) -> None:
    answer = CliRunner().invoke(import_weights, [kind, "w.pt", "--out", str(tmp_path / "x")])
    assert answer.exit_code == 2
    assert "'torchxrayvision', 'torchvision'" in answer.output
