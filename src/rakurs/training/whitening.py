"""The embedding of the gate: which directions training films vary in, and what is left beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rakurs.errors import TrainingError
from rakurs.study import FloatArray

AXES = 96
"""Principal directions kept; between 64 and 128 nothing changed much where it was measured."""


LEAST_VARIATION = 1e-3
"""Deviation over mean below which a value tells of rounding in float32 rather than of films."""


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """What turns a descriptor (d,) into an embedding (k + 1,).

    z = (descriptor - `mean`) / `deviation`; the first k values are z @ `axes` (d, k) over their
    `spread` (k,); the last is sqrt(k) times the root mean square of what the axes leave of z, over
    its mean `residual` on training films. So training films lie at a root
    mean square of about sqrt(2): 1 along the axes and 1 beside them.
    """

    mean: FloatArray
    deviation: FloatArray
    axes: FloatArray
    spread: FloatArray
    residual: float


def fit_whitening(descriptors: FloatArray, *, axes: int = AXES) -> Whitening:
    """Principal components of the descriptors (n, d) of training films, as for a Mahalanobis distance.

    Lee et al. 2018 take the whole covariance; with fewer films than dimensions the rest beside the
    first `axes` is one number, as in probabilistic PCA (Tipping & Bishop 1999).

    Raises:
        TrainingError: there are not more than `axes` descriptors.
    """
    if len(descriptors) <= axes:
        raise TrainingError(f"{len(descriptors)} films are too few to measure {axes} directions; give more.")
    wide = np.asarray(descriptors, np.float64)
    mean = wide.mean(0)
    deviation = np.maximum(wide.std(0) + 1e-6, LEAST_VARIATION * np.abs(mean))
    z = (wide - mean) / deviation
    _, strength, directions = np.linalg.svd(z, full_matrices=False)
    kept = directions[:axes].T  # (d, k)
    left = z - z @ kept @ kept.T
    return Whitening(
        mean=mean.astype(np.float32),
        deviation=deviation.astype(np.float32),
        axes=kept.astype(np.float32),
        spread=(strength[:axes] / np.sqrt(len(z))).astype(np.float32),
        residual=float(np.sqrt(np.mean(np.square(left), axis=1)).mean()),
    )
