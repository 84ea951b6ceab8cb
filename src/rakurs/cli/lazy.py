"""Groups of commands that import a command's module only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from rakurs.errors import RakursError

INTERRUPTED = 130
"""128 and the number of SIGINT, as a shell counts it."""

EXTRA = frozenset({"torch", "onnx", "onnxscript", "matplotlib", "pyarrow"})
"""Packages that the extra [train] brings, and reading does without."""


class LazyGroup(click.Group):
    """A group whose `commands_at` says where each command stands: "module:attribute".

    A `RakursError` ends a command with its sentence on stderr and exit code 2, Ctrl-C with 130;
    every other exception goes through, with its traceback.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which they were declared."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name; None where there is none."""
        place = self._commands_at.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn errors that a person can act on into one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except RakursError as error:
            raise _WrongCall(error.message) from None
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRA:
                raise
            raise _WrongCall(
                f"This needs the package {package}; install it with: pip install 'rakurs[train]'."
            ) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


class _WrongCall(click.ClickException):
    exit_code = 2
