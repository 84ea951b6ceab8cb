"""An experiment: several networks or label schemes, trained and measured alike, from one file that says everything."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rakurs.errors import TrainingError
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Index, Studies, studies_of
from rakurs.evaluation.tune import tune_pack
from rakurs.evaluation.views import answer_studies, fuse_studies
from rakurs.inference.fusion import activate
from rakurs.pack import read_pack, write_measured
from rakurs.study import FloatArray
from rakurs.task import Name, Task, declared_as, read_task, read_toml
from rakurs.training.checkpoint import HISTORY, Plan
from rakurs.training.loop import train
from rakurs.training.machine import Machine
from rakurs.training.publish import export_checkpoints
from rakurs.training.recipe import read_recipe


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Arm(_Part):
    """One way to do it: a network, trained by a recipe for a task; the files lie beside the experiment's."""

    name: Name
    network: str
    task: str
    recipe: str


class Question(_Part):
    """Which of two arms serves better: `second` is asked against `first`."""

    ask: str
    first: Name
    second: Name


class Experiment(_Part):
    """What is trained, and what is asked of it.

    `input_px`, if given, is the side of the input instead of the tasks' own. With `folds`, every
    patient is answered once by networks that did not learn from any image of theirs, and of the others
    one part in `val_parts` validates; without, networks
    learn from `train_share` of the patients of the split `train` and answer the split `test`.
    """

    title: str
    data_set: str
    input_px: int | None = Field(default=None, ge=32)
    folds: int = Field(default=0, ge=0, le=20)
    val_parts: int = Field(default=10, ge=2)
    train_share: float = Field(default=1.0, gt=0, le=1)
    costs: str | None = None
    arms: list[Arm] = Field(min_length=1)
    questions: list[Question] = Field(default_factory=list)

    @model_validator(mode="after")
    def _questions_are_about_arms(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or self.folds == 1:
            raise ValueError("arms need different names, and folds must be 0 or at least 2")
        if not {name for question in self.questions for name in (question.first, question.second)} <= set(names):
            raise ValueError("a question is about an arm that is not there")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an arm answered to n studies that it did not learn from.

    `logits[view]` calibrated (n, labels), NaN where a study lacks the view; `fused` (n, labels);
    `given` bool (n,): sure enough to answer. `epochs` and `seconds` are of all its trainings.
    """

    arm: Arm
    task: Task
    studies: Studies
    logits: dict[str, FloatArray]
    fused: FloatArray
    given: np.ndarray[Any, np.dtype[np.bool_]]
    epochs: int
    seconds: float
    best_val: float

    @property
    def probability(self) -> FloatArray:
        """(n, labels) in 0..1."""
        return activate(self.fused, self.task)


def read_experiment(path: Path) -> Experiment:
    """Read and check an experiment.

    Raises:
        TrainingError: the file is missing, is not TOML, or breaks a rule.
    """
    content = read_toml(path, kind="experiment", error=TrainingError)
    return declared_as(Experiment, content, path=path, kind="experiment", error=TrainingError)


@dataclass(frozen=True, slots=True, eq=False)
class Laboratory:
    """Where an experiment runs: `beside` is the folder of its file, `out` that of its trainings, packs and report."""

    beside: Path
    index: Index
    out: Path
    machine: Machine
    progress: Progress


def run_experiment(experiment: Experiment, laboratory: Laboratory) -> list[Outcome]:
    """Train, export, tune and answer with every arm; what is in `out` already is not done again.

    Raises:
        TrainingError: as `train`, or `out` holds another experiment or other films.
        UsageError: the index does not fit a task, or an image cannot be read.
    """
    _claim(experiment, laboratory)
    return [_joined([*_run_arm(arm, experiment, laboratory=laboratory)]) for arm in experiment.arms]


def _run_arm(arm: Arm, experiment: Experiment, *, laboratory: Laboratory) -> Iterator[Outcome]:
    place = laboratory.out / arm.name
    place.mkdir(exist_ok=True)
    declared = place / "task.toml"
    text = (laboratory.beside / arm.task).read_text(encoding="utf-8")
    declared.write_text(at_size(text, experiment.input_px), encoding="utf-8")
    for folder, splits in _folds(experiment, laboratory.index, task=read_task(declared), out=place):
        yield _run_fold(arm, splits, folder=folder, declared=declared, laboratory=laboratory)


def at_size(task: str, input_px: int | None) -> str:
    """The text of a task with a square input of another size, in pixels."""
    return task if input_px is None else re.sub(r"(?m)^(rows|columns) = \d+$", rf"\1 = {input_px}", task)


def _claim(experiment: Experiment, laboratory: Laboratory) -> None:
    """Write down what `out` belongs to, or refuse what belongs to something else."""
    table, out = laboratory.index.table, laboratory.out
    files = sorted({name for arm in experiment.arms for name in (arm.task, arm.recipe)})
    for arm in experiment.arms:
        read_task(laboratory.beside / arm.task)
        read_recipe(laboratory.beside / arm.recipe, network=arm.network)
    digest = hashlib.sha256(repr([(laboratory.beside / name).read_bytes() for name in files]).encode())
    for name in ("study", "patient", "view", "path", "split", "labels"):
        digest.update(repr(table[name].to_pylist()).encode())
    kept = experiment.model_dump(exclude={"title", "data_set", "questions", "costs"})
    mark = json.dumps({**kept, "files": digest.hexdigest()}, indent=1, sort_keys=True)
    place = out / "experiment.json"
    if place.exists() and place.read_text(encoding="utf-8") != mark:
        raise TrainingError(f"{out} holds another experiment, or one on other films; choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    place.write_text(mark, encoding="utf-8")


def _folds(experiment: Experiment, index: Index, *, task: Task, out: Path) -> Iterator[tuple[Path, dict[str, Studies]]]:
    if not experiment.folds:
        yield out, _thinned(studies_of(index, task), index, task=task, share=experiment.train_share)
        return
    for fold in range(experiment.folds):
        yield out / f"fold-{fold + 1}", studies_of(fold_index(index, experiment, fold=fold), task)


def _thinned(splits: dict[str, Studies], index: Index, *, task: Task, share: float) -> dict[str, Studies]:
    """The same with a share of the training patients only, the same ones each time."""
    if share == 1:
        return splits
    patients = index.table["patient"].to_pylist()
    kept = [
        split != "train" or _part_of(patient, 1000) < 1000 * share
        for patient, split in zip(patients, index.table["split"].to_pylist(), strict=True)
    ]
    return studies_of(Index(table=index.table.filter(pa.array(kept)), images=index.images), task)


def fold_index(index: Index, experiment: Experiment, *, fold: int) -> Index:
    """The index with new splits by patient: one part in `folds` tests, one in `val_parts` of the rest validates."""
    folds, val_parts = experiment.folds, experiment.val_parts
    splits = []
    for patient in index.table["patient"].to_pylist():
        part = _part_of(patient, folds * val_parts)
        inner = (part // folds + fold) % val_parts
        splits.append("test" if part % folds == fold else "val" if inner == 0 else "train")
    place = index.table.column_names.index("split")
    return Index(table=index.table.set_column(place, "split", pa.array(splits)), images=index.images)


def _part_of(patient: str, parts: int) -> int:
    """The part that a patient falls into, the same whoever else is there."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") % parts


