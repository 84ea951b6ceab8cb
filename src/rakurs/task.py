"""A task: views, labels, activation, preprocessing and rules of the operating points; data that knows no weights."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rakurs.errors import RakursError, TaskError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Titles = dict[Literal["en", "ru"], str]
Declared = TypeVar("Declared", bound=BaseModel)


class _Declaration(BaseModel):
    """Strict and frozen: no conversion of types, no unknown key."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


class Preprocess(_Declaration):
    """How an image becomes the network's input.

    `rows` and `columns` in pixels; `mean` and `std` per channel, in grey values 0..1. `fit = "pad"`
    keeps the whole image and fills the rest with 0; `fit = "crop"` fills the input and cuts what
    stands over, centred.
    """

    channels: Literal[1, 3]
    rows: int = Field(ge=32, le=4096)
    columns: int = Field(ge=32, le=4096)
    fit: Literal["pad", "crop"]
    mean: list[float]
    std: list[Annotated[float, Field(gt=0)]]

    @model_validator(mode="after")
    def _one_value_per_channel(self) -> Self:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"mean and std need {self.channels} values, one per channel")
        return self


class View(_Declaration):
    """One way of imaging the subject; `dicom` lists the values of View Position (0018,5101) that mean it."""

    name: Name
    title: Titles = Field(default_factory=dict)
    required: bool = False
    dicom: list[str] = Field(default_factory=list)


class Label(_Declaration):
    """One thing that may hold for a study; `sources` (in TOML: `from`) are a data set's labels that mean this one."""

    name: Name
    title: Titles = Field(default_factory=dict)
    sources: list[str] = Field(default_factory=list, alias="from")
    code: list[str] | None = Field(default=None, min_length=3, max_length=3)

    @property
    def source_names(self) -> list[str]:
        """A data set's labels that mean this one: `from`, or the label's own name."""
        return self.sources or [self.name]


class OperatingPoint(_Declaration):
    """A rule that picks a threshold per label: the best other value at which `criterion` is `at_least` this."""

    name: Name
    criterion: Literal["sensitivity", "specificity"]
    at_least: float = Field(gt=0, lt=1)


Posture = Literal["turned-90", "turned-180", "turned-270", "inverted"]


class Abstention(_Declaration):
    """When no answer is given: of those given, at most this share may be wrong where it was measured."""

    at_most_error: float = Field(gt=0, lt=1)


class Task(_Declaration):
    """Everything that a reader must know of a task, except what was learned and measured.

    Where no view is required, any one of them makes a study. `without` names the data set's labels
    that mean none of the task's, so that a label which was merely forgotten is noticed. `caution` stands
    beside every reading. `wrong_postures` are the ways in which an image may not lie.
    """

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    version: str = Field(pattern=r"^[0-9A-Za-z.+-]{1,32}$")
    title: Titles
    intended_use: Titles
    caution: Titles | None = None
    modalities: list[str] = Field(default_factory=list)
    body_parts: list[str] = Field(default_factory=list)
    activation: Literal["sigmoid", "softmax"]
    preprocess: Preprocess
    views: list[View] = Field(min_length=1)
    labels: list[Label] = Field(min_length=1)
    without: list[str] = Field(default_factory=list)
    wrong_postures: list[Posture] = Field(default_factory=list)
    operating_points: list[OperatingPoint] = Field(default_factory=list)
    abstention: Abstention | None = None

    @model_validator(mode="after")
    def _one_answer_to_abstain_from(self) -> Self:
        if self.abstention is not None and self.activation != "softmax":
            raise ValueError('only a task of which exactly one label holds (activation = "softmax") may abstain')
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for kind in ("views", "labels", "operating_points"):
            names = [entry.name for entry in getattr(self, kind)]
            if len(set(names)) < len(names):
                raise ValueError(f"two {kind} have the same name")
        claimed = {name for label in self.labels for name in label.source_names}.intersection(self.without)
        if claimed:
            raise ValueError(f"{', '.join(sorted(claimed))} cannot both mean a label and stand in `without`")
        return self

    @property
    def main_view(self) -> View:
        """What an image shows of which nothing is said: the first required view, else the first."""
        return next((view for view in self.views if view.required), self.views[0])

    def view(self, name: str) -> View:
        """The view of this name.

        Raises:
            TaskError: the task has no such view.
        """
        for view in self.views:
            if view.name == name:
                return view
        raise TaskError(
            f"The task '{self.name}' has no view '{name}'; it has: {', '.join(v.name for v in self.views)}."
        )


def title_of(entry: View | Label | Task, language: str = "en") -> str:
    """The title in `language`, else in English, else the name."""
    titles: Mapping[str, str] = {str(key): title for key, title in entry.title.items()}
    return titles.get(language) or titles.get("en") or entry.name


def read_task(path: Path) -> Task:
    """Read and check a task file (TOML).

    Raises:
        TaskError: the file is missing, is not TOML, or breaks a rule; the sentence names each broken field.
    """
    return declared_as(Task, read_toml(path, kind="task", error=TaskError), path=path, kind="task", error=TaskError)


def read_toml(path: Path, *, kind: str, error: type[RakursError]) -> dict[str, Any]:
    """What a declaration in TOML says, before it is checked; `kind` is what it declares, in words.

    Raises:
        RakursError: the file is missing or not TOML; of the given type.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"The {kind} {path.name} is not in {path.parent}.") from None
    except OSError as fault:
        raise error(f"The {kind} {path.name} in {path.parent} cannot be read: {fault.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise error(f"{path.name} is not valid TOML: {fault}.") from None


def declared_as(
    model: type[Declared], content: Mapping[str, Any], *, path: Path, kind: str, error: type[RakursError]
) -> Declared:
    """The checked value of a declaration that `path` holds.

    Raises:
        RakursError: it breaks a rule; of the given type, and the sentence names each broken field.
    """
    try:
        return model.model_validate(content)
    except ValidationError as broken:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or kind}: {fault['msg']}" for fault in broken.errors())
        raise error(f"{path.name} is not a valid {kind}: {faults}.") from None
