"""What errors cost where they do not cost alike: a table of costs, in TOML, and the mean cost of answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.intervals import Interval
from rakurs.evaluation.resamples import draw_resamples, interval_of, resampled_means
from rakurs.study import FloatArray
from rakurs.task import Task, declared_as, read_toml


class _Rule(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    truth: list[str] = Field(min_length=1)
    answer: list[str] = Field(min_length=1)
    cost: float = Field(ge=0)


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    wrong: float = Field(default=1.0, ge=0)
    abstained: float = Field(default=0.0, ge=0)
    costs: list[_Rule] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What the second label costs as an answer where the first holds, `of_answer` (labels, labels), and no answer."""

    of_answer: Float64Array
    abstained: float


def read_costs(path: Path, task: Task) -> Costs:
    """Read costs: a right answer is free, any other costs `wrong`, but what a rule in `[[costs]]` names costs its cost.

    Raises:
        UsageError: the file is missing, is not TOML, breaks a rule, or names labels that the task does not have;
            or of the task's labels several may hold.
    """
    if task.activation != "softmax":
        raise UsageError(f"Costs are of one answer for a study, but of the labels of '{task.name}' several may hold.")
    content = read_toml(path, kind="table of costs", error=UsageError)
    held = declared_as(_File, content, path=path, kind="table of costs", error=UsageError)
    return _costs(held, [label.name for label in task.labels], task=task)


def _costs(held: _File, labels: list[str], *, task: Task) -> Costs:
    unknown = {name for rule in held.costs for name in (*rule.truth, *rule.answer)} - set(labels)
    if unknown:
        raise UsageError(f"The costs name {', '.join(sorted(unknown))}; the task '{task.name}' has no such label.")
    of_answer = held.wrong * (1 - np.eye(len(labels)))
    for rule in held.costs:
        pairs = [
            (labels.index(true), labels.index(said)) for true in rule.truth for said in rule.answer if true != said
        ]
        for pair in pairs:
            of_answer[pair] = rule.cost
    return Costs(of_answer=of_answer, abstained=held.abstained)


def mean_cost(
    probability: FloatArray,
    *,
    truth: BoolArray,
    patients: npt.ArrayLike,
    costs: Costs,
    given: BoolArray | None = None,
    samples: int = 1000,
    seed: int,
) -> Interval[float]:
    """The mean cost of a study, with its interval by bootstrap of patients.

    `probability` (n, labels) in 0..1, `truth` bool (n, labels); the likeliest label is answered where `given`,
    bool (n,), says so (default: everywhere), else nothing is.
    """
    answered = np.ones(len(probability), np.bool_) if given is None else given
    spent = np.where(answered, costs.of_answer[truth.argmax(1), probability.argmax(1)], costs.abstained)
    drawn = resampled_means(spent, draw_resamples(patients, samples=samples, seed=seed))
    interval = interval_of(np.asarray(spent.mean()), drawn)
    return Interval(float(spent.mean()), float(interval.low), float(interval.high))
