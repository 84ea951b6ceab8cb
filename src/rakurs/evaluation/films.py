"""What a network answers to many films, on all cores: each thread decodes a few films and answers them itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rakurs.errors import Refusal, UsageError
from rakurs.inference.images import read_image
from rakurs.inference.network import Answers, Network
from rakurs.inference.ordered import in_order
from rakurs.inference.preprocess import prepare
from rakurs.study import FloatArray, Frame
from rakurs.task import Preprocess

BATCH = 8
"""Films that a thread answers at once: more do not make it faster, and each holds its activations."""

Progress = Callable[[str, int, int], None]
Change = Callable[[FloatArray], FloatArray]
"""Changes a prepared image (channels, rows, columns) before the network sees it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Some films, in order: their frames and the network's answers, None where one of them cannot be read."""

    files: Sequence[Path]
    refused: list[str]
    frames: list[Frame]
    answers: Answers | None


def answer_films(
    network: Network,
    files: Sequence[Path],
    *,
    preprocess: Preprocess,
    progress: Progress,
    change: Change | None = None,
    jobs: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """What a network says of n films: logits float32 (n, labels) and embeddings float32 (n, d).

    `jobs` films are read and answered at the same time (default: one per core); load the network with one thread.

    Raises:
        UsageError: there are no films, or some images cannot be read; the sentence counts them and names the first.
    """
    logits, embeddings = [], []
    for _, answers in _answered(network, files, preprocess=preprocess, progress=progress, change=change, jobs=jobs):
        logits.append(answers.logits)
        embeddings.append(answers.embedding)
    return np.concatenate(logits), np.concatenate(embeddings)


def map_films(
    network: Network, files: Sequence[Path], *, preprocess: Preprocess, progress: Progress, jobs: int | None = None
) -> Iterator[tuple[FloatArray, Frame]]:
    """The heat maps of each film in turn, float32 (labels, h, w) over the input, and how the film lies in it.

    Raises:
        UsageError: as `answer_films`.
    """
    for frames, answers in _answered(network, files, preprocess=preprocess, progress=progress, change=None, jobs=jobs):
        yield from zip(answers.heat_maps, frames, strict=True)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answered(
    network: Network,
    files: Sequence[Path],
    *,
    preprocess: Preprocess,
    progress: Progress,
    change: Change | None,
    jobs: int | None,
) -> Iterator[tuple[list[Frame], Answers]]:
    """Frames and answers of a few films at a time, in the order of the films."""
    if not files:
        raise UsageError("Got no films; expected at least one. Check the split, and the folder that is to be accepted.")

    def answer(batch: Sequence[Path]) -> _Batch:
        return _answer(network, batch, preprocess=preprocess, change=change)

    done, refused = 0, list[str]()
    batches = [files[begin : begin + BATCH] for begin in range(0, len(files), BATCH)]
    for batch in in_order(answer, batches, jobs=jobs or cores()):
        refused += batch.refused
        for _ in batch.files:
            done += 1
            progress("reading films", done, len(files))
        if batch.answers is not None and not refused:
            yield batch.frames, batch.answers
    if refused:
        raise UsageError(f"{len(refused)} of {len(files)} images cannot be read; the first is {refused[0]}.")


def _answer(network: Network, files: Sequence[Path], *, preprocess: Preprocess, change: Change | None) -> _Batch:
    images, frames, refused = [], [], []
    for file in files:
        try:
            image, frame = prepare(read_image(file), preprocess)
        except Refusal:
            refused.append(file.name)
            continue
        images.append(change(image) if change else image)
        frames.append(frame)
    answers = None if refused else network.run(np.stack(images))
    return _Batch(files=files, refused=refused, frames=frames, answers=answers)
