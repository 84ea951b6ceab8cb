"""`rakurs train` as a person calls it: killed and resumed in processes of their own, refused in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch")

import torch

from rakurs.cli import rakurs_command
from rakurs.evaluation.index import films_of, read_index
from rakurs.task import read_task
from rakurs.training.checkpoint import Plan
from rakurs.training.loop import train
from rakurs.training.recipe import read_recipe
from tests.labelled import rows_of, silent, write_films, write_task
from tests.processes import start_rakurs

RECIPE = """network = "efficientnet-lite0"
pretrained = false
average = 0.9

[[stages]]
rows_columns = 32
epochs = 2
batch = 4
learning_rate = 1e-3
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files that a training is called with."""
    root = tmp_path_factory.mktemp("given")
    write_task(root, side=32)
    (root / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    index = write_films(root / "films", [*rows_of("train", 24), *rows_of("val", 12)])
    return {"task": root / "task.toml", "index": index, "recipe": root / "recipe.toml"}


def options(given: dict[str, Path], **more: Any) -> Iterator[str]:
    """`--name value` for each; a None leaves an option out."""
    for name, value in {**given, **more}.items():
        if value is not None:
            yield f"--{name}"
            yield from [] if value is True else [str(value)]


def refused(given: dict[str, Path], **more: Any) -> Result:
    """Call it in this process, where it must not come as far as training."""
    answer = CliRunner().invoke(rakurs_command, ["train", *options(given, **more)])
    assert answer.exit_code == 2, answer.output
    assert "Traceback" not in answer.output
    return answer


def uninterrupted(given: dict[str, Path], out: Path) -> Path:
    """The checkpoint of the same training, in this process."""
    task, index = read_task(given["task"]), read_index(given["index"])
    splits = {split: films_of(index, task, view="frontal", split=split) for split in ("train", "val")}
    plan = Plan(recipe=read_recipe(given["recipe"]), task=task, view="frontal")
    return train(plan, splits=splits, out=out / "whole", progress=silent)


@pytest.mark.usefixtures("one_thread")
def test_a_training_that_is_killed_in_mid_epoch_and_resumed_ends_in_the_same_weights(
    given: dict[str, Path], tmp_path: Path
) -> None:
    with start_rakurs("train", *options(given, out=tmp_path / "killed", threads=1)) as killed:
        assert killed.stderr is not None
        next(line for line in killed.stderr if "epoch 2 of 2: 1/6" in line)
        killed.kill()
    assert killed.returncode == -9

    with start_rakurs("train", *options(given, out=tmp_path / "killed", threads=1, resume=True)) as resumed:
        written, told = resumed.communicate(timeout=120)

    assert resumed.returncode == 0, told
    assert written.strip() == str(tmp_path / "killed" / "checkpoint.pt")
    assert re.search(r"goes on after 1 epochs.*epoch 2 of 2: loss", told, re.DOTALL)
    one, other = (
        torch.load(path, weights_only=True) for path in (uninterrupted(given, tmp_path), Path(written.strip()))
    )
    assert [name for name in one["network"] if not torch.equal(one["network"][name], other["network"][name])] == []
    assert [epoch["loss"] for epoch in one["history"]] == [epoch["loss"] for epoch in other["history"]]


def test_a_folder_that_cannot_be_written_is_said(given: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "Cannot write to" in refused(given, out=tmp_path / "file").output


def test_a_call_that_names_no_network_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    assert "give --network, or a --recipe that names one" in refused(given, out=tmp_path, recipe=None).output


def test_a_network_that_there_is_none_of_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    assert "There is no network 'vgg'; there are: " in refused(given, out=tmp_path, network="vgg").output


def test_a_view_that_the_task_lacks_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    assert "has no view 'lateral'; it has: frontal" in refused(given, out=tmp_path, view="lateral").output


def test_labels_that_the_task_does_not_know_are_refused(given: dict[str, Path], tmp_path: Path) -> None:
    write_task(tmp_path, labels=["effusion", "mass"])

    told = refused(given, out=tmp_path / "out", task=tmp_path / "task.toml").output

    assert "The task 'tiny' does not know labels of the index: pneumothorax" in told


def test_images_that_moved_are_refused_and_found_where_they_are_named(given: dict[str, Path], tmp_path: Path) -> None:
    index = write_films(tmp_path / "films", [*rows_of("train", 6), *rows_of("val", 6)])
    moved = index.rename(tmp_path / "index.parquet")
    (tmp_path / "films").rename(tmp_path / "elsewhere")

    told = refused(given, out=tmp_path / "out", index=moved).output

    assert "film-000.png is missing. If they moved, name their folder with --images" in told
    further = refused(given, out=tmp_path / "out", index=moved, images=tmp_path / "elsewhere", network="vgg").output
    assert "There is no network" in further


def test_an_index_without_a_validation_split_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    index = write_films(tmp_path / "films", rows_of("train", 6))

    assert "The index has no split 'val'; it has: train" in refused(given, out=tmp_path / "out", index=index).output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(given: dict[str, Path], tmp_path: Path) -> None:
    assert "torch finds no GPU" in refused(given, out=tmp_path, device="cuda").output
