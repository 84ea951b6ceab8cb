"""Decoded films at one input size, kept on disk between epochs and runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rakurs.errors import Refusal, TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.inference.images import read_image
from rakurs.inference.preprocess import fit
from rakurs.task import Preprocess


def cache_file(folder: Path, films: Films, *, rows_columns: int) -> Path:
    """Where the decoded copies of these films at this size lie: other films, or another order, have another file."""
    names = "\n".join(str(file) for file in films.files)
    return folder / f"films-{hashlib.sha256(names.encode()).hexdigest()[:12]}-{rows_columns}.npy"


def decode_films(films: Films, preprocess: Preprocess, *, cache: Path, progress: Progress) -> npt.NDArray[np.uint8]:
    """Every film fitted to the input: uint8 (n, channels, rows, columns), 255 = 1.0; kept in the file `cache`.

    Raises:
        TrainingError: some images cannot be read; the sentence counts them and names the first.
    """
    shape = (len(films), preprocess.channels, preprocess.rows, preprocess.columns)
    if cache.exists():
        kept = np.load(cache, mmap_mode="c")  # writable, though not the file: torch warns of arrays that are not
        if kept.shape == shape:
            return np.asarray(kept)
    decoded, refused = np.empty(shape, np.uint8), []
    for row, file in enumerate(films.files):
        try:
            fitted, _ = fit(read_image(file), preprocess)
        except Refusal:
            refused.append(file.name)
            continue
        decoded[row] = np.rint(fitted * 255)
        progress("decoding", row + 1, len(films))
    if refused:
        raise TrainingError(f"{len(refused)} of {len(films)} images cannot be read; the first is {refused[0]}.")
    partial = cache.with_suffix(".partial.npy")
    np.save(partial, decoded)
    partial.replace(cache)
    return decoded
