"""`rakurs export`: from a training's checkpoint to the ONNX file of a pack."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index that it was trained on.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write: PACK/VIEW.onnx.")
def export(*, checkpoint: Path, index: Path, out: Path) -> None:
    r"""Write the network of CHECKPOINT with its heat maps and the embedding of its training films.

    \b
    Example:
      rakurs export runs/chest-xray/checkpoint.pt --index runs/nih.parquet --out packs/chest-xray/frontal.onnx
    """
    from rakurs.cli.progress import report_progress
    from rakurs.evaluation.index import films_of, read_index
    from rakurs.training.publish import export_checkpoint, task_of

    task = task_of(checkpoint)
    with report_progress() as progress:
        films = films_of(read_index(index), task, view=out.stem, split="train")
        written = export_checkpoint(checkpoint, task=task, films=films, out=out, progress=progress)
    click.echo(written)
