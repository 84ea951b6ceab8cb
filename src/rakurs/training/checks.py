"""What films must have before a training is worth its time."""

from __future__ import annotations

from collections.abc import Mapping

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.task import Task
from rakurs.training.recipe import Recipe


def check_films(splits: Mapping[str, Films], task: Task, *, progress: Progress) -> None:
    """See that every label can be learned from `train` and judged on `val`.

    Where exactly one label holds, `val` may lack some: few subjects do not reach all of them. What
    can then not be judged is told.

    Raises:
        TrainingError: a split is missing, or a label holds for none or all of its films.
    """
    for split in ("train", "val"):
        if split not in splits:
            raise TrainingError(f"The index has no films in the split '{split}'.")
        alike = _alike(splits[split], task)
        if alike and split == "val" and task.activation == "softmax" and len(alike) < len(task.labels):
            progress(f"The split 'val' has no {', '.join(alike)}: the AUROC is that of the other labels.", 0, 0)
        elif alike:
            raise TrainingError(
                f"No film, or every film, of the split '{split}' has the labels {', '.join(alike)}; "
                "leave them out or merge them."
            )


def _alike(films: Films, task: Task) -> list[str]:
    """The labels that hold for none or all of the films."""
    positives = films.truth.sum(axis=0).tolist()
    return [label.name for label, n in zip(task.labels, positives, strict=True) if n in {0, len(films)}]


def check_batches(recipe: Recipe, *, processes: int) -> None:
    """See that processes get equal parts of every batch.

    Raises:
        TrainingError: they do not.
    """
    uneven = [stage.batch for stage in recipe.stages if stage.batch % processes]
    if uneven:
        raise TrainingError(
            f"A batch of {uneven[0]} films cannot be divided among {processes} processes; "
            "let the batch of every stage be a multiple of their number."
        )
