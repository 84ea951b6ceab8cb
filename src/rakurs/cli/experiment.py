"""`rakurs experiment`: networks and label schemes trained and measured alike, and what that showed."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index of `rakurs dataset`.")
@click.option("--images", type=click.Path(path_type=Path), help="Where the images are now, if they moved.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of trainings, packs and report.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=None, help="Threads of torch; default: one per core.")
def experiment(*, file: Path, index: Path, images: Path | None, out: Path, device: str, threads: int | None) -> None:
    """Run the experiment of FILE from beginning to report; a run that was cut off goes on where it was.

    \b
    Example:
      rakurs experiment experiments/nih.toml --index runs/nih.parquet --out runs/nih-experiment
    """
    from rakurs.cli.progress import report_progress
    from rakurs.evaluation.index import read_index
    from rakurs.training.allocator import keep_memory
    from rakurs.training.experiment import Laboratory, read_experiment, run_experiment
    from rakurs.training.experiment_report import write_report
    from rakurs.training.machine import open_machine

    declared, held = read_experiment(file), read_index(index, images=images)
    with open_machine(device, threads=threads) as machine, report_progress() as progress:
        if machine.device.type == "cpu":
            keep_memory()
        laboratory = Laboratory(beside=file.parent, index=held, out=out, machine=machine, progress=progress)
        outcomes = run_experiment(declared, laboratory)
    click.echo(write_report(declared, outcomes, beside=file.parent, out=out))
