"""`rakurs packs`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from rakurs.cli import rakurs_command
from tests.packs import LABELS, write_pack


def packs(*arguments: str | Path, folder: Path) -> Result:
    return CliRunner().invoke(
        rakurs_command, ["packs", *map(str, arguments)], env={"RAKURS_PACKS": str(folder), "COLUMNS": "200"}
    )


def test_list_names_every_pack_and_why_one_cannot_be_used(tmp_path: Path) -> None:
    write_pack(tmp_path / "good")
    (write_pack(tmp_path / "bad") / "frontal.onnx").unlink()
    result = packs("list", folder=tmp_path)
    lines = {line.split("\t")[0]: line for line in result.stdout.splitlines()}
    assert result.exit_code == 0
    assert "version 1, frontal, calibrated" in lines["good"]
    assert "unusable: The pack 'tiny' lacks the network frontal.onnx" in lines["bad"]


def test_show_tells_labels_codes_thresholds_and_digests(tmp_path: Path) -> None:
    write_pack(tmp_path / "good")
    shown = packs("show", "good", folder=tmp_path).stdout
    assert all(label in shown and title in shown for label, (title, _, _) in LABELS.items())
    assert all(said in shown for said in ("SCT 36118008", "sha256:", "sensitivity at least 95%", "0.950 (0.900-0.980)"))


def test_check_keeps_silent_about_nothing_and_ends_with_0_for_a_good_pack(tmp_path: Path) -> None:
    result = packs("check", write_pack(tmp_path / "good"), folder=tmp_path)
    assert result.exit_code == 0
    assert "BROKEN" not in result.stdout
    assert result.stdout.count("  kept   ") > 10


def test_check_ends_with_1_for_a_pack_that_breaks_a_rule(tmp_path: Path) -> None:
    (write_pack(tmp_path / "bad") / "README.md").unlink()
    result = packs("check", "bad", folder=tmp_path)
    assert result.exit_code == 1
    assert "BROKEN A model card" in result.stdout


def test_an_unknown_pack_ends_with_2(tmp_path: Path) -> None:
    result = packs("check", "nope", folder=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
