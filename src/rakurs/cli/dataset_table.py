"""`rakurs dataset table`: the index of any CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rakurs.cli.dataset import write, writing_options


@click.command()
@click.argument("csv", type=click.Path(path_type=Path))
@writing_options
@click.option("--images", type=click.Path(path_type=Path), help="Folder where paths start; default: that of the CSV.")
@click.option("--path", help="Column of the images' paths.")
@click.option("--labels", metavar="COLUMN[:SEPARATOR]", help="Column of labels; the separator is | unless given.")
@click.option("--label-columns", metavar="A,B,C", help="Instead: a column of 0 and 1 for each label.")
@click.option("--patient", metavar="COLUMN[,COLUMN]", help="Column of the patient or other subject.")
@click.option("--study", metavar="COLUMN[,COLUMN]", help="Column of the study; several make one name together.")
@click.option("--view", metavar="COLUMN|=NAME", help="Column of the view, or with = the view of all images.")
@click.option("--view-columns", metavar="A,B", help="Instead of --path and --view: a column of paths for each view.")
@click.option(
    "--split", metavar="COLUMN|=NAME", help="Column of the split, =train, =val, =test, or =random by patient."
)
@click.option("--val-share", type=click.FloatRange(0, 1), help="This share of the patients of train becomes val.")
@click.option("--age", metavar="COLUMN", help="Column of the age in years, or as DICOM writes it.")
@click.option("--sex", metavar="COLUMN", help="Column of the sex.")
@click.option("--view-position", metavar="COLUMN", help="Column of the view position: PA, AP.")
@click.option("--source-px", metavar="COLUMN|=PIXELS", help="The longer side of the images as they were published.")
@click.option("--map-view", metavar="OLD=NEW", multiple=True, help="Rename a view; may be given again.")
@click.option("--only-view", metavar="A,B", help="Keep only these views, by their new names.")
@click.option("--where", metavar="COLUMN=VALUE[,VALUE]", multiple=True, help="Keep only such rows; != leaves them out.")
@click.option("--boxes", type=click.Path(path_type=Path), help="CSV of boxes (image, label, x, y, w, h in pixels).")
@click.option("--boxes-px", type=float, default=1024, show_default=True, help="Side of the images that boxes are in.")
def table(csv: Path, *, images: Path | None, seed: int, **said: Any) -> None:
    """Make the index of the images that a CSV names, plain or .gz.

    Columns are found by their usual names where none is named: path or file, labels or label, patient_id, study,
    view, split, age, sex, view_position, source_px.

    \b
    Examples:
      rakurs dataset table food/index.csv --study object_id,shot --out runs/food.parquet
      rakurs dataset table pairs/index.csv --view-columns frontal,lateral --split =test --out runs/pairs.parquet
    """
    from rakurs.errors import UsageError
    from rakurs.task import read_task
    from rakurs.training.datasets.table import Columns, gather_table

    writing = {name: said.pop(name) for name in ("out", "task", "verify", "problems")}
    for name in ("label_columns", "view_columns", "only_view"):
        said[name] = [part.strip() for part in (said[name] or "").split(",") if part.strip()]
    pairs = [pair.partition("=") for pair in said.pop("map_view")]
    if not all(old and new for old, _, new in pairs):
        raise UsageError("Got a --map-view without both names; expected OLD=NEW.")
    columns = Columns(**said, seed=seed, map_view={old: new for old, _, new in pairs})
    main_view = read_task(writing["task"]).main_view.name if writing["task"] else None
    write(gather_table(csv, columns, images=images, main_view=main_view), **writing)
