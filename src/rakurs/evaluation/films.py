"""What a network answers to many films."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from rakurs.errors import Refusal, UsageError
from rakurs.inference.images import read_image
from rakurs.inference.network import Network
from rakurs.inference.preprocess import prepare
from rakurs.study import FloatArray
from rakurs.task import Preprocess

BATCH = 16

Progress = Callable[[str, int, int], None]
Change = Callable[[FloatArray], FloatArray]
"""Changes a prepared image (channels, rows, columns) before the network sees it."""


def answer_films(
    network: Network,
    files: Sequence[Path],
    *,
    preprocess: Preprocess,
    progress: Progress,
    change: Change | None = None,
) -> tuple[FloatArray, FloatArray]:
    """What a network says of n films: logits float32 (n, labels) and embeddings float32 (n, d).

    Raises:
        UsageError: there are no films, or some images cannot be read; the sentence counts them and names the first.
    """
    if not files:
        raise UsageError("Got no films; expected at least one. Check the split, and the folder that is to be accepted.")
    logits, embeddings = [], []
    for images in _batches(_prepared(files, preprocess, progress=progress), change):
        answers = network.run(images)
        logits.append(answers.logits)
        embeddings.append(answers.embedding)
    return np.concatenate(logits), np.concatenate(embeddings)


def _prepared(files: Sequence[Path], preprocess: Preprocess, *, progress: Progress) -> Iterator[FloatArray]:
    refused = []
    for done, file in enumerate(files, start=1):
        try:
            yield prepare(read_image(file), preprocess)[0]
        except Refusal:
            refused.append(file.name)
        progress("reading films", done, len(files))
    if refused:
        raise UsageError(f"{len(refused)} of {len(files)} images cannot be read; the first is {refused[0]}.")


def _batches(prepared: Iterator[FloatArray], change: Change | None) -> Iterator[FloatArray]:
    batch: list[FloatArray] = []
    for image in prepared:
        batch.append(change(image) if change else image)
        if len(batch) == BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
