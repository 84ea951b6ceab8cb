"""Films with labels, from a CSV index, and a pack's answers to them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rakurs.errors import Refusal, UsageError
from rakurs.inference.images import read_image
from rakurs.inference.network import Network
from rakurs.inference.preprocess import prepare
from rakurs.study import FloatArray
from rakurs.task import Preprocess, Task

COLUMNS = ("file", "split", "patient_id", "labels", "source_px")
"""What an index must hold: path beside it, train|val|test, patient, labels joined by "|", longest side in pixels."""

BATCH = 16

Progress = Callable[[str, int, int], None]
Change = Callable[[FloatArray], FloatArray]
"""Changes a prepared image (channels, rows, columns) before the network sees it."""


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """n films in the order of the index: `truth` bool (n, labels), `patients` and `source_px` int (n,)."""

    files: list[Path]
    truth: npt.NDArray[np.bool_]
    patients: npt.NDArray[np.int64]
    source_px: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)


def read_index(path: Path, task: Task) -> dict[str, Films]:
    """Read an index and give its films per split, with the truth of the task's labels.

    Raises:
        UsageError: the file or a column is missing, a row is short, a number is none, or a patient stands in two
            splits.
    """
    rows = _read_rows(path)
    _refuse_shared_patients(rows)
    splits = sorted({row["split"] for row in rows})
    return {split: _films([row for row in rows if row["split"] == split], path, task=task) for split in splits}


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"The index {path.name} cannot be read in {path.parent}.") from None
    missing = [column for column in COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise UsageError(f"The index {path.name} has no rows or lacks the columns: {', '.join(missing)}.")
    short = [place for place, row in enumerate(rows, start=1) if any(row[column] is None for column in COLUMNS)]
    if short:
        raise UsageError(f"The index {path.name} has too few values in {len(short)} rows; the first is row {short[0]}.")
    return rows


def _refuse_shared_patients(rows: list[dict[str, str]]) -> None:
    splits_of: dict[str, set[str]] = {}
    for row in rows:
        splits_of.setdefault(row["patient_id"], set()).add(row["split"])
    shared = sum(len(splits) > 1 for splits in splits_of.values())
    if shared:
        raise UsageError(f"{shared} patients stand in more than one split; split by patient.")


def _films(rows: list[dict[str, str]], index: Path, *, task: Task) -> Films:
    held = [set(row["labels"].split("|")) for row in rows]
    truth = [[bool(names.intersection(label.source_names)) for label in task.labels] for names in held]
    try:
        numbers = np.array([(int(row["patient_id"]), int(row["source_px"])) for row in rows], np.int64).reshape(-1, 2)
    except ValueError:
        raise UsageError(f"The index {index.name} has a patient_id or source_px that is no whole number.") from None
    return Films(
        files=[index.parent / row["file"] for row in rows],
        truth=np.array(truth, bool).reshape(len(rows), len(task.labels)),
        patients=numbers[:, 0],
        source_px=numbers[:, 1],
    )


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
