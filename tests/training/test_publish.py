"""Checkpoints become the network file of a pack; those that cannot are refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from click.testing import CliRunner

from rakurs.cli.export import export
from rakurs.errors import TaskError, TrainingError, UsageError
from rakurs.inference.network import load_network
from rakurs.pack import NetworkFile, digest_of
from rakurs.task import Task
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.networks import build_network
from rakurs.training.publish import export_checkpoints, task_of, trained_network, view_of
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import labelled_films, rows_of, silent, write_films, write_task
from tests.training.networks import TINY, farthest, noise

pytestmark = pytest.mark.usefixtures("one_thread", "tiny")

RECIPE = Recipe(network="tiny", seed=0, stages=[Stage(rows_columns=64, epochs=1, batch=2, learning_rate=0.1)])
Save = Callable[..., Path]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path)


@pytest.fixture
def save(task: Task, tmp_path: Path) -> Save:
    """Writes a checkpoint as a training leaves it, with random weights; `changed` parts replace its own."""

    def write(name: str = "one", *, seed: int = 0, of: Task = task, **changed: Any) -> Path:
        torch.manual_seed(seed)
        state = build_network("tiny", of, pretrained=False).state_dict()
        held = {"recipe": RECIPE.model_dump(), "task": of.model_dump(), "network": state, "history": [], **changed}
        path = tmp_path / name / "checkpoint.pt"
        path.parent.mkdir()
        torch.save(held, path)
        return path

    return write


def test_a_network_answers_as_it_was_trained(save: Save) -> None:
    checkpoint = save()
    network = trained_network(checkpoint)
    held = torch.load(checkpoint, weights_only=True)["network"]
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in held.items())
    assert not network.training


def test_the_command_exports_several_checkpoints_as_one_network(save: Save, task: Task, *, tmp_path: Path) -> None:
    checkpoints = [save("one", seed=1, view="frontal"), save("two", seed=2, view="frontal")]
    index = write_films(tmp_path / "films", rows_of("train", 12))
    out = tmp_path / "pack" / "frontal.onnx"

    answer = CliRunner().invoke(export, [*map(str, checkpoints), "--index", str(index), "--out", str(out)])

    assert answer.output.splitlines()[-1] == str(out), answer.output
    images = noise(2, 1, 64, 64)
    answers = load_network(NetworkFile(path=out, digest=digest_of(out)), task, threads=1).run(images)
    logits = [trained_network(checkpoint)(torch.from_numpy(images)).detach().numpy() for checkpoint in checkpoints]
    assert farthest(answers.logits, np.mean(logits, 0)) < 1e-5


def test_one_of_several_labels_can_be_exported_too(task: Task, save: Save, *, tmp_path: Path) -> None:
    one_holds = task.model_copy(update={"activation": "softmax"})
    films = labelled_films(tmp_path / "films", task, splits=[("train", 12)])["train"]
    out = tmp_path / "frontal.onnx"
    export_checkpoints([save(of=one_holds)], task=one_holds, films=films, out=out, progress=silent)
    load_network(NetworkFile(path=out, digest=digest_of(out)), one_holds, threads=1)


def test_few_films_are_described_along_few_axes(task: Task, save: Save, *, tmp_path: Path) -> None:
    films = labelled_films(tmp_path / "films", task, splits=[("train", 12)])["train"]
    out = export_checkpoints([save()], task=task, films=films, out=tmp_path / "frontal.onnx", progress=silent)
    answers = load_network(NetworkFile(path=out, digest=digest_of(out)), task, threads=1).run(noise(1, 1, 64, 64))
    assert answers.embedding.shape == (1, 12 // 2 + 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": ["effusion", "mass"]}, "they differ in labels"),
        ({"side": 96}, "they differ in preprocess"),
    ],
    ids=["labels", "input"],
)
def test_checkpoints_of_several_tasks_are_refused_with_what_differs(
    save: Save, tmp_path: Path, *, change: dict[str, Any], said: str
) -> None:
    checkpoints = [save("one"), save("two", of=write_task(tmp_path / "other", **change))]
    with pytest.raises(TrainingError, match=f"belongs to another task than .*: {said}"):
        task_of(checkpoints)


def test_checkpoints_of_several_versions_of_a_task_are_refused_with_both(save: Save, task: Task) -> None:
    checkpoints = [save("one"), save("two", of=task.model_copy(update={"version": "7"}))]
    with pytest.raises(TrainingError, match=f"its version is 7, not {task.version}"):
        task_of(checkpoints)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"half of a checkpoint")
    with pytest.raises(TrainingError, match="is torn, or no checkpoint of `rakurs train`"):
        trained_network(tmp_path / "checkpoint.pt")


def test_a_checkpoint_of_a_network_that_is_not_known_is_refused(save: Save) -> None:
    checkpoint = save(recipe=RECIPE.model_copy(update={"network": "vgg-16"}).model_dump())
    with pytest.raises(TrainingError, match="There is no network 'vgg-16'; there are: alexnet"):
        trained_network(checkpoint)


def test_a_checkpoint_whose_weights_are_of_another_network_is_refused(save: Save) -> None:
    checkpoint = save(recipe=RECIPE.model_copy(update={"network": "googlenet"}).model_dump())
    with pytest.raises(TrainingError, match="are not those of a googlenet for 4 labels"):
        trained_network(checkpoint)


def test_an_index_with_labels_of_another_task_is_refused(save: Save, tmp_path: Path) -> None:
    other = save(of=write_task(tmp_path / "other", labels=["effusion"]))
    index = write_films(tmp_path / "films", rows_of("train", 12))
    answer = CliRunner().invoke(export, [str(other), "--index", str(index), "--out", str(tmp_path / "frontal.onnx")])
    assert isinstance(answer.exception, UsageError)
    assert "does not know labels of the index" in answer.exception.message


@pytest.fixture
def two_views(tmp_path: Path) -> Task:
    return write_task(tmp_path / "two", views=("frontal", "lateral"))


def test_the_view_is_what_was_asked_for_or_the_main_one(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    checkpoint = save(of=two_views)
    assert view_of([checkpoint], two_views, asked=None, out=tmp_path / "network.onnx") == "frontal"
    assert view_of([checkpoint], two_views, asked="lateral", out=tmp_path / "network.onnx") == "lateral"


def test_the_view_is_what_the_checkpoint_says(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    checkpoint = save(of=two_views, view="lateral")
    assert view_of([checkpoint], two_views, asked=None, out=tmp_path / "lateral.onnx") == "lateral"


def test_another_view_than_the_checkpoint_says_is_refused(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    checkpoint = save(of=two_views, view="lateral")
    with pytest.raises(TrainingError, match="was trained on the view 'lateral', not on 'frontal'"):
        view_of([checkpoint], two_views, asked="frontal", out=tmp_path / "frontal.onnx")


def test_the_file_of_another_view_is_refused(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"lateral\.onnx is the file of another view .* Write frontal\.onnx"):
        view_of([save(of=two_views)], two_views, asked=None, out=tmp_path / "lateral.onnx")


def test_checkpoints_of_several_views_are_refused(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    checkpoints = [save(view, of=two_views, view=view) for view in ("frontal", "lateral")]
    with pytest.raises(TrainingError, match="are of the views frontal, lateral; export each view by itself"):
        view_of(checkpoints, two_views, asked=None, out=tmp_path / "frontal.onnx")


def test_a_view_that_the_task_does_not_have_is_refused(two_views: Task, save: Save, *, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="has no view 'top'"):
        view_of([save(of=two_views)], two_views, asked="top", out=tmp_path / "top.onnx")
