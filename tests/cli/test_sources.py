"""From arguments to studies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rakurs.cli.sources import BY_HEADER, check_sources, studies_in
from rakurs.errors import UsageError
from rakurs.task import read_task
from tests.packs import write_pack


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.png", "a.png", ".hidden", "deep/c.png", "deep/deeper/d.png", ".git/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(tree: Path, *, recursive: bool) -> list[str]:
    studies = studies_in([str(tree)], recursive=recursive)
    return [files[BY_HEADER].relative_to(tree).as_posix() for files in studies]


def test_a_folder_gives_its_files_by_name_without_the_hidden_ones(tree: Path) -> None:
    assert names(tree, recursive=False) == ["a.png", "b.png"]


def test_recursion_goes_into_every_folder_that_is_not_hidden(tree: Path) -> None:
    assert names(tree, recursive=True) == ["a.png", "b.png", "deep/c.png", "deep/deeper/d.png"]


def test_a_folder_that_links_to_itself_is_read_once(tree: Path) -> None:
    (tree / "loop").symlink_to(tree)
    assert names(tree, recursive=True) == ["a.png", "b.png", "deep/c.png", "deep/deeper/d.png"]


def test_a_pipe_in_a_folder_is_passed_over(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    assert names(tree, recursive=False) == ["a.png", "b.png"]


def test_arguments_keep_their_order(tree: Path) -> None:
    studies = studies_in([str(tree / "b.png"), str(tree / "a.png")], recursive=False)
    assert [files[BY_HEADER].name for files in studies] == ["b.png", "a.png"]


def test_pairs_are_one_study_by_view(tree: Path) -> None:
    studies = list(studies_in([f"frontal={tree / 'a.png'}", f"lateral={tree / 'b.png'}"], recursive=False))
    assert studies == [{"frontal": tree / "a.png", "lateral": tree / "b.png"}]


def test_a_file_whose_name_looks_like_a_pair_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("frontal=film.png").touch()
    assert list(studies_in(["frontal=film.png"], recursive=False)) == [{BY_HEADER: Path("frontal=film.png")}]


def test_what_is_passed_over_is_passed_over_by_whatever_path(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    studies = studies_in(["."], recursive=True, without=[tree / "deep"])
    assert [files[BY_HEADER].name for files in studies] == ["a.png", "b.png"]


def test_an_unknown_view_is_refused_with_those_that_there_are(tree: Path) -> None:
    task = read_task(write_pack(tree / "pack") / "task.toml")
    with pytest.raises(UsageError, match="it has: frontal"):
        check_sources([f"top={tree / 'a.png'}"], task)
