"""`rakurs read` as a person or a program calls it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

import rakurs
from rakurs.cli import rakurs_command
from tests.cli.conftest import Call, write_film
from tests.packs import LABELS, write_pack

PROGRAM = [sys.executable, "-c", "from rakurs.cli import main; main()"]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def document(output: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(output)
    return parsed


def without_seconds(output: str) -> list[dict[str, Any]]:
    return [{**reading, "seconds": None} for reading in document(output)["readings"]]


def test_a_film_gives_a_table_on_standard_output_and_nothing_on_standard_error(call: Call, film: Path) -> None:
    result = call(film)
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(title in result.stdout for title, _, _ in LABELS.values())
    assert "film.png (frontal)" in result.stdout


def test_standard_output_that_is_no_terminal_holds_no_escape_sequences(call: Call, film: Path) -> None:
    assert "\x1b" not in call(film).stdout


def test_json_is_one_document_of_the_agreed_shape(call: Call, film: Path) -> None:
    result = call(film, "--json")
    whole = document(result.stdout)
    assert set(whole) == {"schema", "pack", "readings"}
    assert whole["schema"] == 1
    assert set(whole["pack"]) == {"name", "version", "networks"}
    assert (whole["pack"]["name"], whole["pack"]["version"]) == ("tiny", "1")
    assert set(whole["pack"]["networks"]) == {"frontal", "lateral"}
    assert all(DIGEST.fullmatch(digest) for digest in whole["pack"]["networks"].values())
    [reading] = whole["readings"]
    assert set(reading) == {"state", "files", "calibrated", "answer", "warnings", "findings", "seconds"}
    assert reading["state"] == "read"
    assert reading["files"] == {"frontal": str(film)}
    assert reading["calibrated"] is True
    assert reading["warnings"] == []
    assert {"decode", "network"} <= set(reading["seconds"])
    assert all(isinstance(seconds, float) and seconds >= 0 for seconds in reading["seconds"].values())


def test_json_findings_have_the_agreed_shape_in_the_order_of_the_task(call: Call, film: Path) -> None:
    [reading] = document(call(film, "--json").stdout)["readings"]
    assert [finding["label"] for finding in reading["findings"]] == list(LABELS)
    for finding, (title, _, code) in zip(reading["findings"], LABELS.values(), strict=True):
        assert set(finding) == {
            "label", "title", "code", "probability", "logit", "operating_points", "heat_maps",
        }  # fmt: skip
        assert finding["title"] == title
        assert finding["code"] == (list(code) if code else None)
        assert 0 <= finding["probability"] <= 1
        assert isinstance(finding["logit"], float)
        assert {name: type(reached) for name, reached in finding["operating_points"].items()} == {
            "sensitive": bool, "specific": bool,
        }  # fmt: skip
        assert finding["heat_maps"] == {"frontal": None}


def test_a_refused_file_has_its_code_and_sentence_and_the_exit_code_1(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a film")
    result = call(tmp_path / "notes.txt", "--json")
    [reading] = document(result.stdout)["readings"]
    assert result.exit_code == 1
    assert set(reading) == {"state", "files", "refusal"}
    assert (reading["state"], reading["files"]) == ("refused", {"frontal": str(tmp_path / "notes.txt")})
    assert set(reading["refusal"]) == {"code", "message"}
    assert reading["refusal"]["code"] == "unsupported"


def test_one_bad_file_among_a_hundred_costs_only_itself(call: Call, tmp_path: Path) -> None:
    names = [f"film-{number:03d}.png" for number in range(100)]
    for number, name in enumerate(names):
        write_film(tmp_path / name, seed=number, side=72)
    (tmp_path / names[41]).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    result = call(tmp_path, "--json", "--jobs", "2")
    readings = document(result.stdout)["readings"]
    assert result.exit_code == 1
    assert [Path(reading["files"]["frontal"]).name for reading in readings] == names
    assert [number for number, reading in enumerate(readings) if reading["state"] == "refused"] == [41]


def test_more_jobs_give_the_same_readings_in_the_same_order(call: Call, tmp_path: Path) -> None:
    for number in range(12):
        write_film(tmp_path / f"{number:02d}.png", seed=number, side=1500 if number % 5 == 0 else 80)
    alone = call(tmp_path, "--json", "--jobs", "1")
    together = call(tmp_path, "--json", "--jobs", "4")
    assert without_seconds(together.stdout) == without_seconds(alone.stdout)


def test_a_film_of_one_grey_value_is_refused_as_blank(call: Call, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "grey.png"), np.full((96, 96), 90, np.uint8))
    assert document(call(tmp_path / "grey.png", "--json").stdout)["readings"][0]["refusal"]["code"] == "blank"


def test_pairs_of_one_call_are_one_study(call: Call, tmp_path: Path) -> None:
    top = write_film(tmp_path / "a.png", seed=1)
    side = write_film(tmp_path / "b.png", seed=2)
    result = call(f"frontal={top}", f"lateral={side}", "--json")
    [reading] = document(result.stdout)["readings"]
    assert reading["files"] == {"frontal": str(top), "lateral": str(side)}
    assert all(set(finding["heat_maps"]) == {"frontal", "lateral"} for finding in reading["findings"])


def test_a_pair_without_the_required_view_is_refused(call: Call, film: Path) -> None:
    result = call(f"lateral={film}", "--json")
    [reading] = document(result.stdout)["readings"]
    assert (result.exit_code, reading["refusal"]["code"]) == (1, "wrong_view")


def test_a_dicom_film_is_read_as_the_view_that_its_header_names(call: Call, sample_film: Path) -> None:
    [reading] = document(call(sample_film, "--json").stdout)["readings"]
    assert (reading["state"], list(reading["files"])) == ("read", ["frontal"])


def test_a_pack_without_measurements_says_so(film: Path, tmp_path: Path) -> None:
    bare = write_pack(tmp_path / "bare", measured=False)
    result = CliRunner().invoke(rakurs_command, ["read", str(film), "--pack", str(bare), "--json"])
    [reading] = document(result.stdout)["readings"]
    assert reading["calibrated"] is False
    assert [warning["code"] for warning in reading["warnings"]] == ["uncalibrated", "ungated"]
    assert all(set(warning) == {"code", "message"} for warning in reading["warnings"])
    assert all(finding["operating_points"] == {} for finding in reading["findings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{folder}/nowhere.png"], "There is no file or folder"),
        (["top={film}"], "has no view 'top'"),
        (["frontal={film}", "frontal={film}"], "2 files of the view frontal"),
        (["frontal={film}", "{film}"], "pairs together with plain paths"),
        (["frontal={folder}"], "expected one image file"),
        (["{film}", "--resume"], "--resume without --out"),
        (["{folder}/empty"], "no file in these folders"),
        (["{film}", "--out", "{film}"], "Cannot write to"),
        (["{film}", "--csv", "{folder}/nowhere/a.csv"], "Cannot write to"),
        (["{folder}", "--recursive", "--out", "{folder}"], "expected another folder"),
        (["{film}", "--jobs", "0"], "--jobs"),
        ([], "SOURCES"),
    ],
)
def test_a_wrong_call_ends_with_2_and_a_sentence(
    arguments: list[str], said: str, *, call: Call, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = call(*(argument.format(film=film, folder=tmp_path) for argument in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_an_unknown_pack_ends_with_2_and_names_those_that_there_are(film: Path, pack: Path) -> None:
    result = CliRunner().invoke(
        rakurs_command, ["read", str(film), "--pack", "nope"], env={"RAKURS_PACKS": str(pack.parent)}
    )
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "tiny" in result.stderr


def test_csv_has_a_row_per_study_and_finding_and_one_per_refusal(call: Call, tmp_path: Path) -> None:
    write_film(tmp_path / "a.png")
    (tmp_path / "b.txt").write_text("not a film")
    call(tmp_path, "--csv", tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [*LABELS, ""]
    assert [row["state"] for row in rows] == ["read"] * len(LABELS) + ["refused"]
    assert [row["study"] for row in rows] == ["1"] * len(LABELS) + ["2"]
    assert rows[-1]["refusal"] == "unsupported"


def test_csv_and_json_hold_the_same_numbers(call: Call, film: Path, *, tmp_path: Path) -> None:
    result = call(film, "--json", "--csv", tmp_path / "findings.csv")
    findings = document(result.stdout)["readings"][0]["findings"]
    with (tmp_path / "findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["probability"]) for row in rows] == [finding["probability"] for finding in findings]
    assert [float(row["logit"]) for row in rows] == [finding["logit"] for finding in findings]


def test_a_full_standard_output_ends_with_2_and_a_sentence(film: Path, pack: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, "read", str(film), "--pack", str(pack)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (2, "Error: Cannot print: No space left on device.\n")


def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(pack: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(40):
        write_film(films / f"{number}.png", seed=number, side=700)
    arguments = ["read", str(films), "--pack", str(pack), "--out", str(tmp_path / "out"), "--jobs", "2"]
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        _wait_for_readings(tmp_path / "out", 2)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in said
    assert list(tmp_path.rglob("*.part")) == []


def test_what_was_killed_goes_on_where_it_ended(call: Call, pack: Path, *, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(12):
        write_film(films / f"{number:02d}.png", seed=number, side=700)
    arguments = ["read", str(films), "--pack", str(pack), "--out", str(tmp_path / "out"), "--jobs", "1"]
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        _wait_for_readings(tmp_path / "out", 3)
        running.kill()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/reading.json")}
    resumed = call(films, "--out", tmp_path / "out", "--resume", "--json")
    assert 3 <= len(finished) < 12
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    afresh = call(films, "--out", tmp_path / "other", "--json").stdout.replace(
        str(tmp_path / "other"), str(tmp_path / "out")
    )
    assert without_seconds(resumed.stdout) == without_seconds(afresh)


def _wait_for_readings(out: Path, count: int) -> None:
    until = time.monotonic() + 60
    while len(list(out.glob("*/reading.json"))) < count:
        assert time.monotonic() < until, "no readings came"
        time.sleep(0.005)


def test_nothing_that_a_header_says_of_a_person_reaches_what_is_printed(
    call: Call, sample_film: Path, *, tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(sample_film)
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "Secretova^Anna", "PID-4711", "ACC-0815"
    dataset.save_as(tmp_path / "film.dcm")
    result = call(tmp_path / "film.dcm", "--json", "--out", tmp_path / "out", "--csv", tmp_path / "a.csv")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "film.dcm"]
    for secret in ("secretova", "4711", "0815"):
        assert secret not in (result.stdout + result.stderr).lower()
        assert not any(secret.encode() in content.lower() for content in written if b"PNG" not in content[:8])


def test_help_starts_without_the_inference_runtime() -> None:
    program = (
        "import sys; from rakurs.cli import rakurs_command as r; r(['--help'], standalone_mode=False);"
        "print(sorted({'onnxruntime', 'cv2', 'numpy', 'pydantic', 'rich', 'jinja2', 'torch'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(rakurs_command, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"rakurs, version {rakurs.__version__}\n")
