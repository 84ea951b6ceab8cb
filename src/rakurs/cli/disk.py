"""Writing so that a file is whole or not there, and so that a full disk is a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from rakurs.errors import UsageError


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what a disk refuses into a sentence.

    Raises:
        UsageError: something could not be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"Cannot write to '{place}': {error.strerror or type(error).__name__}.") from None


@contextmanager
def printing() -> Iterator[None]:
    """Turn a standard output that takes no more into a sentence; one that was closed ends the program as usual.

    Raises:
        UsageError: something could not be printed.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is still buffered would fail again when Python ends, and hide the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"Cannot print: {error.strerror}.") from None


def make_folder(folder: Path) -> None:
    """Make a folder and see that it can be written.

    Raises:
        UsageError: it cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{uuid4().hex}.part"
        trial.touch()
        trial.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that under its name there is, at every moment, all of it or what was there before."""
    part = part_of(path)
    try:
        with part.open("xb") as file:
            file.write(content)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def part_of(path: Path) -> Path:
    """A new hidden name beside `path`, for what is to become it."""
    return path.with_name(f".{uuid4().hex}.part")
