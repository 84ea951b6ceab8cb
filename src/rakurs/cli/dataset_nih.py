"""`rakurs dataset nih`: the index of NIH ChestX-ray14 as downloaded."""

from __future__ import annotations

from pathlib import Path

import click

from rakurs.cli.dataset import write, writing_options


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@writing_options
@click.option("--images", type=click.Path(path_type=Path), help="Folder of resized copies, to be read instead.")
@click.option("--source-px", default="1024", show_default=True, help="Side of the published images, or: measured.")
@click.option(
    "--split",
    type=click.Choice(["official", "random"]),
    default="official",
    show_default=True,
    help="By the lists of the release where they are there, or drawn by patient.",
)
@click.option(
    "--val-share", type=click.FloatRange(0, 1), help="Share of the patients outside test that is val.  [default: 0.1]"
)
def nih(  # noqa: PLR0913 - one parameter per option
    root: Path,
    *,
    out: Path,
    task: Path | None,
    verify: bool,
    problems: Path | None,
    seed: int,
    images: Path | None,
    source_px: str,
    split: str,
    val_share: float | None,
) -> None:
    """Make the index of the NIH release in the folder ROOT.

    ROOT holds images_001/images and on, or images; Data_Entry_2017*.csv; and, where they were downloaded too,
    train_val_list.txt and test_list.txt, and BBox_List_2017.csv. The CSV files may be packed, as .gz.

    \b
    Example:
      rakurs dataset nih CXR8 --task packs/chest-xray/task.toml --out runs/nih.parquet
    """
    from rakurs.training.datasets.nih import Choices, gather_nih
    from rakurs.training.datasets.values import pixels

    choices = Choices(
        images=images,
        source_px=pixels(source_px),
        official=split == "official",
        val_share=val_share,
        seed=seed,
    )
    write(gather_nih(root, choices), out=out, task=task, verify=verify, problems=problems)
