"""`rakurs dataset`: from a data set as people have it to the index that training and evaluation read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rakurs.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from rakurs.training.datasets.gathered import Gathered


@click.group(
    cls=LazyGroup,
    commands_at={
        "nih": "rakurs.cli.dataset_nih:nih",
        "folder": "rakurs.cli.dataset_folder:folder",
        "table": "rakurs.cli.dataset_table:table",
        "show": "rakurs.cli.dataset:show",
    },
)
def dataset() -> None:
    """Make the index of a data set, one Parquet file with a row per image, and say what it holds."""


def writing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has which writes an index."""
    for option in reversed(
        (
            click.option("--out", type=click.Path(path_type=Path), required=True, help="The index: a .parquet file."),
            click.option("--task", type=click.Path(path_type=Path), help="Also count the labels of this task.toml."),
            click.option("--verify", is_flag=True, help="Decode every image; those that cannot be are left out."),
            click.option("--problems", type=click.Path(path_type=Path), help="CSV of every image that is left out."),
            click.option("--seed", type=int, default=0, show_default=True, help="Of splits that are drawn by patient."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("index", type=click.Path(path_type=Path))
@click.option("--task", type=click.Path(path_type=Path), help="Also count the labels of this task.toml.")
@click.option("--images", type=click.Path(path_type=Path), help="Where the images are now, if they moved.")
def show(*, index: Path, task: Path | None, images: Path | None) -> None:
    """Print again what an INDEX holds."""
    from rakurs.cli.dataset_summary import show_summary
    from rakurs.evaluation.index import read_index
    from rakurs.task import read_task
    from rakurs.training.datasets.summary import summarise

    declared = None if task is None else read_task(task)
    show_summary(summarise(read_index(index, images=images).table, declared), task=declared)


def write(gathered: Gathered, *, out: Path, task: Path | None, verify: bool, problems: Path | None) -> None:
    """Write the index, say what was left out, and print the summary of what was written."""
    from rakurs.cli.dataset_summary import show_left_out, show_summary, written
    from rakurs.cli.disk import writing
    from rakurs.cli.progress import report_progress
    from rakurs.task import read_task
    from rakurs.training.datasets.gathered import usable, write_gathered, write_problems
    from rakurs.training.datasets.summary import summarise

    declared = None if task is None else read_task(task)
    with report_progress(after_s=2) as progress:
        left, left_out = usable(gathered, verify=verify, progress=progress)
    show_left_out(left_out, left.remarks)
    if problems is not None:
        with writing(problems):
            write_problems(left_out, problems)
    with writing(out):
        write_gathered(left, out)
    summary = summarise(left.table, declared)
    click.echo(written(out, summary))
    show_summary(summary, task=declared)
