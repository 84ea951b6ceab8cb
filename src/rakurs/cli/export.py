"""`rakurs export`: from the checkpoints of trainings to the ONNX file of a pack."""

from __future__ import annotations

from pathlib import Path

import click

A_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--index", type=A_PATH, required=True, help="The index that they were trained on.")
@click.option("--out", type=A_PATH, required=True, help="The file to write: PACK/VIEW.onnx.")
@click.option("--view", default=None, help="The view they were trained on; default: as they say, else the main view.")
@click.option("--images", type=A_PATH, default=None, help="Where the index's images lie now, if they moved.")
def export(*, checkpoints: tuple[Path, ...], index: Path, out: Path, view: str | None, images: Path | None) -> None:
    """Write the network of CHECKPOINTS with its heat maps and the embedding of its training films.

    Several checkpoints of one task become one network, whose logits are the mean of theirs.

    \b
    Examples:
      rakurs export runs/chest-xray/checkpoint.pt --index runs/nih.parquet --out packs/chest-xray/frontal.onnx
      rakurs export runs/first/checkpoint.pt runs/second/checkpoint.pt --index runs/nih.parquet --out PACK/frontal.onnx
    """
    from rakurs.cli.progress import report_progress
    from rakurs.evaluation.index import films_of, read_index
    from rakurs.training.publish import export_checkpoints, task_of, view_of

    task = task_of(checkpoints)
    named = view_of(checkpoints, task, asked=view, out=out)
    with report_progress() as progress:
        films = films_of(read_index(index, images=images), task, view=named, split="train")
        written = export_checkpoints(checkpoints, task=task, films=films, out=out, progress=progress)
    click.echo(written)
