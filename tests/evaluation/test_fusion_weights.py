"""The weights of views are those of greatest likelihood, held against scipy's optimiser and scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import log_expit, log_softmax  # type: ignore[import-untyped]

from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.fusion_weights import FEWEST_STUDIES, SMALLEST_WEIGHT, fit_fusion
from rakurs.task import Task
from tests.inference.test_fusion import EXCLUSIVE, TASK

N, LABELS = 400, 4
VIEWS = ("top", "side")


def independent(*gains: float, seed: int = 0) -> tuple[dict[str, Float64Array], BoolArray]:
    """Calibrated logits of views that see the truth through noise of their own; a gain of 0 sees nothing."""
    generator = np.random.default_rng(seed)
    truth = np.eye(LABELS, dtype=np.bool_)[generator.integers(LABELS, size=N)]
    noisy = [gain * (gain * truth + generator.normal(size=truth.shape)) for gain in gains]
    return dict(zip(VIEWS, noisy, strict=False)), truth


def loss(weights: Float64Array, *, answers: Mapping[str, Float64Array], truth: BoolArray, task: Task) -> float:
    z = sum(weight * logits for weight, logits in zip(weights, answers.values(), strict=True))
    prior = float(((weights - 1 / len(answers)) ** 2).sum())
    if task is EXCLUSIVE:
        return prior - float(log_softmax(z, axis=1)[truth].sum())
    return prior - float(np.where(truth, log_expit(z), log_expit(-z)).sum())


@pytest.mark.parametrize("task", [TASK, EXCLUSIVE], ids=["each label alone", "exactly one label"])
def test_weights_have_the_greatest_likelihood(task: Task) -> None:
    answers, truth = independent(1.5, 0.8)

    weights = fit_fusion(answers, truth, task=task)

    best = minimize(
        partial(loss, answers=answers, truth=truth, task=task), [0.5, 0.5], bounds=[(0, None)] * 2, tol=1e-12
    )
    np.testing.assert_allclose(list(weights.values()), best.x, rtol=1e-3)


def test_views_that_err_apart_are_surer_together() -> None:
    weights = fit_fusion(*independent(1.5, 1.5), task=EXCLUSIVE)

    assert sum(weights.values()) == pytest.approx(2, rel=0.15), "evidence of independent views adds up"


def test_a_view_that_says_nothing_counts_next_to_nothing() -> None:
    answers, truth = independent(1.5, 1.5)
    answers["side"] = np.random.default_rng(1).normal(size=truth.shape)

    weights = fit_fusion(answers, truth, task=EXCLUSIVE)

    assert weights["side"] < 0.15
    assert weights["top"] > 0.8


def test_a_view_that_says_the_contrary_counts_as_little_as_a_view_can() -> None:
    answers, truth = independent(1.5, 1.5)

    weights = fit_fusion({**answers, "side": -answers["side"]}, truth, task=EXCLUSIVE)

    assert weights["side"] == SMALLEST_WEIGHT
    assert weights["top"] > 0.8


def test_studies_that_lack_a_view_are_not_asked() -> None:
    answers, truth = independent(1.5, 0.8)
    expected = fit_fusion({view: logits[:100] for view, logits in answers.items()}, truth[:100], task=TASK)
    answers["side"][100:] = np.nan

    assert fit_fusion(answers, truth, task=TASK) == expected


@pytest.mark.parametrize("complete", [0, FEWEST_STUDIES - 1])
def test_with_few_studies_of_all_views_they_count_alike(complete: int) -> None:
    answers, truth = independent(1.5, 0.8)
    answers["side"][complete:] = np.nan

    assert fit_fusion(answers, truth, task=TASK) == {"top": 0.5, "side": 0.5}


def test_one_view_counts_for_everything() -> None:
    answers, truth = independent(1.5)

    assert fit_fusion(answers, truth, task=TASK) == {"top": 1.0}
