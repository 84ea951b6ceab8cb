"""How sure a number is: bootstrap and Wilson intervals that respect that one patient may have several films."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array, FloatArray, IntArray

Measured = TypeVar("Measured", float, FloatArray)


@dataclass(frozen=True, slots=True, eq=False)
class Interval(Generic[Measured]):
    """A measured value with the bounds of its interval; floats, or arrays of one shape. NaN: could not be measured."""

    value: Measured
    low: Measured
    high: Measured


def bootstrap_interval(
    statistic: Callable[[IntArray], Measured],
    *,
    groups: npt.ArrayLike,
    samples: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Interval[Measured]:
    """The percentile interval of a statistic when whole groups (patients) are drawn again with replacement.

    `statistic` takes the indices of a resample, int (m,) into 0..n-1 with repeats, and gives a float or an array of
    fixed shape. `groups` int (n,) says whose each film is: films of one patient are drawn together, because they are
    not independent. A resample in which an entry is NaN is left out for that entry; where all are, so are its bounds.
    To compare two packs on the same films, let the statistic be the difference: both then see the same resamples.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; Field and Welsh, JRSS-B 69:369 (2007).

    Raises:
        UsageError: `groups` is empty or not (n,), `samples` is under 1, or `level` is not between 0 and 1.
    """
    members = np.asarray(groups)
    if members.ndim != 1 or not members.size:
        raise UsageError(f"Got groups of shape {members.shape}; expected (n,), one group for each film.")
    if samples < 1:
        raise UsageError(f"Got {samples} bootstrap samples; expected 1 or more.")
    check_level(level)
    draw = _drawer(members, seed=seed)
    drawn = np.array([statistic(draw()) for _ in range(samples)], np.float64)  # (samples, *shape)
    value = statistic(np.arange(members.size))
    low, high = percentiles(drawn, level=level)
    if isinstance(value, np.ndarray):
        return Interval(value, low, high)
    return Interval(float(value), float(low), float(high))


def wilson_interval(positives: float, n: float, *, level: float = 0.95) -> Interval[float]:
    """The score interval of a proportion: `positives` of `n` independent ones; NaN where `n` is 0.

    Never leaves 0..1 and is not empty at 0 of n or n of n. `n` need not be whole: see `proportion_interval`.
    Wilson, JASA 22:209 (1927).

    Raises:
        UsageError: `positives` is not in 0..n, or `level` is not between 0 and 1.
    """
    check_level(level)
    if not 0 <= positives <= n:
        raise UsageError(f"Got {positives} of {n}; expected a count in 0..n.")
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    share, z = positives / n, NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if positives == 0 else max(0.0, centre - half)  # exact where rounding would miss the bound
    high = 1.0 if positives == n else min(1.0, centre + half)
    return Interval(share, low, high)


def proportion_interval(hits: BoolArray, *, groups: npt.ArrayLike, level: float = 0.95) -> Interval[float]:
    """The Wilson interval of the share of `hits`, bool (n,), when films of one group (patient) go together.

    `n` is divided by the design effect, how much more the share varies than if the films were independent (never
    under 1): Korn and Graubard, Survey Methodology 24:193 (1998), with the variance of Obuchowski, Statistics in
    Medicine 17:1495 (1998). With one film per group, or where all or none hit, `n` is the number of groups: the films
    then say nothing of how patients differ.

    Raises:
        UsageError: `hits` and `groups` differ in shape, or `level` is not between 0 and 1.
    """
    hits, members = np.asarray(hits, np.bool_), np.asarray(groups)
    if hits.ndim != 1 or hits.shape != members.shape:
        raise UsageError(f"Got {hits.shape} hits and {members.shape} groups; expected both (n,).")
    n = _effective_size(hits, members)
    return wilson_interval(n * float(hits.mean()) if hits.size else 0.0, n, level=level)


def _effective_size(hits: BoolArray, members: npt.NDArray[np.generic]) -> float:
    place = np.unique(members, return_inverse=True)[1]
    films = np.bincount(place)
    if len(films) < 2 or len(films) == hits.size or hits.all() or not hits.any():
        return float(len(films))
    share = float(hits.mean())
    excess = np.bincount(place, weights=hits - share)  # per group: hits beyond those expected
    variance = len(films) / (len(films) - 1) * float(np.sum(excess**2)) / hits.size**2
    return min(float(hits.size), share * (1 - share) / variance) if variance else float(hits.size)


def _drawer(members: npt.NDArray[np.generic], *, seed: int) -> Callable[[], IntArray]:
    """A function that draws as many groups as there are, and gives the indices of all their films."""
    _, place, films = np.unique(members, return_inverse=True, return_counts=True)
    by_group: IntArray = np.argsort(place, kind="stable")  # (n,): the films of group 0, then of group 1, ...
    first = np.cumsum(films) - films
    generator = np.random.default_rng(seed)

    def draw() -> IntArray:
        groups = generator.integers(len(films), size=len(films))
        lengths = films[groups]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        films_drawn: IntArray = by_group[np.repeat(first[groups], lengths) + within]
        return films_drawn

    return draw


def percentiles(drawn: Float64Array, *, level: float) -> tuple[Float64Array, Float64Array]:
    """The two bounds over the first axis: (samples, *shape) -> (*shape) twice; NaN where no sample is a number."""
    columns = drawn.reshape(len(drawn), -1)
    bounds = np.full((2, columns.shape[1]), np.nan)
    measured = ~np.isnan(columns).all(axis=0)
    tails = [50 * (1 - level), 50 * (1 + level)]
    if measured.any():
        bounds[:, measured] = np.nanpercentile(columns[:, measured], tails, axis=0)
    low, high = bounds.reshape(2, *drawn.shape[1:])
    return low, high


def check_level(level: float) -> None:
    """Refuse a level that is none.

    Raises:
        UsageError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"Got the level {level}; expected one between 0 and 1, such as 0.95.")
