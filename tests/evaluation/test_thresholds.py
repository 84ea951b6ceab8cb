"""Thresholds keep their promise on the data they were measured on, and could not have been better."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.intervals import wilson_interval
from rakurs.evaluation.thresholds import confidence_for, sensitivity_specificity, threshold_for

Pair = tuple[BoolArray, Float64Array]


@st.composite
def both_classes(draw: st.DrawFn) -> Pair:
    size = draw(st.integers(2, 50))
    truth = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda t: len(set(t)) == 2))
    probability = draw(st.lists(st.integers(0, 15), min_size=size, max_size=size))
    return np.array(truth), np.array(probability) / 16


shares = st.sampled_from([0.05, 0.5, 0.8, 0.9, 0.95, 1.0])


@given(both_classes(), shares)
def test_the_sensitive_threshold_is_the_largest_that_keeps_its_sensitivity(pair: Pair, at_least: float) -> None:
    threshold = threshold_for(*pair, criterion="sensitivity", at_least=at_least)

    kept, _ = sensitivity_specificity(*pair, threshold=threshold)
    above, _ = sensitivity_specificity(*pair, threshold=float(np.nextafter(threshold, 2)))
    assert kept.value >= at_least > above.value


@given(both_classes(), shares)
def test_the_specific_threshold_is_the_smallest_that_keeps_its_specificity(pair: Pair, at_least: float) -> None:
    truth, probability = pair

    threshold = threshold_for(truth, probability, criterion="specificity", at_least=at_least)

    lower = [value for value in np.unique(probability) if value < threshold]
    assume(lower)
    _, kept = sensitivity_specificity(truth, probability, threshold=threshold)
    _, below = sensitivity_specificity(truth, probability, threshold=lower[-1])
    assert kept.value >= at_least > below.value


def test_a_threshold_of_float32_probabilities_calls_the_study_it_came_from() -> None:
    probability = np.array([0.1, 0.7], np.float32)

    threshold = threshold_for(np.array([False, True]), probability, criterion="sensitivity", at_least=1)

    assert (probability.astype(np.float64) >= threshold).tolist() == [False, True]


def test_the_specific_threshold_may_lie_above_every_probability() -> None:
    threshold = threshold_for(np.array([True, False]), np.array([0.2, 0.4]), criterion="specificity", at_least=0.9)

    assert 0.4 < threshold < 0.4001


def test_negatives_at_probability_1_leave_no_specific_threshold() -> None:
    with pytest.raises(UsageError, match="no threshold gives specificity"):
        threshold_for(np.array([True, False]), np.ones(2), criterion="specificity", at_least=0.9)


def test_a_sensitivity_without_positives_is_refused() -> None:
    with pytest.raises(UsageError, match="one class only"):
        threshold_for(np.zeros(2, bool), np.ones(2), criterion="sensitivity", at_least=0.9)


@pytest.mark.parametrize("at_least", [0.0, 1.5])
def test_a_promise_outside_0_to_1_is_refused(at_least: float) -> None:
    with pytest.raises(UsageError, match="expected a share"):
        threshold_for(np.array([True, False]), np.ones(2), criterion="sensitivity", at_least=at_least)


def test_sensitivity_and_specificity_are_shares_of_right_calls() -> None:
    truth = np.array([True, True, True, False, False])

    sensitivity, specificity = sensitivity_specificity(truth, np.array([0.9, 0.5, 0.1, 0.5, 0.4]), threshold=0.5)

    assert (sensitivity.value, specificity.value) == pytest.approx((2 / 3, 1 / 2))


def test_without_groups_the_intervals_are_wilson_s() -> None:
    truth = np.arange(50) < 20
    probability = np.where(np.arange(50) % 4 > 0, truth, ~truth).astype(float)

    sensitivity, _ = sensitivity_specificity(truth, probability, threshold=0.5)

    assert (sensitivity.low, sensitivity.high) == pytest.approx(
        (wilson_interval(15, 20).low, wilson_interval(15, 20).high)
    )


def test_films_of_few_patients_widen_the_interval() -> None:
    patients = np.repeat(np.arange(10), 8)
    truth, probability = np.ones(80, bool), (patients < 5).astype(float)

    by_patient, _ = sensitivity_specificity(truth, probability, threshold=0.5, groups=patients)

    by_film, _ = sensitivity_specificity(truth, probability, threshold=0.5)
    assert by_patient.high - by_patient.low > 2 * (by_film.high - by_film.low)


def test_a_class_that_is_not_there_is_nan() -> None:
    sensitivity, _ = sensitivity_specificity(np.zeros(3, bool), np.zeros(3), threshold=0.5)

    assert math.isnan(sensitivity.value)


def test_groups_that_do_not_match_the_studies_are_refused() -> None:
    with pytest.raises(UsageError, match="expected one group for each"):
        sensitivity_specificity(np.zeros(3, bool), np.zeros(3), threshold=0.5, groups=[1, 2])


@given(both_classes(), st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_the_confidence_is_the_least_that_keeps_errors_rare(pair: Pair, at_most_error: float) -> None:
    right, confidence = pair
    threshold = confidence_for(confidence, right, at_most_error=at_most_error)

    def error(of: float) -> float:
        return float((~right[confidence >= of]).mean())

    lower = [of for of in np.unique(confidence) if of < threshold]
    assert threshold > confidence.max() or error(threshold) <= at_most_error or threshold == 1
    assert all(error(of) > at_most_error for of in lower)


def test_where_no_answer_is_sure_enough_none_is_given() -> None:
    threshold = confidence_for(np.array([0.6, 0.9]), np.array([True, False]), at_most_error=0.2)

    assert threshold == np.nextafter(0.9, 1)
