"""The command line: one module per command, heavy imports inside the command."""

from __future__ import annotations

import click

import rakurs
from rakurs.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    commands_at={
        "read": "rakurs.cli.read:read",
        "packs": "rakurs.cli.packs:packs",
        "dataset": "rakurs.cli.dataset:dataset",
        "train": "rakurs.cli.train:train",
        "networks": "rakurs.cli.networks:networks",
        "export": "rakurs.cli.export:export",
        "evaluate": "rakurs.cli.evaluate:evaluate",
        "compare": "rakurs.cli.compare:compare",
        "experiment": "rakurs.cli.experiment:experiment",
        "serve": "rakurs.cli.serve:serve",
        "work": "rakurs.cli.serve:work",
        "admin": "rakurs.cli.admin:admin",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(rakurs.__version__, prog_name="rakurs")
def rakurs_command() -> None:
    """A second opinion on an image, or on several views of one subject; decision support, not a diagnosis."""


def main() -> None:
    """The entry point of the program `rakurs`."""
    rakurs_command(prog_name="rakurs")
