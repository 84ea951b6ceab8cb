"""`rakurs compare`: which of several packs reads the same films better, and whether that is more than luck."""

from __future__ import annotations

from pathlib import Path

import click

from rakurs.cli.progress import report_progress


@click.command()
@click.argument("packs", nargs=-1, required=True)
@click.option("--index", type=click.Path(path_type=Path), required=True, help="The index of `rakurs dataset`.")
@click.option("--split", default="test", show_default=True, help="The split to compare on.")
@click.option("--images", type=click.Path(path_type=Path, file_okay=False), help="Where the images lie now, if moved.")
@click.option("--data-set", help="What the films are, in a few words; default: the name of the index.")
@click.option("--peer", type=click.Path(path_type=Path), help="CSV of another network's answers.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the report.")
def compare(
    *,
    packs: tuple[str, ...],
    index: Path,
    split: str,
    images: Path | None,
    data_set: str | None,
    peer: Path | None,
    out: Path,
) -> None:
    """Compare PACKS, names or folders, on the same films of an index, for the labels that all of them share.

    \b
    Examples:
      rakurs compare runs/merged runs/left-out --index runs/nih.parquet --out report
      rakurs compare packs/chest-xray --peer others.csv --index runs/nih.parquet --out report
    """
    from datetime import datetime

    from rakurs.evaluation.comparison import said
    from rakurs.evaluation.comparison_report import titles_of, write_comparison
    from rakurs.evaluation.index import read_index
    from rakurs.evaluation.readers import compare_packs
    from rakurs.pack import find_pack, read_pack

    held = [read_pack(find_pack(name)) for name in packs]
    with report_progress() as progress:
        found = compare_packs(
            held,
            read_index(index, images=images),
            split=split,
            data_set=f"{data_set or index.stem}, {split}",
            peer=peer,
            progress=progress,
        )
    titles = titles_of(found)
    for one in found.differences:
        click.echo(said(one, title=titles[one.label]))
    for reader, left_out in found.left_out.items():
        if left_out:
            click.echo(f"Left out, for not all share them, of {reader}: {', '.join(left_out)}.")
    click.echo(write_comparison(found, out, when=datetime.now().astimezone()))
