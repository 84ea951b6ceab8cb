"""`rakurs packs import`: a pack from published weights of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rakurs.training.published import Fit, Kind


@click.command("import")
@click.argument("kind", type=click.Choice(["torchxrayvision", "torchvision"]))
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the new pack.")
@click.option("--name", default=None, help="The pack's name; default: the name of its folder.")
@click.option("--labels", default=None, help="What the outputs mean, A,B,…; empty for one that was never trained.")
@click.option("--fit", type=click.Choice(["crop", "pad"]), default="crop", show_default=True, help="How films are cut.")
def import_weights(*, kind: Kind, weights: Path, out: Path, name: str | None, labels: str | None, fit: Fit) -> None:
    """Make a pack of a published DenseNet-121, without changing a number.

    The file is read without running what it holds. The pack is for research: it is not calibrated.

    \b
    Examples:
      rakurs packs import torchxrayvision nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt \\
          --out packs/xrv-nih
      rakurs packs import torchvision chexnet.pth --labels Atelectasis,Cardiomegaly,Effusion --out packs/chexnet
    """
    from rakurs.training.published import import_published

    named = labels.split(",") if labels is not None else None
    click.echo(import_published(weights, kind=kind, name=name or out.resolve().name, out=out, labels=named, fit=fit))
