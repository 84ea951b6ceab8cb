"""What --out leaves behind, and what --resume takes from it."""

from __future__ import annotations

import json
import os
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tests.cli.conftest import Call, write_film
from tests.packs import LABELS


def readings_of(output: str) -> list[dict[str, Any]]:
    readings: list[dict[str, Any]] = json.loads(output)["readings"]
    return readings


def test_a_study_has_a_report_a_reading_and_a_picture_per_map_that_is_not_empty(call: Call, film: Path) -> None:
    out = film.parent / "out"
    [reading] = readings_of(call(film, "--out", out, "--json").stdout)
    pictures = [path for finding in reading["findings"] for path in finding["heat_maps"].values() if path]
    [folder] = out.iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "reading.json",
        *(Path(path).name for path in pictures),
    }
    assert pictures
    assert all(PIL.Image.open(BytesIO(Path(path).read_bytes())).size == (96, 96) for path in pictures)


def test_pictures_are_named_after_view_and_label(call: Call, film: Path) -> None:
    [reading] = readings_of(call(film, "--out", film.parent / "out", "--json").stdout)
    for finding in reading["findings"]:
        path = finding["heat_maps"]["frontal"]
        assert path is None or Path(path).name == f"frontal-{finding['label']}.png"


def test_the_reading_is_the_printed_one_with_pictures_named_within_its_folder(call: Call, film: Path) -> None:
    [printed] = readings_of(call(film, "--out", film.parent / "out", "--json").stdout)
    [path] = (film.parent / "out").glob("*/reading.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    [written] = content["readings"]
    assert set(content) == {"schema", "pack", "readings", "made_from"}
    for finding in written["findings"]:
        finding["heat_maps"] = {
            view: str(path.parent / name) if name else None for view, name in finding["heat_maps"].items()
        }
    assert written == printed


def test_equal_names_never_meet(call: Call, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        write_film(tmp_path / str(number) / "film.png", seed=number)
    call(tmp_path / "0", tmp_path / "1", "--out", tmp_path / "out")
    assert len(list((tmp_path / "out").glob("film-*/reading.json"))) == 2


@pytest.mark.parametrize("name", ["../x", "a b;c", ".hidden", "ж" * 120, "x" * 200, "<img src=x>"])
def test_a_folder_has_a_safe_name_whatever_the_file_is_called(name: str, *, call: Call, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.png")
    odd = film.rename(tmp_path / f"{name.replace('/', '_')}.png")
    assert call(odd, "--out", tmp_path / "out").exit_code == 0
    [folder] = (tmp_path / "out").iterdir()
    assert not set(folder.name) & set(" ;<>/\\")
    assert not folder.name.startswith(".")


def test_a_refused_study_is_kept_with_its_reason(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a film")
    call(tmp_path / "notes.txt", "--out", tmp_path / "out")
    [folder] = (tmp_path / "out").iterdir()
    assert {path.name for path in folder.iterdir()} == {"report.html", "reading.json"}


def test_resume_reads_no_study_again_and_says_the_same(call: Call, film: Path) -> None:
    out = film.parent / "out"
    first = call(film, "--out", out, "--json")
    [path] = out.glob("*/reading.json")
    written = path.stat().st_mtime_ns
    second = call(film, "--out", out, "--json", "--resume")
    assert (second.stdout, path.stat().st_mtime_ns) == (first.stdout, written)


def test_without_resume_every_study_is_read_again(call: Call, film: Path) -> None:
    out = film.parent / "out"
    call(film, "--out", out)
    [path] = out.glob("*/reading.json")
    written = path.stat().st_mtime_ns
    call(film, "--out", out)
    assert path.stat().st_mtime_ns > written


def test_resume_names_a_moved_file_by_its_new_path(call: Call, film: Path) -> None:
    call(film, "--out", film.parent / "out")
    (film.parent / "elsewhere").mkdir()
    moved = film.rename(film.parent / "elsewhere" / film.name)
    [reading] = readings_of(call(moved, "--out", film.parent / "out", "--resume", "--json").stdout)
    assert reading["files"] == {"frontal": str(moved)}


def test_resume_reads_again_what_another_pack_has_read(call: Call, film: Path, *, pack: Path) -> None:
    out = film.parent / "out"
    call(film, "--out", out)
    other = shutil.copytree(pack, film.parent / "packs" / "tiny")
    measured = json.loads((other / "measured.json").read_text())
    measured["calibration"]["frontal"]["mass"]["intercept"] = 3.0
    (other / "measured.json").write_text(json.dumps(measured))
    [reading] = readings_of(call(film, "--out", out, "--resume", "--json", "--pack", other).stdout)
    [again] = readings_of(call(film, "--json", "--pack", other).stdout)
    assert [finding["logit"] for finding in reading["findings"]] == [finding["logit"] for finding in again["findings"]]


def test_resume_reads_again_where_the_reading_is_damaged(call: Call, film: Path) -> None:
    out = film.parent / "out"
    call(film, "--out", out)
    [path] = out.glob("*/reading.json")
    path.write_text('{"schema": 1')
    assert call(film, "--out", out, "--resume").exit_code == 0
    assert json.loads(path.read_text())["readings"][0]["state"] == "read"


def test_a_second_reading_leaves_no_picture_of_the_first(call: Call, film: Path) -> None:
    out = film.parent / "out"
    call(film, "--out", out)
    [path] = out.glob("*/reading.json")
    content = json.loads(path.read_text())
    content["readings"][0]["findings"][0]["heat_maps"]["frontal"] = "frontal-old.png"
    path.write_text(json.dumps(content))
    (path.parent / "frontal-old.png").write_bytes(b"old")
    call(film, "--out", out)
    assert not (path.parent / "frontal-old.png").exists()


def test_what_is_written_is_not_read_as_a_film(call: Call, tmp_path: Path) -> None:
    write_film(tmp_path / "film.png")
    arguments = (tmp_path, "--recursive", "--out", tmp_path / "out", "--csv", tmp_path / "a.csv", "--json")
    call(*arguments)
    assert len(readings_of(call(*arguments).stdout)) == 1


def test_the_files_may_be_read_by_whom_the_mask_allows(call: Call, film: Path) -> None:
    mask = os.umask(0o027)
    try:
        call(film, "--out", film.parent / "out")
    finally:
        os.umask(mask)
    [path] = (film.parent / "out").glob("*/reading.json")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_disk_that_fails_while_a_study_is_written_ends_with_2(call: Call, film: Path) -> None:
    out = film.parent / "out"
    call(film, "--out", out)
    [folder] = out.iterdir()
    shutil.rmtree(folder)
    folder.write_text("a file where a folder must be")
    result = call(film, "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Cannot write to" in result.stderr


def test_every_label_is_in_the_reading_also_where_its_map_is_empty(call: Call, film: Path) -> None:
    [reading] = readings_of(call(film, "--out", film.parent / "out", "--json").stdout)
    assert [finding["label"] for finding in reading["findings"]] == list(LABELS)
