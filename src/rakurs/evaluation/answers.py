"""Truth and answer side by side: the check that every measure makes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating[Any]]  # what is taken: float32 as well as float64
Float64Array = npt.NDArray[np.float64]  # what is given


def checked(truth: BoolArray, answer: FloatArray) -> tuple[BoolArray, Float64Array]:
    """The pair as bool (n,) and float64 (n,), n >= 1, without NaN.

    Truth must be bool already: a -1 for "uncertain" or a NaN for "not read" would become True unseen.

    Raises:
        UsageError: the truth is not bool, the two differ in length or are empty, or an answer is NaN.
    """
    truth, wide = np.asarray(truth), np.asarray(answer, np.float64)
    if truth.dtype != np.bool_:
        raise UsageError(f"Got truth of type {truth.dtype}; expected bool. Leave out what is uncertain first.")
    if truth.ndim != 1 or truth.shape != wide.shape or not truth.size:
        raise UsageError(f"Got truth {truth.shape} and answers {wide.shape}; expected both (n,), n at least 1.")
    if np.isnan(wide).any():
        raise UsageError("Got an answer that is NaN; expected numbers. Leave out the studies that were not read.")
    return truth, wide


def checked_probabilities(truth: BoolArray, probability: FloatArray) -> tuple[BoolArray, Float64Array]:
    """The pair as by `checked`, the answers in 0..1.

    Raises:
        UsageError: as `checked`, or a probability is outside 0..1.
    """
    truth, wide = checked(truth, probability)
    if wide.min() < 0 or wide.max() > 1:
        raise UsageError("Got a probability outside 0..1; expected probabilities. Apply the calibration first.")
    return truth, wide
