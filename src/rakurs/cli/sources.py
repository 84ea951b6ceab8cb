"""From the arguments of `rakurs read` to the files of the studies that they name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from rakurs.errors import UsageError
from rakurs.task import Task

BY_HEADER = "*"
"""Stands for the view of a file whose header, or else the task, will tell its view; no view has this name."""

Files = Mapping[str, Path]
"""The files of one study by view, or one file by `BY_HEADER`."""

_PAIR = re.compile(r"([a-z][a-z0-9-]*)=(.*)", re.DOTALL)


def check_sources(arguments: Sequence[str], task: Task) -> None:
    """Refuse a call that cannot be read as asked, before anything is read.

    Raises:
        UsageError: a path that is not there, a view that the task does not have, two files of one
            view, a folder as a view, or pairs and plain paths mixed.
    """
    pairs = [pair for pair in map(_pair, arguments) if pair]
    if pairs and len(pairs) < len(arguments):
        raise UsageError(
            "Got view=path pairs together with plain paths; expected one kind. Pairs of one call form one study: "
            "call once per study."
        )
    _check_views([view for view, _ in pairs], task)
    for path in [path for _, path in pairs] or [Path(argument) for argument in arguments]:
        if not path.exists():
            raise UsageError(f"There is no file or folder '{path}'.")
    for view, path in pairs:
        if path.is_dir():
            raise UsageError(f"Got the folder '{path}' as the view {view}; expected one image file.")


def check_out(out: Path, arguments: Sequence[str], *, recursive: bool) -> None:
    """Refuse a folder of answers that would be read as films.

    Raises:
        UsageError: --out is a folder that is read with the folders in it.
    """
    if recursive and out.exists() and any(out.samefile(argument) for argument in arguments if Path(argument).is_dir()):
        raise UsageError(f"Got '{out}' both as --out and to be read --recursive; expected another folder for --out.")


def studies_in(arguments: Sequence[str], *, recursive: bool, without: Collection[Path] = ()) -> Iterator[Files]:
    """The studies that checked arguments name: in their order, within a folder by name.

    Within folders, the paths in `without` are passed over: what this program writes is no film.

    Raises:
        UsageError: a folder cannot be opened.
    """
    pairs = [pair for pair in map(_pair, arguments) if pair]
    if pairs:
        yield dict(pairs)
        return
    passed_over = {path.absolute() for path in without}
    for argument in arguments:
        path = Path(argument)
        for file in _files_below(path, recursive=recursive, without=passed_over) if path.is_dir() else [path]:
            yield {BY_HEADER: file}


def _pair(argument: str) -> tuple[str, Path] | None:
    """The view and the path of `view=path`; None for a plain path, such as a file that has such a name."""
    match = _PAIR.fullmatch(argument)
    if match is None or os.path.lexists(argument):
        return None
    return match[1], Path(match[2])


def _check_views(views: Sequence[str], task: Task) -> None:
    known = [view.name for view in task.views]
    for view in views:
        if view not in known:
            raise UsageError(f"The task '{task.name}' has no view '{view}'; it has: {', '.join(known)}.")
        if views.count(view) > 1:
            raise UsageError(f"Got {views.count(view)} files of the view {view}; expected one. Call once per study.")


def _files_below(folder: Path, *, recursive: bool, without: Collection[Path]) -> Iterator[Path]:
    """Every regular file of a folder that is not hidden, by name; first its own, then those of its folders."""
    folders = []
    for name in _names_in(folder):
        path = folder / name
        if path.absolute() in without:
            continue
        if path.is_file():
            yield path
        elif recursive and path.is_dir() and not path.is_symlink():
            folders.append(path)
    for below in folders:
        yield from _files_below(below, recursive=True, without=without)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise UsageError(f"The folder '{folder}' cannot be opened: {error.strerror}.") from None
