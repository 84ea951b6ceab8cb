"""What films must have before a training is worth its time."""

from __future__ import annotations

from collections.abc import Mapping

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Films
from rakurs.task import Preprocess, Task
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


def check_recipe(recipe: Recipe, task: Task, *, processes: int) -> None:
    """See that a recipe speaks of the task's labels, and that processes get equal parts of every batch.

    Raises:
        TrainingError: `label_weights` names a label that the task does not have, or a batch cannot be divided.
    """
    names = [label.name for label in task.labels]
    unknown = sorted(set(recipe.label_weights) - set(names)) if isinstance(recipe.label_weights, dict) else []
    if unknown:
        raise TrainingError(f"The recipe's label_weights name {', '.join(unknown)}; the task has: {', '.join(names)}.")
    uneven = [stage.batch for stage in recipe.stages if stage.batch % processes]
    if uneven:
        raise TrainingError(
            f"A batch of {uneven[0]} films cannot be divided among {processes} processes; "
            "let the batch of every stage be a multiple of their number."
        )


def check_sizes(recipe: Recipe, task: Task, *, smallest_px: int) -> None:
    """See that a network takes the input of every stage.

    Raises:
        TrainingError: it does not.
    """
    for stage in recipe.stages:
        small = resized(task.preprocess, stage.rows_columns)
        if min(small.rows, small.columns) < smallest_px:
            raise TrainingError(
                f"{recipe.network} needs an input of at least {smallest_px} pixels, and a stage of the recipe gives it "
                f"{small.rows} x {small.columns}; raise its rows_columns."
            )


def resized(preprocess: Preprocess, rows_columns: int) -> Preprocess:
    """The same preprocessing to another size, whose longer side has so many pixels; no side is shorter than 32."""
    longer = max(preprocess.rows, preprocess.columns)
    rows, columns = (max(32, round(side * rows_columns / longer)) for side in (preprocess.rows, preprocess.columns))
    return preprocess.model_copy(update={"rows": rows, "columns": columns})
