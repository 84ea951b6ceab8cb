"""Both areas of every label in every resample, against scikit-learn on the same repeated films."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from rakurs.errors import UsageError
from rakurs.evaluation import areas as module
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.areas import areas, resampled_areas
from rakurs.evaluation.intervals import bootstrap_interval
from rakurs.evaluation.ranking import auroc
from rakurs.evaluation.resamples import Resamples, draw_resamples, interval_of, resampled_means


def answered(n: int, *, labels: int = 3, levels: int = 12, seed: int = 0) -> tuple[BoolArray, Float64Array]:
    """Films with rarer and rarer labels and answers with many ties."""
    generator = np.random.default_rng(seed)
    truth = generator.random((n, labels)) < 0.4 / np.arange(1, labels + 1)
    return truth, np.round(levels * generator.random((n, labels)) + 3 * truth) / levels


def films_of(resamples: Resamples, row: int) -> npt.NDArray[np.int64]:
    """The films of one resample, each as often as its patient was drawn."""
    return np.repeat(np.arange(len(resamples.place)), resamples.counts[row, resamples.place])


@pytest.mark.parametrize("levels", [3, 12, 10**9], ids=["few scores", "ties", "no ties"])
@pytest.mark.parametrize("films_per_patient", [1, 3])
def test_the_areas_of_each_resample_are_those_of_scikit_learn(levels: int, films_per_patient: int) -> None:
    truth, score = answered(240, levels=levels)
    resamples = draw_resamples(np.arange(240) // films_per_patient, samples=8, seed=5)

    drawn = resampled_areas(truth, score, resamples=resamples)

    for row in range(8):
        films = films_of(resamples, row)
        assert len(set(films.tolist())) < len(films)  # repeats there are
        for column in range(3):
            pair = truth[films, column], score[films, column]
            expected = metrics.roc_auc_score(*pair), metrics.average_precision_score(*pair)
            assert tuple(drawn[row, :, column]) == pytest.approx(expected, abs=1e-9)
        np.testing.assert_allclose(drawn[row, :, 3], drawn[row, :, :3].mean(1), rtol=1e-12)


def test_blocks_do_not_change_the_areas(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, score = answered(50)
    resamples = draw_resamples(np.arange(50), samples=20, seed=1)
    whole = resampled_areas(truth, score, resamples=resamples)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 50 * 3)

    in_blocks = resampled_areas(truth, score, resamples=resamples)

    np.testing.assert_array_equal(in_blocks, whole)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=25), st.integers(0, 2**32 - 1))
def test_a_resample_that_lost_a_class_has_no_area(films: list[tuple[bool, int]], seed: int) -> None:
    truth, score = np.array([[film[0]] for film in films]), np.array([[float(film[1])] for film in films])
    resamples = draw_resamples(np.arange(len(films)), samples=5, seed=seed)

    drawn = resampled_areas(truth, score, resamples=resamples)

    for row in range(5):
        again = truth[films_of(resamples, row), 0]
        assert np.isnan(drawn[row, 0, 0]) == (again.all() or not again.any())
        assert np.isnan(drawn[row, 1, 0]) == (not again.any())


def test_on_all_films_the_areas_are_those_of_scikit_learn_and_their_mean() -> None:
    truth, score = answered(100)

    measured = areas(truth, score)

    expected = [metrics.roc_auc_score(truth[:, column], score[:, column]) for column in range(3)]
    np.testing.assert_allclose(measured[0], [*expected, np.mean(expected)], atol=1e-12)


def test_the_mean_leaves_out_a_label_without_positives_in_every_resample() -> None:
    truth, score = answered(60)
    truth[:, 2] = False
    resamples = draw_resamples(np.arange(60), samples=4, seed=2)

    drawn = resampled_areas(truth, score, resamples=resamples)

    assert np.isnan(drawn[:, :, 2]).all()
    np.testing.assert_allclose(drawn[:, :, 3], drawn[:, :, :2].mean(2))


def test_the_draws_are_those_of_the_bootstrap_of_any_statistic() -> None:
    truth, score = answered(90)
    patients = np.arange(90) // 2
    expected = bootstrap_interval(
        lambda film: auroc(truth[film, 0], score[film, 0]), groups=patients, samples=40, seed=9
    )

    drawn = resampled_areas(truth, score, resamples=draw_resamples(patients, samples=40, seed=9))

    interval = interval_of(areas(truth, score), drawn)
    bounds = (interval.low[0, 0], interval.high[0, 0])
    assert bounds == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_mean_of_values_in_each_resample_is_that_of_its_films() -> None:
    values = np.random.default_rng(0).random((30, 2))
    resamples = draw_resamples(np.arange(30) // 4, samples=6, seed=3)

    drawn = resampled_means(values, resamples)

    np.testing.assert_allclose(drawn, [values[films_of(resamples, row)].mean(0) for row in range(6)])


def test_resamples_of_other_films_are_refused() -> None:
    truth, score = answered(20)

    with pytest.raises(UsageError, match="20 studies and resamples of 19"):
        resampled_areas(truth, score, resamples=draw_resamples(np.arange(19), samples=2, seed=0))


def test_answers_of_another_shape_are_refused() -> None:
    truth, score = answered(20)

    with pytest.raises(UsageError, match=r"expected both \(n, labels\)"):
        areas(truth, score[:, :2])


@pytest.mark.parametrize(("groups", "samples"), [([], 3), ([[1, 2]], 3), ([1, 2], 0)])
def test_nothing_to_draw_is_refused(groups: npt.ArrayLike, samples: int) -> None:
    with pytest.raises(UsageError, match="expected"):
        draw_resamples(groups, samples=samples, seed=0)
