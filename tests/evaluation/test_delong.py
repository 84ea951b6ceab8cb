"""DeLong's variance against a published example, the definition, and the bootstrap; Holm by hand."""

import math

import numpy as np
import pytest
from sklearn import metrics

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.delong import auroc_covariance, delong_test, holm
from rakurs.evaluation.intervals import bootstrap_interval
from rakurs.evaluation.ranking import auroc

# DeLong, DeLong and Clarke-Pearson (1988): albumin, total protein, K-G score, and whether surgery helped, of 43 women.
OVARIAN = """
3.0 5.8 10 0  3.2 6.3  5 1  3.9 6.8  3 1  2.8 4.8  6 0  3.2 5.8  3 1  0.9 4.0  5 0  2.5 5.7  8 0  1.6 5.6  5 1
3.8 5.7  5 1  3.7 6.7  6 1  3.2 5.4  4 1  3.8 6.6  6 1  4.1 6.6  5 1  3.6 5.7  5 1  4.3 7.0  4 1  3.6 6.7  4 0
2.3 4.4  6 1  4.2 7.6  4 0  4.0 6.6  6 0  3.5 5.8  6 1  3.8 6.8  7 1  3.0 4.7  8 0  4.5 7.4  5 1  3.7 7.4  5 1
3.1 6.6  6 1  4.1 8.2  6 1  4.3 7.0  5 1  4.3 6.5  4 1  3.2 5.1  5 1  2.6 4.7  6 1  3.3 6.8  6 0  1.7 4.0  7 0
3.7 6.1  5 1  3.3 6.3  7 1  4.2 7.7  6 1  3.5 6.2  5 1  2.9 5.7  9 0  2.1 4.8  7 1  2.8 6.2  8 0  4.0 7.0  7 1
3.3 5.7  6 1  3.7 6.9  5 1  3.6 6.6  5 1
"""


def ovarian() -> tuple[BoolArray, list[Float64Array]]:
    albumin, protein, score, helped = np.array(OVARIAN.split(), float).reshape(-1, 4).T
    return helped == 1, [albumin, protein, 10 - score]


def answered(n: int, *, seed: int = 0) -> tuple[BoolArray, list[Float64Array]]:
    """Two readers with ties who agree in part."""
    generator = np.random.default_rng(seed)
    truth = generator.random(n) < 0.3
    common = truth + generator.normal(size=n)
    return truth, [np.round(common + generator.normal(size=n), 1), np.round(common + truth / 2, 1)]


def by_definition(truth: BoolArray, scores: list[Float64Array]) -> Float64Array:
    """Equations 3 to 6 of the paper, a pair at a time."""
    kernel = np.array(
        [[[1.0 if x > y else 0.5 if x == y else 0.0 for y in score[~truth]] for x in score[truth]] for score in scores]
    )  # (readers, positives, negatives)
    of_positives, of_negatives = kernel.mean(2), kernel.mean(1)
    parts = []
    for components in (of_positives, of_negatives):
        off = components - kernel.mean((1, 2))[:, None]
        parts.append(off @ off.T / (components.shape[1] - 1) / components.shape[1])
    return np.asarray(parts[0] + parts[1])


def test_areas_and_errors_are_those_published_for_the_papers_own_data() -> None:
    area, covariance = auroc_covariance(*ovarian())

    # SAS/STAT user's guide, the LOGISTIC procedure, "Comparing Receiver Operating Characteristic Curves".
    assert area == pytest.approx([0.7366, 0.6478, 0.7258], abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0927, 0.1000, 0.1028], abs=5e-5)


def test_the_contrast_of_all_three_is_the_published_one() -> None:
    area, covariance = auroc_covariance(*ovarian())

    against_score = np.array([[1, 0, -1], [0, 1, -1]])
    contrast = against_score @ area
    chi_square = contrast @ np.linalg.inv(against_score @ covariance @ against_score.T) @ contrast
    assert chi_square == pytest.approx(2.5340, abs=5e-5)


def test_the_test_of_two_readers_is_the_published_one() -> None:
    helped, (_, protein, score) = ovarian()

    test = delong_test(helped, protein, second=score)

    assert (test.difference, test.error, test.p) == pytest.approx((-0.0780, 0.1046, 0.4561), abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_form_is_the_definition(seed: int) -> None:
    truth, scores = answered(60, seed=seed)

    area, covariance = auroc_covariance(truth, scores)

    np.testing.assert_allclose(covariance, by_definition(truth, scores), rtol=1e-9)
    np.testing.assert_allclose(area, [metrics.roc_auc_score(truth, score) for score in scores], rtol=1e-12)


def test_the_error_is_that_of_the_bootstrap() -> None:
    truth, (first, second) = answered(800)
    gain = bootstrap_interval(
        lambda film: auroc(truth[film], first[film]) - auroc(truth[film], second[film]),
        groups=np.arange(800),
        seed=1,
    )

    test = delong_test(truth, first, second=second)

    assert (gain.high - gain.low) / (2 * 1.96) == pytest.approx(test.error, rel=0.08)


def test_a_reader_does_not_differ_from_itself() -> None:
    truth, (first, _) = answered(50)

    test = delong_test(truth, first, second=3 * first - 1)

    assert (test.difference, test.p) == (0, 1)


def test_a_class_of_one_film_has_no_variance() -> None:
    test = delong_test(np.arange(9) < 1, np.arange(9.0), second=-np.arange(9.0))

    assert math.isnan(test.p)


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])


def test_holm_does_not_count_what_was_not_tested() -> None:
    corrected = holm([0.02, math.nan, 0.8])

    assert (corrected[0], corrected[2]) == pytest.approx((0.04, 0.8))
    assert math.isnan(corrected[1])


def test_holm_stays_within_1() -> None:
    assert holm([0.7, 0.9]) == [1, 1]


def test_holm_refuses_what_is_no_probability() -> None:
    with pytest.raises(UsageError, match=r"outside 0\.\.1"):
        holm([1.2])
