"""`rakurs train`: a network for one view of a task, on the films of an index."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rakurs.evaluation.index import Films
    from rakurs.training.checkpoint import Plan

A_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--task", type=A_PATH, required=True, help="The task file that declares the labels.")
@click.option("--network", default=None, help="A network of `rakurs networks`; default: the recipe's.")
@click.option("--index", type=A_PATH, required=True, help="The index of `rakurs dataset`.")
@click.option("--out", type=A_PATH, required=True, help="Folder of the checkpoint, its history and its caches.")
@click.option("--view", default=None, help="The view to train on; default: the task's main view.")
@click.option("--recipe", type=A_PATH, default=None, help="How to train (TOML); default: by the task's input size.")
@click.option("--resume", is_flag=True, help="Go on with the training in --out, if there is one.")
@click.option("--images", type=A_PATH, default=None, help="Where the index's images lie now, if they moved.")
@click.option("--weights", type=A_PATH, default=None, help="A file of weights to begin from.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=None, help="Threads of torch; default: one per core.")
@click.option("--log", type=click.Choice(["tensorboard", "mlflow"]), default=None, help="Log there too, if installed.")
def train(  # noqa: PLR0913 - one parameter per option
    *,
    task: Path,
    network: str | None,
    index: Path,
    out: Path,
    view: str | None,
    recipe: Path | None,
    resume: bool,
    images: Path | None,
    weights: Path | None,
    device: str,
    threads: int | None,
    log: str | None,
) -> None:
    """Train a network for one view, judged on the validation split after each epoch.

    \b
    Examples:
      rakurs train --task packs/chest-xray/task.toml --network densenet-121 --index runs/nih.parquet --out runs/chest
      rakurs train --task packs/chest-xray/task.toml --recipe packs/chest-xray/recipe.toml \\
          --index runs/nih.parquet --out runs/chest --resume
      torchrun --nproc-per-node 2 -m rakurs train --task ... --network ... --index ... --out ...
    """
    from rakurs.cli.disk import make_folder, writing
    from rakurs.cli.progress import report_progress
    from rakurs.training.allocator import keep_memory
    from rakurs.training.journal import open_log
    from rakurs.training.loop import train as run
    from rakurs.training.machine import open_machine

    with ExitStack() as stack:
        machine = stack.enter_context(open_machine(device, threads=threads))
        splits, view = _splits(task, index, view=view, images=images)
        plan = _plan(task, network, view=view, recipe=recipe, weights=weights, films=len(splits["train"]))
        make_folder(out)
        logs = stack.enter_context(open_log(log, plan, out=out)) if log and machine.leads else None
        progress = stack.enter_context(report_progress()) if machine.leads else _silent
        stack.enter_context(writing(out))
        if machine.device.type == "cpu":
            keep_memory()
        checkpoint = run(
            plan,
            splits=splits,
            out=out,
            progress=progress,
            resume=resume,
            machine=machine,
            log=logs,
        )
        if machine.leads:
            click.echo(checkpoint)


def _splits(task: Path, index: Path, *, view: str | None, images: Path | None) -> tuple[dict[str, Films], str]:
    """The films of the splits that training needs, and their view."""
    from rakurs.evaluation.index import films_of, read_index
    from rakurs.task import read_task

    declared = read_task(task)
    named = declared.main_view.name if view is None else declared.view(view).name
    held = read_index(index, images=images)
    return {split: films_of(held, declared, view=named, split=split) for split in ("train", "val")}, named


def _plan(task: Path, network: str | None, *, view: str, recipe: Path | None, weights: Path | None, films: int) -> Plan:
    from rakurs.errors import TrainingError
    from rakurs.task import read_task
    from rakurs.training.checkpoint import Plan
    from rakurs.training.recipe import default_recipe, read_recipe

    declared = read_task(task)
    if recipe is not None:
        asked = read_recipe(recipe, network=network)
    elif network is not None:
        asked = default_recipe(network, declared, films=films)
    else:
        raise TrainingError("Nothing names a network; give --network, or a --recipe that names one.")
    return Plan(recipe=asked, task=declared, view=view, weights=weights)


def _silent(what: str, done: int, total: int) -> None:  # noqa: PLR0917 - as it is called
    """Takes progress and shows nothing."""
