"""`rakurs packs`: which packs there are, what each holds, and whether it keeps the rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rakurs.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rakurs.inference.check import Check
    from rakurs.pack import Interval, Pack

SOME_FAILED = 1


@click.group(
    cls=LazyGroup,
    commands_at={
        "list": "rakurs.cli.packs:list_packs",
        "show": "rakurs.cli.packs:show_pack",
        "check": "rakurs.cli.packs:check_packs",
        "import": "rakurs.cli.packs_import:import_weights",
    },
)
def packs() -> None:
    """List, show, check and import packs: those of the folders in RAKURS_PACKS, then those that ship."""


@click.command()
def list_packs() -> None:
    """List the packs; one that cannot be used is listed with the reason."""
    from rakurs.pack import pack_folders

    for folder in pack_folders():
        click.echo(f"{folder.name}\t{_summary(folder)}\t{folder}")


@click.command()
@click.argument("name")
def show_pack(*, name: str) -> None:
    """Show a pack: labels, codes, operating points, scores.

    NAME is a pack's name, or its folder.
    """
    from rich.console import Console

    from rakurs.pack import find_pack, read_pack

    console = Console(highlight=False, markup=False, emoji=False)
    pack = read_pack(find_pack(name))
    _show_head(console, pack)
    console.print(_labels(pack))
    _show_measured(console, pack)


@click.command()
@click.argument("name", required=False)
def check_packs(*, name: str | None) -> None:
    """Check the pack NAME, a name or a folder, or all.

    A line per rule says whether it is kept.

    The exit code is 0 when every rule is kept, 1 when one is not, 2 when there is no such pack.
    """
    from rakurs.inference.check import check_pack
    from rakurs.pack import find_pack, pack_folders

    passed = True
    for folder in [find_pack(name)] if name else pack_folders():
        click.echo(folder)
        checks = check_pack(folder)
        for check in checks:
            click.echo(_line(check))
        passed = passed and all(check.passed for check in checks)
    click.get_current_context().exit(0 if passed else SOME_FAILED)


def _line(check: Check) -> str:
    detail = f" ({check.detail})" if check.passed and check.detail else f" {check.detail}" if check.detail else ""
    return f"  {'kept  ' if check.passed else 'BROKEN'} {check.rule}{detail}"


def _summary(folder: Path) -> str:
    from rakurs.errors import RakursError
    from rakurs.pack import read_pack
    from rakurs.task import title_of

    try:
        pack = read_pack(folder)
    except RakursError as error:
        return f"unusable: {error.message}"
    kind = "calibrated" if pack.calibrated else "not calibrated"
    return f"{title_of(pack.task)}, version {pack.task.version}, {', '.join(pack.networks)}, {kind}"


def _show_head(console: Console, pack: Pack) -> None:
    from rakurs.task import title_of

    task = pack.task
    console.print(f"{title_of(task)} ({task.name}, version {task.version})", style="bold")
    console.print(task.intended_use.get("en", ""), soft_wrap=True)
    console.print(f"Folder: {pack.folder}", soft_wrap=True)
    for view in task.views:
        digest = pack.networks[view.name].digest if view.name in pack.networks else "no network"
        need = "required" if view.required else "optional"
        console.print(f"View {view.name}, {need}: {digest}", soft_wrap=True)
    console.print(f"Calibrated: {'yes' if pack.calibrated else 'no'}")
    for name, value in (pack.measured.validation if pack.measured else {}).items():
        if isinstance(value, str | int | float):
            console.print(f"Measured on, {name.replace('_', ' ')}: {value}", soft_wrap=True)


def _labels(pack: Pack) -> Table:
    from rich.table import Table

    from rakurs.inference.weight import points_of
    from rakurs.task import title_of

    points = [point for point, _ in points_of(pack, pack.task.labels[0].name)]
    table = Table("Label", "Title", "Code", *(f"{point.name} from" for point in points), box=None, header_style="dim")
    for label in pack.task.labels:
        code = " ".join(label.code[:2]) if label.code else ""
        thresholds = [f"{measured.threshold:.3f}" for _, measured in points_of(pack, label.name)]
        table.add_row(label.name, title_of(label), code, *thresholds)
    return table


def _show_measured(console: Console, pack: Pack) -> None:
    if pack.measured is None:
        return
    for point in pack.task.operating_points:
        if point.name in pack.measured.operating_points:
            console.print(f"\nOperating point {point.name}: {point.criterion} at least {point.at_least:.0%}")
            console.print(_point_table(pack, point.name))
    for scores in pack.measured.scores:
        said = [f"{name.replace('_', ' ')} {value}" for name, value in scores.items() if isinstance(value, str | int)]
        console.print(f"\nScores: {', '.join(said)}", soft_wrap=True)
        console.print(_score_table(scores))


def _point_table(pack: Pack, point: str) -> Table:
    from rich.table import Table

    assert pack.measured is not None
    table = Table("Label", "Threshold", "Sensitivity", "Specificity", box=None, header_style="dim")
    for label, measured in pack.measured.operating_points[point].items():
        table.add_row(
            label, f"{measured.threshold:.3f}", _interval(measured.sensitivity), _interval(measured.specificity)
        )
    return table


def _interval(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def _score_table(scores: Mapping[str, Any]) -> Table:
    """The columns that `rakurs.evaluation.scores` gives; what is missing stays empty."""
    from rich.table import Table

    table = Table("Label", "Positives", "AUROC", "AUPRC", "ECE", box=None, header_style="dim")
    rows = {**scores.get("labels", {}), "mean": scores.get("mean", {})}
    for label, row in rows.items():
        table.add_row(
            label, str(row.get("positives", "")), *(_measure(row.get(name)) for name in ("auroc", "auprc", "ece"))
        )
    return table


def _measure(value: object) -> str:
    if isinstance(value, dict) and all(isinstance(value.get(name), int | float) for name in ("value", "low", "high")):
        return f"{value['value']:.3f} ({value['low']:.3f}-{value['high']:.3f})"
    return f"{value:.3f}" if isinstance(value, int | float) else ""
