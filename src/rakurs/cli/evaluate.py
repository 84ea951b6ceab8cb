"""`rakurs evaluate`: measure a pack on labelled films, from its ONNX file only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rakurs.cli.progress import report_progress

if TYPE_CHECKING:
    from rakurs.evaluation.index import Films

SEED = 20261123


@click.command()
@click.argument("pack")
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index of `rakurs dataset`.")
@click.option("--split", default="test", show_default=True, help="The split to measure on.")
@click.option("--data-set", required=True, help="What the films are, in a few words, for measured.json.")
@click.option("--tune", is_flag=True, help="Write calibration, thresholds and gate limits; never from the split test.")
@click.option(
    "--accept",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    help="With --tune: a folder of further films that the gate must let pass.",
)
@click.option("--peer", type=click.Path(path_type=Path, exists=True), help="CSV of another network's answers.")
@click.option("--record", is_flag=True, help="Write the scores into measured.json.")
@click.option("--figure", type=click.Path(path_type=Path), help="Write the ROC curves, as .svg or .png.")
def evaluate(  # noqa: PLR0913 - one parameter per option
    *,
    pack: str,
    index: Path,
    split: str,
    data_set: str,
    tune: bool,
    accept: tuple[Path, ...],
    peer: Path | None,
    record: bool,
    figure: Path | None,
) -> None:
    r"""Measure PACK, a name or a folder, on the films of an index.

    \b
    Examples:
      rakurs evaluate packs/chest-xray --index runs/nih.parquet --split val --data-set "NIH" --tune
      rakurs evaluate packs/chest-xray --index runs/nih.parquet --data-set "NIH" --record --figure roc.svg
    """
    from rakurs.evaluation.index import films_of, read_index
    from rakurs.pack import find_pack
    from rakurs.task import read_task

    folder = find_pack(pack)
    if tune:
        _tune(folder, index, split=split, data_set=data_set, accept=accept)
        return
    task = read_task(folder / "task.toml")
    films = films_of(read_index(index), task, view=task.main_view.name, split=split)
    _measure(folder, films, split=split, data_set=data_set, peer=peer, record=record, figure=figure)


def _tune(folder: Path, index: Path, *, split: str, data_set: str, accept: tuple[Path, ...]) -> None:
    from rakurs.errors import UsageError
    from rakurs.evaluation.index import read_index, split_of
    from rakurs.evaluation.tune import tune_pack
    from rakurs.pack import write_measured
    from rakurs.task import read_task

    if split == "test":
        raise UsageError("Thresholds measured on the split 'test' would flatter it; tune on 'val'.")
    task = read_task(folder / "task.toml")
    studies = split_of(read_index(index), task, split=split)
    groups = {each.name: sorted(file for file in each.iterdir() if file.suffix in {".jpg", ".png"}) for each in accept}
    with report_progress() as progress:
        measured = tune_pack(
            folder, task=task, studies=studies, accepted=groups, data_set=f"{data_set}, {split}", progress=progress
        )
    write_measured(measured, folder)
    click.echo(folder / "measured.json")


def _measure(
    folder: Path, films: Films, *, split: str, data_set: str, peer: Path | None, record: bool, figure: Path | None
) -> None:
    from rakurs.errors import UsageError
    from rakurs.evaluation.report import draw_curves, measure_pack, peer_answers, score_answers, scores_table
    from rakurs.pack import read_pack, write_measured

    pack = read_pack(folder)
    if record and pack.measured is None:
        raise UsageError("The pack has no measured.json to record scores in; measure its thresholds with --tune first.")
    with report_progress() as progress:
        answers = {pack.task.name: measure_pack(pack, films, progress=progress)}
    if peer is not None:
        answers["peer"] = peer_answers(peer, films, task=pack.task)
    scores = score_answers(answers, films=films, pack=pack, data_set=f"{data_set}, {split}", seed=SEED)
    click.echo(scores_table(scores))
    if record and pack.measured is not None:
        write_measured(pack.measured.model_copy(update={"scores": scores}), folder)
    if figure is not None:
        draw_curves(answers, films=films, task=pack.task, path=figure)