def _run_fold(arm: Arm, splits: dict[str, Studies], *, folder: Path, declared: Path, laboratory: Laboratory) -> Outcome:
    """Train every view that has images, make a pack of the networks, and let it answer the split `test`."""
    task, pack = read_task(declared), folder / "pack"
    pack.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(declared, pack / "task.toml")
    views = [view.name for view in task.views if view.name in splits["train"].films]
    histories = [_train_view(arm, view, splits=splits, pack=pack, laboratory=laboratory) for view in views]
    if not (pack / "measured.json").exists():
        measured = tune_pack(
            pack,
            task=task,
            studies=splits["val"],
            accepted={},
            data_set=f"validation of {arm.name}",
            progress=laboratory.progress,
            gated=False,
        )
        write_measured(measured, pack)
    return _answered(arm, splits["test"], pack=pack, histories=histories, progress=laboratory.progress)


def _train_view(
    arm: Arm, view: str, *, splits: dict[str, Studies], pack: Path, laboratory: Laboratory
) -> list[dict[str, Any]]:
    """The network of one view, unless it is there already; the history of its epochs."""
    task = read_task(pack / "task.toml")
    recipe = read_recipe(laboratory.beside / arm.recipe, network=arm.network)
    films = {split: splits[split].films[view] for split in ("train", "val")}
    run, network = pack.parent / view, pack / f"{view}.onnx"
    laboratory.progress(f"{run.relative_to(laboratory.out)}", 0, 0)
    if not network.exists():
        checkpoint = train(
            Plan(recipe=recipe, task=task, view=view),
            splits=films,
            out=run,
            progress=laboratory.progress,
            resume=True,
            machine=laboratory.machine,
        )
        export_checkpoints([checkpoint], task=task, films=films["train"], out=network, progress=laboratory.progress)
    history: list[dict[str, Any]] = json.loads((run / HISTORY).read_text(encoding="utf-8"))["epochs"]
    return history


def _answered(
    arm: Arm, studies: Studies, *, pack: Path, histories: list[list[dict[str, Any]]], progress: Progress
) -> Outcome:
    held = read_pack(pack)
    logits = answer_studies(held, studies, progress=progress)
    fused = fuse_studies(logits, held.measured)
    confidence = held.measured.confidence if held.measured else None
    likeliest = activate(fused, held.task).max(1).astype(np.float64)
    return Outcome(
        arm=arm,
        task=held.task,
        studies=studies,
        logits=logits,
        fused=fused,
        given=likeliest >= (confidence.at_least if confidence else 0.0),
        epochs=sum(len(history) for history in histories),
        seconds=float(sum(epoch["seconds"] for history in histories for epoch in history)),
        best_val=float(np.mean([max(epoch["auroc"] or 0.0 for epoch in history) for history in histories])),
    )


def _joined(parts: list[Outcome]) -> Outcome:
    """The answers of all folds as those of one: every study was answered once."""
    first = parts[0]
    return Outcome(
        arm=first.arm,
        task=first.task,
        studies=_joined_studies([part.studies for part in parts]),
        logits={
            view: np.concatenate([part.logits.get(view, np.full_like(part.fused, np.nan)) for part in parts])
            for view in dict.fromkeys(view for part in parts for view in part.logits)
        },
        fused=np.concatenate([part.fused for part in parts]),
        given=np.concatenate([part.given for part in parts]),
        epochs=sum(part.epochs for part in parts),
        seconds=sum(part.seconds for part in parts),
        best_val=float(np.mean([part.best_val for part in parts])),
    )


def _joined_studies(parts: list[Studies]) -> Studies:
    """Studies of several folds, without their films; patients keep their numbers, which are those of one index."""
    return Studies(
        names=[name for part in parts for name in part.names],
        truth=np.concatenate([part.truth for part in parts]),
        patients=np.concatenate([part.patients for part in parts]),
        films={},
        rows={},
        traits={name: np.concatenate([part.traits[name] for part in parts]) for name in parts[0].traits},
        boxes=[boxes for part in parts for boxes in part.boxes],
    )
