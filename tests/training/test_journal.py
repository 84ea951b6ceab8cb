"""A training is told to TensorBoard and MLflow where they are installed, and says where they are not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch")

from rakurs.errors import TrainingError
from rakurs.training.checkpoint import Plan
from rakurs.training.journal import open_log
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import write_task

STAGE = Stage(rows_columns=32, epochs=1, batch=4, learning_rate=1e-3)
NUMBERS = [{"loss": 0.5, "auroc": 0.6}, {"loss": 0.25, "auroc": 0.7}]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    task = write_task(tmp_path / "task")
    return Plan(recipe=Recipe(network="small", stages=[STAGE]), task=task, view="frontal")


@pytest.mark.parametrize(("kind", "name"), [("tensorboard", "TensorBoard"), ("mlflow", "MLflow")])
def test_a_tool_that_is_not_installed_is_said(plan: Plan, tmp_path: Path, *, kind: str, name: str) -> None:
    if importlib.util.find_spec(kind):
        pytest.skip(f"{name} is installed")

    with (
        pytest.raises(TrainingError, match=f"{name} is not installed; pip install {kind}, or train without --log"),
        open_log(kind, plan, out=tmp_path),
    ):
        pass


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_every_epoch(plan: Plan, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    with open_log("tensorboard", plan, out=tmp_path) as log:
        for done, numbers in enumerate(NUMBERS, start=1):
            log(numbers, done)

    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert [event.step for event in events.Scalars("auroc")] == [1, 2]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_every_epoch(plan: Plan, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")

    with open_log("mlflow", plan, out=tmp_path / "run-7") as log:
        for done, numbers in enumerate(NUMBERS, start=1):
            log(numbers, done)

    run = mlflow.last_active_run()
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "auroc")
    assert run.info.run_name == "run-7"
    assert run.data.params["network"] == "small"
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.6), (2, 0.7)]
