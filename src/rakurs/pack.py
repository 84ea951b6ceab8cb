"""A pack: a folder with a task, one network per view and what was measured of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rakurs.errors import PackError
from rakurs.task import Task, read_task

PACKS_VARIABLE = "RAKURS_PACKS"
"""An environment variable: folders of packs, joined as in PATH, searched before those that ship."""


class _Measurement(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Interval(_Measurement):
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


class Calibration(_Measurement):
    """Platt scaling of one label: calibrated logit = slope * logit + intercept."""

    slope: float = Field(gt=0)
    intercept: float


class Threshold(_Measurement):
    """The probability from which on an operating point calls a label, with what that gave where it was measured."""

    threshold: float = Field(ge=0, le=1)
    sensitivity: Interval
    specificity: Interval


class Confidence(_Measurement):
    """The probability of the likeliest label under which no answer is given.

    `coverage` is the share of studies that were answered where it was measured, `error` the share
    of those answers that were wrong.
    """

    at_least: float = Field(ge=0, le=1)
    coverage: Interval
    error: Interval


class Probe(_Measurement):
    """A linear classifier on the embedding: softmax(weights @ embedding + bias).

    `kinds` names its c answers, the first of which is the one that may be read; `weights` is
    (c, d); an image is refused when any other answer reaches the probability `limit`.
    """

    kinds: list[str] = Field(min_length=2)
    weights: list[list[float]]
    bias: list[float]
    limit: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _one_row_per_kind(self) -> Self:
        if not len(self.kinds) == len(self.weights) == len(self.bias) or len({len(row) for row in self.weights}) > 1:
            raise ValueError(f"weights and bias need {len(self.kinds)} rows of one length, one per kind")
        return self


class Gate(_Measurement):
    """The limits of what a view's network may read.

    The embedding leaves the network whitened, so that its root mean square is an image's distance
    from the training films, which themselves lie at about sqrt(2). An image beyond
    `distance` is refused; up to `reach`, where the same films lie when they are turned or inverted,
    it is still like a film, so that `posture` or another view may explain it.
    """

    distance: float = Field(gt=0)
    reach: float = Field(gt=0)
    posture: Probe | None = None


class Measured(_Measurement):
    """What was measured of a pack's networks (measured.json); `scores` are tables of `rakurs.evaluation.scores`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    date: str
    networks: dict[str, str]
    validation: dict[str, Any] = Field(default_factory=dict)
    calibration: dict[str, dict[str, Calibration]] | None = None
    fusion: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    operating_points: dict[str, dict[str, Threshold]] = Field(default_factory=dict)
    confidence: Confidence | None = None
    gate: dict[str, Gate] = Field(default_factory=dict)
    scores: list[dict[str, Any]] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """The network of one view: its file, and "sha256:" with the digest of its bytes."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack whose parts agree with each other; `measured` is None where nothing was measured."""

    folder: Path
    task: Task
    networks: Mapping[str, NetworkFile]
    measured: Measured | None

    @property
    def calibrated(self) -> bool:
        """Whether probabilities are probabilities: calibration was measured."""
        return self.measured is not None and self.measured.calibration is not None


def read_pack(folder: Path) -> Pack:
    """Read a pack and check that task, networks and measurements agree.

    Raises:
        TaskError: the task file is broken.
        PackError: a required view has no network, or no view has, or measured.json is broken, speaks of other
            networks (checksum), or of labels, views or operating points that the task does not have.
    """
    task = read_task(folder / "task.toml")
    networks = network_files(folder, task)
    missing = [view.name for view in task.views if view.required and view.name not in networks]
    if missing:
        raise PackError(f"The pack '{task.name}' lacks the network {missing[0]}.onnx of a required view.")
    if not networks:
        raise PackError(f"The pack '{task.name}' has no network; expected {task.main_view.name}.onnx at least.")
    measured = _read_measured(folder / "measured.json")
    if measured is not None:
        _refuse_disagreement(task, networks, measured=measured)
    return Pack(folder=folder, task=task, networks=networks, measured=measured)


def network_files(folder: Path, task: Task) -> dict[str, NetworkFile]:
    """The networks that lie in a pack's folder, by view in the task's order."""
    return {
        view.name: NetworkFile(path=path, digest=digest_of(path))
        for view in task.views
        if (path := folder / f"{view.name}.onnx").is_file()
    }


def digest_of(path: Path) -> str:
    """Give "sha256:" and the digest of a file's bytes in hexadecimal."""
    with path.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _read_measured(path: Path) -> Measured | None:
    try:
        return Measured.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
        raise PackError(f"measured.json is not valid: {faults}.") from None


def _refuse_disagreement(task: Task, networks: Mapping[str, NetworkFile], *, measured: Measured) -> None:
    for view, network in networks.items():
        if measured.networks.get(view) != network.digest:
            raise PackError(
                f"{view}.onnx is {network.digest}, but measured.json was measured of {measured.networks.get(view)}. "
                "Restore the network or measure again."
            )
    labels = [label.name for label in task.labels]
    points = [point.name for point in task.operating_points]
    _refuse_other_names("networks", measured.networks, expected=list(networks))
    _refuse_other_names("gate", measured.gate, expected=list(networks), some=True)
    _refuse_other_names("operating_points", measured.operating_points, expected=points, some=True)
    for point, thresholds in measured.operating_points.items():
        _refuse_other_names(f"operating_points.{point}", thresholds, expected=labels)
    if measured.confidence is not None and task.activation != "softmax":
        raise PackError("measured.json has a confidence, but of the task's labels several may hold.")
    if measured.calibration is not None:
        _refuse_other_names("calibration", measured.calibration, expected=list(networks))
        _refuse_other_names("fusion", measured.fusion, expected=list(networks))
        for view, calibrations in measured.calibration.items():
            _refuse_other_names(f"calibration.{view}", calibrations, expected=labels)


def _refuse_other_names(part: str, held: Mapping[str, object], *, expected: list[str], some: bool = False) -> None:
    """Refuse a part whose names are not exactly the expected ones (or, with `some`, some of them)."""
    unknown = set(held) - set(expected)
    missing = set() if some else set(expected) - set(held)
    if unknown or missing:
        wrong = ", ".join(sorted(unknown | missing))
        raise PackError(f"measured.json and the pack disagree in {part}: {wrong} stands in only one of them.")


def pack_folders() -> list[Path]:
    """Every folder that holds a task.toml: those of RAKURS_PACKS, then those that ship."""
    named = [Path(entry) for entry in os.environ.get(PACKS_VARIABLE, "").split(os.pathsep) if entry]
    return [file.parent for root in (*named, _shipped()) for file in sorted(root.glob("*/task.toml"))]


def _shipped() -> Path:
    """The packs beside the installed package, or in the checkout that it is run from."""
    installed = Path(__file__).parent / "packs"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "packs"


def find_pack(name: str) -> Path:
    """The folder of a pack, given its path, or the name of a pack in one of `pack_folders`.

    Raises:
        PackError: there is no such pack; the sentence lists those that there are.
    """
    if (Path(name) / "task.toml").is_file():
        return Path(name)
    folders = pack_folders()
    for folder in folders:
        if folder.name == name:
            return folder
    there = ", ".join(sorted(folder.name for folder in folders)) or "none"
    raise PackError(f"There is no pack '{name}', neither as a folder with a task.toml nor among: {there}.")


def write_measured(measured: Measured, folder: Path) -> None:
    """Write measured.json of the pack in `folder`, whole or not at all."""
    partial = folder / "measured.json.partial"
    partial.write_text(measured.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / "measured.json")
