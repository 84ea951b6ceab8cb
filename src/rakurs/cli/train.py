"""`rakurs train`: a network for one view, from a recipe."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--task", type=click.Path(path_type=Path), required=True, help="The task file that declares the labels.")
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index of `rakurs dataset`.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the checkpoint and its caches.")
@click.option("--threads", type=int, default=None, help="Threads of torch; default: its own choice.")
def train(*, recipe: Path, task: Path, index: Path, out: Path, threads: int | None) -> None:
    """Train the network of RECIPE; a run that was cut off goes on where its last epoch ended.

    \b
    Example:
      rakurs train packs/chest-xray/recipe.toml --task packs/chest-xray/task.toml \\
          --index runs/nih.parquet --out runs/chest-xray
    """
    import torch

    from rakurs.cli.progress import report_progress
    from rakurs.evaluation.index import films_of, read_index
    from rakurs.task import read_task
    from rakurs.training.loop import train as run
    from rakurs.training.recipe import read_recipe

    if threads:
        torch.set_num_threads(threads)
    declared = read_task(task)
    held, view = read_index(index), declared.main_view.name
    splits = {split: films_of(held, declared, view=view, split=split) for split in ("train", "val")}
    with report_progress() as progress:
        checkpoint = run(read_recipe(recipe), task=declared, splits=splits, out=out, progress=progress)
    click.echo(checkpoint)
