"""`rakurs evaluate` measures, records and reports, and says what cannot be done in one sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rakurs.cli.evaluate import evaluate
from rakurs.errors import UsageError
from rakurs.evaluation.index import read_index, split_of
from rakurs.pack import read_pack
from tests.evaluation.material import N, random_answers, without_positives, write_full_index, write_peer
from tests.packs import LABELS, write_pack


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full_index(tmp_path_factory.mktemp("films"))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "tiny")


def call(*arguments: str | Path) -> Result:
    """Call `rakurs evaluate`; an error of ours is left in `exception`."""
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def test_the_scores_of_the_split_test_are_printed(pack: Path, index: Path) -> None:
    before = read_pack(pack).measured

    result = call(pack, "--index", index)

    assert result.exit_code == 0, result.output
    assert f"| tiny | effusion | {N // 2} | " in result.stdout
    assert read_pack(pack).measured == before


def test_scores_are_recorded_as_the_pack_accepts_them(pack: Path, index: Path, *, tmp_path: Path) -> None:
    before = read_pack(pack)
    studies = split_of(read_index(index), before.task, split="test")
    peer = write_peer(tmp_path / "peer.csv", studies, answers=random_answers(list(LABELS)))

    result = call(pack, "--index", index, "--data-set", "made up", "--peer", peer, "--record")

    assert result.exit_code == 0, result.output
    recorded = read_pack(pack).measured
    assert recorded is not None
    assert [table["reader"] for table in recorded.scores] == ["tiny", "peer"]
    assert [table["data_set"] for table in recorded.scores] == ["made up, test"] * 2
    assert recorded.model_copy(update={"scores": []}) == before.measured


def test_the_report_is_written_where_it_is_asked_for(pack: Path, index: Path, *, tmp_path: Path) -> None:
    result = call(pack, "--index", index, "--out", tmp_path / "out")

    assert result.stdout.splitlines()[-1] == str(tmp_path / "out" / "report.html")
    assert "full, test" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_films_that_moved_are_found_where_they_lie_now(pack: Path, tmp_path: Path) -> None:
    index = write_full_index(tmp_path / "films")
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "films", moved)

    lost, found = (
        call(pack, "--index", moved / index.name),
        call(pack, "--index", moved / index.name, "--images", moved),
    )

    assert isinstance(lost.exception, UsageError)
    assert "If they moved, name their folder with --images" in lost.exception.message
    assert found.exit_code == 0, found.output


def test_labels_that_the_task_does_not_know_are_refused(index: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "few", labels=["effusion", "mass"])

    result = call(pack, "--index", index)

    assert isinstance(result.exception, UsageError)
    assert re.search(r"does not know labels of the index: pneumothorax \(\d+\), other \(\d+\)\. Name them",
                     result.exception.message)  # fmt: skip


def test_a_split_without_positives_is_measured_as_far_as_it_can_be(pack: Path, index: Path, *, tmp_path: Path) -> None:
    path = without_positives(read_index(index), "mass", path=tmp_path / "index.parquet")

    result = call(pack, "--index", path)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Not measurable, for one class is missing: mass.")
    assert "| tiny | mass | 0 | not measurable | not measurable |" in result.stdout


def test_a_split_that_is_not_there_is_refused(pack: Path, index: Path) -> None:
    result = call(pack, "--index", index, "--split", "train")

    assert isinstance(result.exception, UsageError)
    assert "no split 'train'; it has: val, test" in result.exception.message


def test_a_peer_that_lacks_films_is_refused(pack: Path, index: Path, *, tmp_path: Path) -> None:
    studies = split_of(read_index(index), read_pack(pack).task, split="test")
    peer = write_peer(tmp_path / "peer.csv", studies, answers=random_answers(list(LABELS)), rows=N - 1)

    result = call(pack, "--index", index, "--peer", peer)

    assert isinstance(result.exception, UsageError)
    assert f"peer.csv lacks 1 of {N} films" in result.exception.message


def test_scores_are_not_recorded_where_nothing_was_measured(index: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "tiny", measured=False)

    result = call(pack, "--index", index, "--record")

    assert isinstance(result.exception, UsageError)
    assert re.search(r"no measured\.json .* --tune", result.exception.message)
    assert not (pack / "measured.json").exists()


def test_thresholds_are_not_tuned_on_the_split_test(pack: Path, index: Path) -> None:
    result = call(pack, "--index", index, "--tune")

    assert isinstance(result.exception, UsageError)
    assert "tune on 'val'" in result.exception.message
