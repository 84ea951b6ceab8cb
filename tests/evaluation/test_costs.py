"""Errors cost what the table says, and an answer withheld costs what withholding costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.costs import Costs, mean_cost, read_costs
from tests.inference.test_fusion import EXCLUSIVE, TASK

DEADLY = """
wrong = 1
abstained = 0.5

[[costs]]
truth = ["mass", "other"]
answer = ["effusion", "mass"]
cost = 100
"""
EFFUSION, MASS, PNEUMOTHORAX, OTHER = range(4)


@pytest.fixture
def costs(tmp_path: Path) -> Costs:
    path = tmp_path / "costs.toml"
    path.write_text(DEADLY, encoding="utf-8")
    return read_costs(path, EXCLUSIVE)


def test_each_pair_costs_what_its_rule_says(costs: Costs) -> None:
    assert costs.of_answer.tolist() == [
        [0, 1, 1, 1],
        [100, 0, 1, 1],
        [1, 1, 0, 1],
        [100, 100, 1, 0],
    ]
    assert costs.abstained == 0.5


def test_the_mean_cost_is_that_of_the_likeliest_labels(costs: Costs) -> None:
    said = np.array([EFFUSION, MASS, PNEUMOTHORAX, EFFUSION])
    probability = np.eye(4, dtype=np.float32)[said] * np.float32(0.7) + np.float32(0.1)
    truth = np.eye(4, dtype=np.bool_)[[EFFUSION, OTHER, MASS, MASS]]

    cost = mean_cost(probability, truth=truth, patients=range(4), costs=costs, seed=1)

    assert cost.value == (0 + 100 + 1 + 100) / 4
    assert cost.low <= cost.value <= cost.high


def test_an_answer_that_is_withheld_costs_what_withholding_costs(costs: Costs) -> None:
    probability = np.array([[0.9, 0.1, 0, 0], [0.4, 0.3, 0.2, 0.1]], np.float32)
    truth = np.eye(4, dtype=np.bool_)[[EFFUSION, MASS]]

    cost = mean_cost(probability, truth=truth, patients=range(2), costs=costs, given=np.array([True, False]), seed=1)

    assert cost.value == (0 + 0.5) / 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[costs]]\ntruth = ["cat"]\nanswer = ["mass"]\ncost = 1\n', "name cat; the task 'tiny' has no such label"),
        ('[[costs]]\ntruth = ["mass"]\nanswer = ["other"]\ncost = -1\n', r"costs\.0\.cost"),
        ("price = 1\n", "price"),
        ("wrong =", "not valid TOML"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, *, says: str) -> None:
    path = tmp_path / "costs.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=says):
        read_costs(path, EXCLUSIVE)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The table of costs costs\.toml is not in"):
        read_costs(tmp_path / "costs.toml", EXCLUSIVE)


def test_costs_of_labels_of_which_several_may_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several may hold"):
        read_costs(tmp_path / "costs.toml", TASK)
