"""A recipe: everything that decides a training beside the task and the data, as a strict TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rakurs.errors import TrainingError
from rakurs.task import Task, declared_as, read_toml

SMALLEST_STAGE_PX = 128
"""Below this, films lose what they are read for; a first stage at half the size is not smaller."""

FILMS_AT_ONCE = 64 * 128**2
"""Pixels of one channel in a batch by default: 64 films of 128 px, 32 of 181 px, 10 of 320 px."""

FILMS_TO_SEE = 100_000
FEWEST_EPOCHS, MOST_EPOCHS = 6, 40
"""By default, as many epochs as it takes to see `FILMS_TO_SEE` films, within these."""


class Stage(BaseModel):
    """Some epochs at one input size.

    `rows_columns` in pixels is the longer side of the input; `batch` is that of all processes together;
    `upsampled_share` is the fraction, drawn anew in each epoch, of the films whose source is smaller
    than the input; `degrade` is the probability with which the other films of a batch are brought down
    to a random lower resolution, so that sharpness tells nothing; `frozen_share` of the convolutions,
    the first ones, keep their weights.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rows_columns: int = Field(ge=32)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    upsampled_share: float = Field(default=1.0, ge=0, le=1)
    degrade: float = Field(default=0.5, ge=0, le=1)
    frozen_share: float = Field(default=0.0, ge=0, lt=1)


class Recipe(BaseModel):
    """A whole training of one network; each key is explained in docs/training.md.

    `average` is the decay of the weights' exponential
    average per step, 0 for none; `patience` counts the epochs that a stage goes on without a better
    validation, 0 for all of them. `augment` and `by_source` follow the input's channels where they
    are not given.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    network: str
    seed: int = 0
    pretrained: bool | Literal["if there"] = "if there"
    dropout: float = Field(default=0.3, ge=0, lt=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(default=0.02, ge=0)
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = Field(default=2.0, ge=0)
    label_weights: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0)
    augment: Literal["film", "photograph", "none"] | None = None
    by_source: bool | None = None
    average: float = Field(default=0.0, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    keep: Literal["best", "last"] = "best"
    stages: list[Stage] = Field(min_length=1)

    def changes(self, task: Task) -> Literal["film", "photograph", "none"]:
        """How images are changed in training: as films where they are grey, else as photographs."""
        return self.augment or ("film" if task.preprocess.channels == 1 else "photograph")

    def weighs_sources(self, task: Task) -> bool:
        """Whether the origin of an image, told by its size, is answered for: of grey films, unless it is said."""
        return task.preprocess.channels == 1 if self.by_source is None else self.by_source


def read_recipe(path: Path, *, network: str | None = None) -> Recipe:
    """Read and check a recipe; `network` is the one to train, whatever the file names.

    Raises:
        TrainingError: the file is missing, is not TOML, or breaks a rule, or no network is named.
    """
    declared = read_toml(path, kind="recipe", error=TrainingError)
    if network is None and "network" not in declared:
        raise TrainingError(f"{path.name} names no network; give --network, or add one: `rakurs networks` lists them.")
    named = declared if network is None else {**declared, "network": network}
    return declared_as(Recipe, named, path=path, kind="recipe", error=TrainingError)


def default_recipe(network: str, task: Task, *, films: int) -> Recipe:
    """A sound recipe for a network, a task's input size and so many training films, where none is given.

    Two thirds of the epochs at half the size, which cost a quarter each, and the rest at the full
    size; one stage where half the size would be too small.
    """
    size = max(task.preprocess.rows, task.preprocess.columns)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(FILMS_TO_SEE / max(1, films))))
    half = max(SMALLEST_STAGE_PX, 32 * round(size / 64))
    if half > 0.75 * size:
        return Recipe(network=network, stages=[_stage(size, epochs=epochs, films=films, learning_rate=1e-3)])
    first = round(epochs * 2 / 3)
    return Recipe(
        network=network,
        stages=[
            _stage(half, epochs=first, films=films, learning_rate=1e-3),
            _stage(size, epochs=epochs - first, films=films, learning_rate=4e-4),
        ],
    )


def _stage(size: int, *, epochs: int, films: int, learning_rate: float) -> Stage:
    batch = min(64, max(8, FILMS_AT_ONCE // size**2), max(2, films // 8))
    return Stage(rows_columns=size, epochs=epochs, batch=batch - batch % 2, learning_rate=learning_rate)
