"""The numbers of each epoch in somebody's own tool: TensorBoard or MLflow, where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rakurs.errors import TrainingError
from rakurs.training.checkpoint import Plan

Log = Callable[[Mapping[str, float], int], None]
"""Takes the numbers of an epoch, and how many epochs are done."""


@contextmanager
def open_log(kind: str, plan: Plan, *, out: Path) -> Iterator[Log]:
    """Log a training to "tensorboard", in the folder `out`, or to "mlflow", where its own settings say.

    Raises:
        TrainingError: the tool is not installed.
    """
    with _TOOLS[kind](plan, out) as log:
        yield log


@contextmanager
def _tensorboard(plan: Plan, out: Path) -> Iterator[Log]:
    _tool("tensorboard", "TensorBoard")
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(out / "tensorboard")
    writer.add_text("recipe", plan.recipe.model_dump_json(indent=1))

    def log(numbers: Mapping[str, float], epochs: int) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, epochs)
        writer.flush()

    yield log
    writer.close()


@contextmanager
def _mlflow(plan: Plan, out: Path) -> Iterator[Log]:
    mlflow = _tool("mlflow", "MLflow")
    with mlflow.start_run(run_name=out.name):
        told = plan.recipe.model_dump(exclude={"stages"})
        mlflow.log_params({**told, "task": plan.task.name, "view": plan.view, "stages": len(plan.recipe.stages)})
        yield lambda numbers, epochs: mlflow.log_metrics(dict(numbers), step=epochs)


_TOOLS = {"tensorboard": _tensorboard, "mlflow": _mlflow}


def _tool(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise TrainingError(f"{name} is not installed; pip install {module}, or train without --log.") from None
