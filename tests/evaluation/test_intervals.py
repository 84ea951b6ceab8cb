"""Intervals hold what they say: against published values, in simulation, and for films that repeat."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rakurs.errors import UsageError
from rakurs.evaluation.answers import Float64Array, IntArray
from rakurs.evaluation.intervals import Interval, bootstrap_interval, proportion_interval, wilson_interval


def width(interval: Interval[float]) -> float:
    return interval.high - interval.low


# Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("count", "bounds"),
    [
        ((81, 263), (0.2553, 0.3662)),
        ((15, 148), (0.0624, 0.1605)),
        ((0, 20), (0.0, 0.1611)),
        ((1, 29), (0.0061, 0.1718)),
    ],
)
def test_wilson_intervals_are_those_that_newcombe_printed(count: tuple[int, int], bounds: tuple[float, float]) -> None:
    interval = wilson_interval(*count)

    assert (interval.low, interval.high) == pytest.approx(bounds, abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_wilson_interval_holds_its_value_and_stays_in_0_to_1(count: tuple[int, int]) -> None:
    interval = wilson_interval(*count)

    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high


def test_nothing_counted_has_no_share() -> None:
    assert math.isnan(wilson_interval(0, 0).value)


def test_more_than_all_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a count"):
        wilson_interval(4, 3)


def test_with_one_film_per_patient_the_share_has_the_wilson_interval() -> None:
    interval = proportion_interval(np.arange(20) < 3, groups=np.arange(20))

    assert (interval.low, interval.high) == pytest.approx((wilson_interval(3, 20).low, wilson_interval(3, 20).high))


def test_identical_films_add_nothing_to_what_their_patients_say() -> None:
    interval = proportion_interval(np.repeat(np.arange(40) < 10, 5), groups=np.repeat(np.arange(40), 5))

    assert width(interval) == pytest.approx(width(wilson_interval(10, 40)), rel=0.03)


def test_where_all_films_hit_the_patients_are_counted() -> None:
    interval = proportion_interval(np.ones(30, bool), groups=np.repeat(np.arange(3), 10))

    assert interval.low == pytest.approx(wilson_interval(3, 3).low)


def test_hits_without_a_group_each_are_refused() -> None:
    with pytest.raises(UsageError, match=r"expected both \(n,\)"):
        proportion_interval(np.ones(3, bool), groups=[1])


def test_the_bootstrap_of_a_mean_is_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)

    interval = bootstrap_interval(
        lambda index: float(values[index].mean()), groups=np.arange(400), seed=1, samples=4000
    )

    half = 1.96 * values.std() / 20
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_drawing_patients_is_wider_than_drawing_films_when_films_repeat() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=50), 6)

    def mean(index: IntArray) -> float:
        return float(values[index].mean())

    by_patient = bootstrap_interval(mean, groups=np.repeat(np.arange(50), 6), seed=1)

    by_film = bootstrap_interval(mean, groups=np.arange(300), seed=1)
    assert width(by_patient) > 2 * width(by_film)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_every_resample_holds_whole_patients_and_as_many_as_there_are(groups: list[int], seed: int) -> None:
    members, seen = np.array(groups), list[IntArray]()

    def note(index: IntArray) -> float:
        seen.append(index)
        return 0.0

    bootstrap_interval(note, groups=members, samples=1, seed=seed)

    drawn = np.bincount(seen[0], minlength=members.size)
    times = {group: set(drawn[members == group].tolist()) for group in set(groups)}
    assert all(len(of_group) == 1 for of_group in times.values())
    assert sum(of_group.pop() for of_group in times.values()) == len(times)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(30.0)

    intervals = [
        bootstrap_interval(lambda index: float(np.median(values[index])), groups=np.arange(30), seed=7)
        for _ in range(2)
    ]

    assert (intervals[0].low, intervals[0].high) == (intervals[1].low, intervals[1].high)


def test_an_array_statistic_gets_an_interval_for_each_entry() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2, 3)) * np.array([1, 10, 100])

    interval = bootstrap_interval(lambda index: values[index].mean(axis=0), groups=np.arange(60), seed=1)

    assert interval.low.shape == interval.high.shape == (2, 3)
    assert ((interval.low < interval.value) & (interval.value < interval.high)).all()


def test_a_paired_difference_is_far_tighter_than_its_parts() -> None:
    ours = np.random.default_rng(0).normal(size=200)
    theirs = ours - 0.1

    difference = bootstrap_interval(
        lambda index: float(ours[index].mean() - theirs[index].mean()), groups=np.arange(200), seed=1
    )

    assert (difference.low, difference.high) == pytest.approx((0.1, 0.1))


def test_resamples_in_which_the_statistic_is_nan_are_left_out() -> None:
    values = np.array([1.0, np.nan, *[1.0] * 8])

    interval = bootstrap_interval(lambda index: float(values[index].mean()), groups=np.arange(10), seed=1)

    assert (interval.low, interval.high) == (1.0, 1.0)


def test_an_entry_that_is_always_nan_has_no_bounds_and_spares_the_others() -> None:
    def halves(index: IntArray) -> Float64Array:
        return np.array([np.nan, index.mean()])

    interval = bootstrap_interval(halves, groups=np.arange(10), seed=1)

    assert np.isnan(interval.low).tolist() == [True, False]


def test_no_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="one group for each film"):
        bootstrap_interval(lambda index: float(index.sum()), groups=[], seed=1)


def test_no_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="expected 1 or more"):
        bootstrap_interval(lambda index: float(index.sum()), groups=[1, 2], samples=0, seed=1)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(UsageError, match=r"such as 0\.95"):
        bootstrap_interval(lambda index: float(index.sum()), groups=[1, 2], level=level, seed=1)
