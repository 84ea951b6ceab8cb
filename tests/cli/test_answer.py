"""A study on which the program itself fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from rakurs.cli.answer import fault_document
from rakurs.cli.sources import BY_HEADER
from rakurs.inference.document import Document
from rakurs.task import read_task
from tests.packs import write_pack


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Document, str]:
    """The document of a study that failed, and what stood on standard error."""
    task = read_task(write_pack(tmp_path / "tiny") / "task.toml")
    try:
        raise ValueError("Secretova^Anna")
    except ValueError as error:
        document = fault_document(error, {BY_HEADER: Path("film.dcm")}, task=task)
    return document, capsys.readouterr().err


def test_a_fault_is_a_refusal_that_says_it_is_ours(said: tuple[Document, str]) -> None:
    document, _ = said
    assert (document["state"], document["files"]) == ("refused", {"frontal": "film.dcm"})
    assert document["refusal"]["code"] == "error"
    assert "ValueError" in document["refusal"]["message"]


def test_a_fault_is_told_with_its_place_but_without_its_own_words(said: tuple[Document, str]) -> None:
    document, error = said
    assert "test_answer.py" in error
    assert "Anna" not in document["refusal"]["message"]
    assert "Anna" not in error.replace('raise ValueError("Secretova^Anna")', "")  # the line of code that stands there
