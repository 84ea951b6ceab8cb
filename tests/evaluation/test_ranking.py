"""Areas and curves, held against scikit-learn and against what they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.ranking import (
    auprc,
    auprc_of_counts,
    auroc,
    auroc_of_counts,
    counts,
    places,
    precision_recall_curve,
    roc_curve,
)

Pair = tuple[BoolArray, Float64Array]


@st.composite
def both_classes(draw: st.DrawFn) -> Pair:
    """Truth with both classes, and scores with many ties that can be transformed without rounding into each other."""
    size = draw(st.integers(2, 60))
    truth = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda t: len(set(t)) == 2))
    score = draw(st.lists(st.integers(-12, 12), min_size=size, max_size=size))
    return np.array(truth), np.array(score, np.float64) / 4


@given(both_classes())
def test_auroc_is_that_of_scikit_learn(pair: Pair) -> None:
    assert auroc(*pair) == pytest.approx(metrics.roc_auc_score(*pair), abs=1e-12)


@given(both_classes())
def test_auprc_is_the_average_precision_of_scikit_learn(pair: Pair) -> None:
    assert auprc(*pair) == pytest.approx(metrics.average_precision_score(*pair), abs=1e-12)


@given(both_classes())
def test_the_roc_curve_is_that_of_scikit_learn(pair: Pair) -> None:
    expected = metrics.roc_curve(*pair, drop_intermediate=False)

    for ours, theirs in zip(roc_curve(*pair), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@given(both_classes())
def test_the_precision_recall_curve_is_that_of_scikit_learn(pair: Pair) -> None:
    expected = metrics.precision_recall_curve(*pair)

    for ours, theirs in zip(precision_recall_curve(*pair), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@given(both_classes())
def test_a_monotone_transform_changes_neither_area(pair: Pair) -> None:
    truth, score = pair

    transformed = auroc(truth, np.exp(score)), auprc(truth, np.exp(score))

    assert transformed == (auroc(truth, score), auprc(truth, score))


@given(both_classes())
def test_negated_scores_give_one_minus_the_auroc(pair: Pair) -> None:
    truth, score = pair

    assert auroc(truth, -score) == pytest.approx(1 - auroc(truth, score), abs=1e-15)


@given(both_classes(), st.randoms(use_true_random=False))
def test_the_order_of_the_studies_does_not_matter(pair: Pair, random: object) -> None:
    truth, score = pair
    shuffled = np.random.default_rng(random.getrandbits(32)).permutation(truth.size)  # type: ignore[attr-defined]

    areas = auroc(truth[shuffled], score[shuffled]), auprc(truth[shuffled], score[shuffled])

    assert areas == (auroc(truth, score), auprc(truth, score))


@given(both_classes(), st.integers(0, 2**32 - 1))
def test_counting_a_resample_by_the_places_of_the_whole_is_measuring_the_resample(pair: Pair, seed: int) -> None:
    truth, score = pair
    index = np.random.default_rng(seed).integers(truth.size, size=truth.size)

    at_place = counts(truth[index], places(score)[index])

    areas = auroc(truth[index], score[index]), auprc(truth[index], score[index])
    assert (auroc_of_counts(*at_place), auprc_of_counts(*at_place)) == pytest.approx(areas, nan_ok=True)


def test_equal_scores_for_all_are_worth_a_coin() -> None:
    assert auroc(np.array([True, False, False]), np.full(3, 0.3)) == 0.5


def test_scores_that_differ_in_the_last_bit_are_not_ties() -> None:
    assert auroc(np.array([False, True]), np.array([0.3, np.nextafter(0.3, 1)])) == 1


@pytest.mark.parametrize("only", [True, False])
def test_the_auroc_of_one_class_is_nan(only: bool) -> None:
    assert math.isnan(auroc(np.full(3, only), np.arange(3.0)))


def test_the_auprc_without_a_positive_is_nan() -> None:
    assert math.isnan(auprc(np.zeros(3, bool), np.arange(3.0)))


def test_the_auprc_without_a_negative_is_1() -> None:
    assert auprc(np.ones(3, bool), np.arange(3.0)) == 1


def test_the_rate_of_a_class_that_is_not_there_is_nan() -> None:
    false_rate, true_rate, _ = roc_curve(np.ones(2, bool), np.arange(2.0))

    assert np.isnan(false_rate).all()
    assert true_rate.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("measure", [auroc, auprc, roc_curve, precision_recall_curve])
def test_nan_scores_are_refused(measure: object) -> None:
    with pytest.raises(UsageError, match="NaN"):
        measure(np.array([True, False]), np.array([0.5, np.nan]))  # type: ignore[operator]
