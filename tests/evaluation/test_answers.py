"""The check that every measure makes first."""

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.answers import checked, checked_probabilities


def test_float32_answers_are_widened_without_change() -> None:
    answer = np.array([0.1, 0.2], np.float32)

    _, wide = checked(np.array([True, False]), answer)

    assert wide.dtype == np.float64
    assert wide.astype(np.float32).tolist() == answer.tolist()


def test_truth_that_is_not_bool_is_refused() -> None:
    with pytest.raises(UsageError, match="expected bool"):
        checked(np.array([1, -1]), np.zeros(2))


def test_truth_and_answers_of_different_length_are_refused() -> None:
    with pytest.raises(UsageError, match=r"expected both \(n,\)"):
        checked(np.zeros(3, bool), np.zeros(2))


def test_no_studies_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="n at least 1"):
        checked(np.zeros(0, bool), np.zeros(0))


def test_an_answer_that_is_nan_is_refused() -> None:
    with pytest.raises(UsageError, match="NaN"):
        checked(np.zeros(2, bool), np.array([0.5, np.nan]))


@pytest.mark.parametrize("outside", [-0.01, 1.01])
def test_a_probability_outside_0_to_1_is_refused(outside: float) -> None:
    with pytest.raises(UsageError, match=r"outside 0\.\.1"):
        checked_probabilities(np.zeros(2, bool), np.array([0.5, outside]))
