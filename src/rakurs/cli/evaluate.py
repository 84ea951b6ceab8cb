"""`rakurs evaluate`: measure a pack on labelled films, from its ONNX file only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rakurs.cli.progress import report_progress

if TYPE_CHECKING:
    from rakurs.evaluation.index import Studies


@click.command()
@click.argument("pack")
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index of `rakurs dataset`.")
@click.option("--split", default="test", show_default=True, help="The split to measure on.")
@click.option("--images", type=click.Path(path_type=Path, file_okay=False), help="Where the images lie now, if moved.")
@click.option("--data-set", help="What the films are, in a few words; default: the name of the index.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the report into this folder.")
@click.option("--peer", type=click.Path(path_type=Path), help="CSV of another network's answers.")
@click.option("--record", is_flag=True, help="Write the scores into measured.json.")
@click.option("--tune", is_flag=True, help="Write calibration, thresholds and gate limits; never from the split test.")
@click.option(
    "--accept",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    help="With --tune: a folder of further films that the gate must let pass.",
)
def evaluate(  # noqa: PLR0913 - one parameter per option
    *,
    pack: str,
    index: Path,
    split: str,
    images: Path | None,
    data_set: str | None,
    out: Path | None,
    peer: Path | None,
    record: bool,
    tune: bool,
    accept: tuple[Path, ...],
) -> None:
    """Measure PACK, a name or a folder, on the films of an index, from its ONNX files only.

    \b
    Examples:
      rakurs evaluate packs/chest-xray --index runs/nih.parquet --split val --data-set "NIH" --tune
      rakurs evaluate packs/chest-xray --index runs/nih.parquet --data-set "NIH" --out report --record
    """
    from rakurs.evaluation.index import read_index, split_of
    from rakurs.pack import find_pack
    from rakurs.task import read_task

    folder = find_pack(pack)
    task = read_task(folder / "task.toml")
    studies = split_of(read_index(index, images=images), task, split=split)
    named = f"{data_set or index.stem}, {split}"
    if tune:
        _tune(folder, studies, split=split, data_set=named, accept=accept)
        return
    _measure(folder, studies, data_set=named, peer=peer, record=record, out=out)


def _tune(folder: Path, studies: Studies, *, split: str, data_set: str, accept: tuple[Path, ...]) -> None:
    from rakurs.errors import UsageError
    from rakurs.evaluation.tune import tune_pack
    from rakurs.pack import write_measured
    from rakurs.task import read_task

    if split == "test":
        raise UsageError("Thresholds measured on the split 'test' would flatter it; tune on 'val'.")
    task = read_task(folder / "task.toml")
    groups = {each.name: sorted(file for file in each.iterdir() if file.suffix in {".jpg", ".png"}) for each in accept}
    with report_progress() as progress:
        measured = tune_pack(folder, task=task, studies=studies, accepted=groups, data_set=data_set, progress=progress)
    write_measured(measured, folder)
    click.echo(folder / "measured.json")


def _measure(
    folder: Path, studies: Studies, *, data_set: str, peer: Path | None, record: bool, out: Path | None
) -> None:
    from datetime import datetime

    from rakurs.errors import UsageError
    from rakurs.evaluation.assessment import assess
    from rakurs.evaluation.report import write_report
    from rakurs.evaluation.tables import markdown, scores_table
    from rakurs.pack import read_pack, write_measured

    pack = read_pack(folder)
    if record and pack.measured is None:
        raise UsageError("The pack has no measured.json to record scores in; measure its thresholds with --tune first.")
    with report_progress() as progress:
        found = assess(pack, studies, data_set=data_set, peer=peer, progress=progress)
    if found.not_measurable:
        click.echo(f"Not measurable, for one class is missing: {', '.join(found.not_measurable)}.")
    click.echo(markdown(scores_table(found.scores)))
    if record and pack.measured is not None:
        write_measured(pack.measured.model_copy(update={"scores": found.scores}), folder)
    if out is not None:
        click.echo(write_report(found, out, when=datetime.now().astimezone()))
