"""Calibration: the fit against a general logistic regression, the errors against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.special import log_softmax  # type: ignore[import-untyped]
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray
from rakurs.evaluation.calibration import (
    SMALLEST_SLOPE,
    brier,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
    reliability,
)


def sigmoid(z: Float64Array) -> Float64Array:
    return 1 / (1 + np.exp(-z))


def simulated(*, slope: float, intercept: float, n: int = 20_000, seed: int = 1) -> tuple[Float64Array, BoolArray]:
    generator = np.random.default_rng(seed)
    logit = generator.normal(-1, 2, n)
    return logit, generator.random(n) < sigmoid(slope * logit + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -2.0), (2.5, 1.0)])
def test_the_slope_and_intercept_behind_simulated_data_are_found(slope: float, intercept: float) -> None:
    fitted = fit_platt(*simulated(slope=slope, intercept=intercept))

    assert fitted == pytest.approx((slope, intercept), abs=0.12)


def test_the_fit_is_a_logistic_regression_on_smoothed_targets() -> None:
    logit, truth = simulated(slope=0.7, intercept=-1, n=300)
    weight = np.random.default_rng(2).uniform(0.2, 3, 300)
    up, down = weight[truth].sum(), weight[~truth].sum()
    target = np.where(truth, (up + 1) / (up + 2), 1 / (down + 2))
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([logit, logit])[:, None],
        np.repeat([1, 0], 300),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )

    fitted = fit_platt(logit, truth, weight=weight)

    assert fitted == pytest.approx((reference.coef_.item(), reference.intercept_.item()), abs=1e-4)


def test_a_weight_of_two_is_the_study_twice() -> None:
    logit, truth = simulated(slope=1, intercept=0, n=200)

    weighted = fit_platt(logit, truth, weight=np.full(200, 2.0))

    assert weighted == pytest.approx(fit_platt(np.tile(logit, 2), np.tile(truth, 2)))


def test_separable_data_give_finite_probabilities_short_of_certainty() -> None:
    logit = np.array([-1000.0, -900, 900, 1000])

    slope, intercept = fit_platt(logit, logit > 0)

    probability = sigmoid(slope * logit + intercept)
    assert probability == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.02)


def test_a_network_that_ranks_the_wrong_way_round_is_flattened_and_not_turned() -> None:
    logit, truth = simulated(slope=-1, intercept=0)

    slope, intercept = fit_platt(logit, truth)

    assert slope == pytest.approx(SMALLEST_SLOPE / logit.std())
    assert sigmoid(slope * logit + intercept).mean() == pytest.approx(truth.mean(), abs=1e-3)


def test_equal_logits_for_all_give_the_frequency() -> None:
    truth = np.arange(1000) < 100

    slope, intercept = fit_platt(np.full(1000, 3.0), truth)

    assert sigmoid(np.array([3 * slope + intercept]))[0] == pytest.approx(0.1, abs=0.002)


def test_the_unit_of_the_logits_does_not_matter() -> None:
    logit, truth = simulated(slope=1, intercept=0, n=200)
    slope, intercept = fit_platt(logit, truth)

    scaled = fit_platt(1e4 * logit + 3e4, truth)

    assert scaled == pytest.approx((slope / 1e4, intercept - 3 * slope))


@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=2, max_size=40))
def test_whatever_the_data_the_fit_is_finite_and_rises(studies: list[tuple[float, bool]]) -> None:
    logit, truth = np.array([study[0] for study in studies]), np.array([study[1] for study in studies])
    truth[:2] = True, False

    slope, intercept = fit_platt(logit, truth)

    assert slope > 0
    assert np.isfinite([slope, intercept]).all()


@pytest.mark.parametrize("only", [True, False])
def test_one_class_cannot_be_calibrated(only: bool) -> None:
    with pytest.raises(UsageError, match="positives and negatives"):
        fit_platt(np.arange(3.0), np.full(3, only))


def test_an_infinite_logit_is_refused() -> None:
    with pytest.raises(UsageError, match="infinite logit"):
        fit_platt(np.array([0, np.inf]), np.array([True, False]))


@pytest.mark.parametrize("weight", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_weights_that_count_no_studies_are_refused(weight: list[float]) -> None:
    with pytest.raises(UsageError, match="finite and not negative"):
        fit_platt(np.arange(2.0), np.array([True, False]), weight=np.array(weight))


def test_brier_is_that_of_scikit_learn() -> None:
    logit, truth = simulated(slope=1, intercept=0, n=500)

    assert brier(truth, sigmoid(logit)) == pytest.approx(brier_score_loss(truth, sigmoid(logit)))


def test_bins_of_equal_width_are_those_of_scikit_learn() -> None:
    logit, truth = simulated(slope=1, intercept=0, n=500)
    frequency, probability = calibration_curve(truth, sigmoid(logit), n_bins=12, strategy="uniform")

    table = reliability(truth, sigmoid(logit), bins=12, binning="width")

    np.testing.assert_allclose(table.frequency, frequency)
    np.testing.assert_allclose(table.probability, probability)


def test_bins_of_equal_mass_hold_as_many_studies_each() -> None:
    logit, truth = simulated(slope=1, intercept=0, n=1500)

    table = reliability(truth, sigmoid(logit), bins=15)

    assert table.count.tolist() == [100] * 15


def test_equal_probabilities_share_a_bin() -> None:
    table = reliability(np.arange(90) < 30, np.repeat([0.2, 0.5, 0.6], 30), bins=15)

    assert table.count.tolist() == [30, 30, 30]


def test_probability_1_falls_into_the_last_bin_of_equal_width() -> None:
    table = reliability(np.array([True, True]), np.array([0.99, 1.0]), bins=10, binning="width")

    assert table.count.tolist() == [2]


def test_the_calibration_error_is_the_mean_distance_over_the_studies() -> None:
    truth = np.array([True, False, False, False, True])
    probability = np.array([0.1, 0.1, 0.1, 0.1, 0.7])

    ece = expected_calibration_error(truth, probability, bins=2, binning="width")

    assert ece == pytest.approx((4 * 0.15 + 1 * 0.3) / 5)


@pytest.mark.parametrize("binning", ["mass", "width"])
def test_certain_and_right_answers_have_no_calibration_error(binning: str) -> None:
    truth = np.array([True, False, True])

    assert expected_calibration_error(truth, truth.astype(float), binning=binning) == 0  # type: ignore[arg-type]


def test_calibrating_takes_the_calibration_error_away() -> None:
    logit, truth = simulated(slope=0.5, intercept=-1.5)
    slope, intercept = fit_platt(logit, truth)

    after = expected_calibration_error(truth, sigmoid(slope * logit + intercept))

    assert after < 0.1 * expected_calibration_error(truth, sigmoid(logit))


def test_no_bins_are_refused() -> None:
    with pytest.raises(UsageError, match="0 bins"):
        reliability(np.array([True]), np.array([0.5]), bins=0)


def test_the_temperature_is_the_one_of_greatest_likelihood() -> None:
    generator = np.random.default_rng(0)
    truth = np.eye(5, dtype=np.bool_)[generator.integers(5, size=400)]
    logits = 4 * truth + 3 * generator.normal(size=(400, 5))

    slope = fit_temperature(logits, truth)

    best = minimize_scalar(
        lambda of: -log_softmax(of * logits, axis=1)[truth].sum(), bounds=(0.01, 5), method="bounded"
    )
    assert slope == pytest.approx(best.x, rel=1e-4)


@pytest.mark.parametrize(
    ("logits", "truth", "says"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3), bool), "none or several labels"),
        (np.zeros((2, 3)), np.eye(2, 3), "none or several labels"),
        (np.full((2, 3), np.inf), np.eye(2, 3, dtype=bool), "expected finite"),
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "n >= 1"),
    ],
)
def test_what_has_no_temperature_is_refused(logits: FloatArray, truth: BoolArray, *, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        fit_temperature(logits, truth)
