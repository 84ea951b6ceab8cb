"""`rakurs networks` prints what is counted, and what to do for weights that are missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch")

from rakurs.cli.networks import networks
from rakurs.errors import TrainingError, UsageError

pytestmark = pytest.mark.usefixtures("no_cache")


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def call(*words: str) -> Result:
    return CliRunner().invoke(networks, words)


def test_a_row_per_network_is_printed_with_where_to_put_missing_weights() -> None:
    answer = call("googlenet", "efficientnet-lite0", "--no-time")
    rows = [line.split() for line in answer.stdout.splitlines()[1:3]]
    assert rows[0] == ["googlenet", "22", "6.6", "M", "25", "MiB", "3.0", "missing"]
    assert rows[1][0] == "efficientnet-lite0"
    assert rows[1][-1] == "here"
    assert "Put googlenet-1378be20.pth (its sha256 begins with 1378be20)" in answer.stdout


def test_json_holds_the_same_rows() -> None:
    (row,) = json.loads(call("googlenet", "--no-time", "--json", "--labels", "2", "--channels", "1").stdout)
    assert row["layers"] == 22
    assert row["parameters"] == 6_624_904 - 2 * 64 * 49 - 998 * 1025
    assert row["reading_ms"] is None
    assert row["weights"] is None


def test_the_weights_of_a_package_need_no_download() -> None:
    (line,) = call("efficientnet-lite0", "--download").stdout.splitlines()
    assert Path(line).is_file()


def test_a_download_of_nothing_is_refused() -> None:
    assert isinstance(call("--download").exception, UsageError)


def test_an_unknown_network_is_refused() -> None:
    assert isinstance(call("vgg", "--no-time").exception, TrainingError)
