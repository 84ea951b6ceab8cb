"""`rakurs dataset folder`: the index of a folder per label."""

from __future__ import annotations

from pathlib import Path

import click

from rakurs.cli.dataset import write, writing_options


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@writing_options
@click.option("--layout", metavar="LEVEL/LEVEL", help="What the folders say: split, label, view, patient, study or -.")
@click.option("--view", metavar="NAME", help="The view of all images, where no folder says it.")
@click.option("--patient", metavar="REGEX", help="Finds the patient's name in the path: its groups, or all it matches.")
@click.option("--study", metavar="REGEX", help="Finds the study's name in the path.")
@click.option(
    "--split",
    type=click.Choice(["folders", "random"]),
    default="folders",
    show_default=True,
    help="By folders where they say it, or drawn by patient.",
)
@click.option("--val-share", type=click.FloatRange(0, 1), help="This share of the patients of train becomes val.")
@click.option("--source-px", help="The longer side of the images as they were published, or: measured.")
def folder(  # noqa: PLR0913 - one parameter per option
    root: Path,
    *,
    out: Path,
    task: Path | None,
    verify: bool,
    problems: Path | None,
    seed: int,
    layout: str | None,
    view: str | None,
    patient: str | None,
    study: str | None,
    split: str,
    val_share: float | None,
    source_px: str | None,
) -> None:
    """Make the index of the images below ROOT, which lie in a folder per label.

    The folders are ROOT/[split/]label/[view/]image, or as --layout says.

    \b
    Examples:
      rakurs dataset folder leaves --view top --out leaves.parquet
      rakurs dataset folder mushrooms --layout view/label --patient '([^/]+)_\\d+\\.jpg' --out mushrooms.parquet
    """
    from rakurs.task import read_task
    from rakurs.training.datasets.folder import Layout, gather_folder
    from rakurs.training.datasets.values import pixels

    declared = None if task is None else read_task(task)
    how = Layout(
        levels=layout.split("/") if layout else None,
        patient=patient,
        study=study,
        view=view or (declared.main_view.name if declared else None),
        views=[each.name for each in declared.views] if declared else [],
        source_px=None if source_px is None else pixels(source_px),
        measure=source_px == "measured",
        random=split == "random",
        val_share=val_share,
        seed=seed,
    )
    write(gather_folder(root, how), out=out, task=task, verify=verify, problems=problems)
