"""A recipe: everything that decides a training beside the task and the data, as a strict TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rakurs.errors import TrainingError


class Stage(BaseModel):
    """Some epochs at one input size.

    `rows_columns` in pixels; `upsampled_share` is the fraction, drawn anew in each epoch, of the
    films whose source is smaller than the input; `degrade` is the probability with which the other
    films of a batch are brought down to a random lower resolution, so that sharpness tells nothing.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rows_columns: int = Field(ge=32, multiple_of=32)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    upsampled_share: float = Field(default=1.0, ge=0, le=1)
    degrade: float = Field(default=0.5, ge=0, le=1)


class Recipe(BaseModel):
    """A whole training of one network."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    network: str
    seed: int
    dropout: float = Field(default=0.3, ge=0, lt=1)
    weight_decay: float = Field(default=0.02, ge=0)
    stages: list[Stage] = Field(min_length=1)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        TrainingError: the file is missing, is not TOML, or breaks a rule.
    """
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise TrainingError(f"There is no recipe {path.name} in {path.parent}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path.name} is not valid TOML: {error}.") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise TrainingError(f"{path.name} is not a valid recipe: {faults}.") from None
