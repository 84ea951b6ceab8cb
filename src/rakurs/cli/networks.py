"""`rakurs networks`: which networks can be trained, how large each is, how fast it reads, and its ImageNet weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("names", nargs=-1)
@click.option("--labels", type=click.IntRange(min=1), default=1000, show_default=True, help="As many as in the papers.")
@click.option("--channels", type=click.Choice(["1", "3"]), default="3", show_default=True, help="Grey or colour.")
@click.option("--no-time", is_flag=True, help="Do not time a reading, which takes minutes for all of them.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, on standard output.")
@click.option("--download", is_flag=True, help="Fetch the ImageNet weights of NAMES instead, and say where they lie.")
def networks(
    *, names: tuple[str, ...], labels: int, channels: str, no_time: bool, as_json: bool, download: bool
) -> None:
    """Say how large each network is and how fast it reads, or only NAMES; counted on the real networks.

    \b
    Examples:
      rakurs networks
      rakurs networks densenet-121 --channels 1 --labels 14
      rakurs networks densenet-121 --download
    """
    from rakurs.errors import UsageError
    from rakurs.training.architectures import ARCHITECTURES
    from rakurs.training.networks import architecture_of

    for name in names:
        architecture_of(name)
    if download:
        if not names:
            raise UsageError("Name the networks whose weights are to be fetched.")
        _download(names)
        return
    rows = _rows(names or list(ARCHITECTURES), channels=int(channels), labels=labels, timed=not no_time)
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    _show(rows, channels=int(channels), labels=labels)


def _download(names: Sequence[str]) -> None:
    from rakurs.training.pretrained import download_weights

    for name in names:
        click.echo(download_weights(name))


def _rows(names: Sequence[str], *, channels: int, labels: int, timed: bool) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from rakurs.cli.progress import report_progress
    from rakurs.training.pretrained import find_weights
    from rakurs.training.sizes import reading_ms, size_of

    rows = []
    with report_progress() as progress:
        for done, name in enumerate(names, start=1):
            weights = find_weights(name)
            counted = asdict(size_of(name, channels=channels, labels=labels))
            rows.append({**counted, "reading_ms": None, "weights": None if weights is None else str(weights)})
            progress("counting networks", done, len(names))
        times = reading_ms(names, channels=channels, progress=progress) if timed else {}
    return [{**row, "reading_ms": times.get(row["name"])} for row in rows]


def _show(rows: Sequence[dict[str, Any]], *, channels: int, labels: int) -> None:
    from rich.console import Console

    from rakurs.training.pretrained import where_to_put
    from rakurs.training.sizes import SIDE, TIMED_LABELS

    console = Console(highlight=False, markup=False, emoji=False)
    console.print(_table(rows))
    console.print(
        f"\n{channels} channels, {labels} labels. Layers: convolutions and linear layers on the longest way. Memory: "
        f"the weights, in float32. GFLOP: one image of {SIDE} x {SIDE} to its logits, a multiplication and an addition "
        f"counted as two. Reading: one such image with the heat maps of {TIMED_LABELS} labels, exported, in ONNX "
        "Runtime on all cores, median.",
        soft_wrap=True,
    )
    for row in rows:
        if row["weights"] is None:
            console.print(f"\nNo ImageNet weights of {row['name']} here. {where_to_put(row['name'])}", soft_wrap=True)


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="dim")
    table.add_column("Network", no_wrap=True)
    for column in ("Layers", "Parameters", "Memory", "GFLOP", "Reading"):
        table.add_column(column, justify="right")
    table.add_column("Weights", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            str(row["layers"]),
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['memory_mib']:.0f} MiB",
            f"{row['gflop']:.1f}",
            "" if row["reading_ms"] is None else f"{row['reading_ms']:.0f} ms",
            "missing" if row["weights"] is None else "here",
        )
    return table
