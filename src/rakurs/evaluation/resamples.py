"""The bootstrap by patient as counts: how often each resample drew each patient, the same for all that is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.answers import Float64Array, FloatArray, IntArray
from rakurs.evaluation.intervals import Interval, check_level, percentiles

_MOST_PATIENTS = 2**16 - 1  # what a count of uint16 holds


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """Draws of whole patients with replacement.

    `counts` uint16 (samples, patients) says how often each was drawn; `place` int (n,) whose each study is.
    """

    counts: npt.NDArray[np.uint16]
    place: IntArray

    def __len__(self) -> int:
        return len(self.counts)


def draw_resamples(groups: npt.ArrayLike, *, samples: int = 1000, seed: int) -> Resamples:
    """Draw as many patients as there are, `samples` times; `groups` (n,) says whose each study is.

    The draws are those of `bootstrap_interval` with the same seed.

    Raises:
        UsageError: `groups` is empty or not (n,), holds more than 65,535 patients, or `samples` is under 1.
    """
    members = np.asarray(groups)
    if members.ndim != 1 or not members.size:
        raise UsageError(f"Got groups of shape {members.shape}; expected (n,), one patient for each study.")
    if samples < 1:
        raise UsageError(f"Got {samples} bootstrap samples; expected 1 or more.")
    place = np.unique(members, return_inverse=True)[1].astype(np.int64)
    patients = int(place.max()) + 1
    if patients > _MOST_PATIENTS:
        raise UsageError(f"Got {patients} patients; expected at most {_MOST_PATIENTS}.")
    generator = np.random.default_rng(seed)
    counts = np.empty((samples, patients), np.uint16)
    for row in counts:
        row[:] = np.bincount(generator.integers(patients, size=patients), minlength=patients)
    return Resamples(counts=counts, place=place)


def resampled_means(values: npt.NDArray[Any], resamples: Resamples) -> Float64Array:
    """The mean of values, or the share of hits, in each resample: (n, ...) -> (samples, ...).

    Raises:
        UsageError: the resamples are of other studies.
    """
    wide = np.asarray(values, np.float64)
    if len(wide) != len(resamples.place):
        raise UsageError(f"Got {len(wide)} values and resamples of {len(resamples.place)} studies; expected the same.")
    patients = resamples.counts.shape[1]
    per_patient = np.zeros((patients, *wide.shape[1:]))
    np.add.at(per_patient, resamples.place, wide)
    studies = np.bincount(resamples.place, minlength=patients).astype(np.float64)
    counts = resamples.counts.astype(np.float64)
    drawn = (counts @ studies).reshape(-1, *(1 for _ in wide.shape[1:]))
    return np.asarray(np.tensordot(counts, per_patient, axes=1) / drawn, np.float64)


def interval_of(value: FloatArray, drawn: Float64Array, *, level: float = 0.95) -> Interval[FloatArray]:
    """The percentile interval of a value (*shape), given it in each resample (samples, *shape).

    A resample in which an entry is NaN is left out for that entry; where all are, so are its bounds.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.

    Raises:
        UsageError: `level` is not between 0 and 1.
    """
    check_level(level)
    low, high = percentiles(drawn, level=level)
    return Interval(np.asarray(value, np.float64), low, high)
