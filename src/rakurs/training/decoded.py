"""Decoded films at one input size, kept on disk between epochs and runs."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rakurs.errors import Refusal, TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.inference.images import read_image
from rakurs.inference.preprocess import fit
from rakurs.task import Preprocess

Pixels = npt.NDArray[np.uint8]


def decode_films(films: Films, preprocess: Preprocess, *, folder: Path, progress: Progress, threads: int = 1) -> Pixels:
    """Every film fitted to the input: uint8 (n, channels, rows, columns), 255 = 1.0; kept in a file in `folder`.

    They are read through the file, so that they need no memory of this process.

    Raises:
        TrainingError: some images cannot be read; the sentence counts them and names the first.
        OSError: the disk is full, or the folder cannot be written.
    """
    cache = folder / _name(films, preprocess)
    if not cache.exists():
        partial = cache.with_suffix(f".{os.getpid()}.partial")
        try:
            _decode(films, preprocess, path=partial, progress=progress, threads=threads)
            partial.replace(cache)
        finally:
            partial.unlink(missing_ok=True)
    return np.asarray(np.load(cache, mmap_mode="c"))  # writable, though not the file: torch warns of other arrays


def _name(films: Films, preprocess: Preprocess) -> str:
    """The file of decoded copies: other films, another order, or another way to fit them have another file."""
    rows, columns = preprocess.rows, preprocess.columns
    asked = [f"{preprocess.channels} x {rows} x {columns}, {preprocess.fit}", *map(str, films.files)]
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    return f"films-{digest[:12]}-{max(rows, columns)}.npy"


def _decode(films: Films, preprocess: Preprocess, *, path: Path, progress: Progress, threads: int) -> None:
    shape = (len(films), preprocess.channels, preprocess.rows, preprocess.columns)
    decoded = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    _reserve(path)

    def decode(row: int) -> str | None:
        """Decode one film into its row; the name of one that cannot be read."""
        try:
            fitted, _ = fit(read_image(films.files[row]), preprocess)
        except Refusal:
            return films.files[row].name
        decoded[row] = np.rint(fitted * 255)
        return None

    refused, pool = [], ThreadPoolExecutor(threads)
    try:
        for row, name in enumerate(pool.map(decode, range(len(films)))):
            refused += [name] if name else []
            progress("decoding", row + 1, len(films))
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for the films that are left
    if refused:
        raise TrainingError(f"{len(refused)} of {len(films)} images cannot be read; the first is {refused[0]}.")
    decoded.flush()


def _reserve(path: Path) -> None:
    """Take the space of a file now: a disk that is full when a mapped page is written ends the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
