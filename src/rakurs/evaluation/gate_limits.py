"""The limits of the gate, measured on films that it must let pass and on the same films turned and inverted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from rakurs.evaluation.films import Change
from rakurs.inference.gate import distance_to_training, posture_probabilities
from rakurs.pack import Gate, Probe
from rakurs.study import FloatArray
from rakurs.task import Task

PASSED_SHARE = 0.995
"""Of each group of films that must pass, the share within the limit: at most 1 % false refusals, with a margin."""

FEW = 100
"""Of fewer images not even the farthest tells where 99.5 % of others would lie; see `expected_within`."""

RIDGE = 1e-2
NEWTON_STEPS = 12
SMALLEST_PROBE_LIMIT = 0.5


UPRIGHT = "upright"


def postures(task: Task) -> dict[str, Change]:
    """The ways in which an image of the task may lie wrong, as changes of the prepared image, after `UPRIGHT`."""
    preprocess = task.preprocess
    centre = (2 * (0.5 - np.asarray(preprocess.mean)) / np.asarray(preprocess.std)).astype(np.float32)[:, None, None]
    changes: dict[str, Change] = {}
    for quarters in (1, 2, 3):
        changes[f"turned-{90 * quarters}"] = lambda image, k=quarters: np.rot90(image, k, (1, 2))  # type: ignore[misc]
    changes["inverted"] = lambda image: centre - image
    return {UPRIGHT: lambda image: image, **{wrong: changes[wrong] for wrong in task.wrong_postures}}


def measure_gate(by_posture: Mapping[str, FloatArray], accepted: Mapping[str, FloatArray]) -> Gate:
    """The gate of one view, from embeddings (n, d).

    `by_posture` holds the same validation films in each of the `postures`; `accepted` holds groups
    of films that must pass (films of each source, of other hospitals), upright. Where no posture is
    wrong, there is no probe, and nothing lies between what is read and what is unlike it.
    """
    held = [distances(embedding) for embedding in accepted.values()]
    distance = max([_largest(held), *(expected_within(group) for group in held if 1 < len(group) < FEW)])
    if set(by_posture) == {UPRIGHT}:
        return Gate(distance=distance, reach=distance)
    turned = np.concatenate([distances(embedding) for kind, embedding in by_posture.items() if kind != UPRIGHT])
    probe = fit_probe(by_posture)
    suspicion = [posture_probabilities(group, probe)[:, 1:].max(1) for group in accepted.values()]
    return Gate(
        distance=distance,
        reach=max(distance, float(np.quantile(turned, PASSED_SHARE))),
        posture=probe.model_copy(update={"limit": min(1.0, max(SMALLEST_PROBE_LIMIT, _largest(suspicion)))}),
    )


def _largest(groups: Sequence[npt.NDArray[np.floating[Any]]]) -> float:
    """The smallest limit that lets `PASSED_SHARE` of every group pass, and the film on its edge."""
    edge = max(float(np.quantile(group, PASSED_SHARE, method="higher")) for group in groups)
    return float(np.nextafter(np.float32(edge), np.float32(np.inf)))


def expected_within(seen: npt.NDArray[np.float64]) -> float:
    """Within which distance the next image lies with the probability `PASSED_SHARE`, by those seen, (n,) with n > 1.

    The one-sided prediction bound of normal log distances: mean + t * deviation * sqrt(1 + 1 / n); Student's t with
    n - 1 degrees of freedom by the expansion of Fisher and Cornish, Technometrics 2:209 (1960).
    """
    logs, n = np.log(seen), len(seen)
    z = NormalDist().inv_cdf(PASSED_SHARE)
    t = z + (z**3 + z) / (4 * (n - 1)) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * (n - 1) ** 2)
    return float(np.exp(logs.mean() + t * logs.std(ddof=1) * np.sqrt(1 + 1 / n)))


def distances(embedding: FloatArray) -> npt.NDArray[np.float64]:
    """`distance_to_training` of each embedding: (n, d) -> (n,)."""
    return np.array([distance_to_training(one) for one in embedding])


def fit_probe(by_kind: Mapping[str, FloatArray]) -> Probe:
    """Multinomial logistic regression with a ridge, by Newton's method: embeddings (n, d) per kind -> a probe."""
    inputs = np.concatenate([np.asarray(embedding, np.float64) for embedding in by_kind.values()])
    spread = inputs.std(0) + 1e-9
    design = np.column_stack([inputs / spread, np.ones(len(inputs))])  # (n, d + 1)
    kinds = np.repeat(np.arange(len(by_kind)), [len(embedding) for embedding in by_kind.values()])
    truth = np.eye(len(by_kind))[kinds]  # (n, c)
    weights = np.zeros((len(by_kind), design.shape[1]))
    for _ in range(NEWTON_STEPS):
        weights -= _newton_step(design, truth, weights=weights)
    return Probe(
        kinds=list(by_kind),
        weights=(weights[:, :-1] / spread).round(6).tolist(),
        bias=weights[:, -1].round(6).tolist(),
        limit=SMALLEST_PROBE_LIMIT,
    )


def _newton_step(
    design: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], *, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """One step for the mean cross-entropy plus RIDGE / 2 of the squared weights: (c, d + 1)."""
    scores = design @ weights.T
    powers = np.exp(scores - scores.max(1, keepdims=True))
    said = powers / powers.sum(1, keepdims=True)  # (n, c)
    kinds, width = weights.shape
    gradient = (said - truth).T @ design / len(design) + RIDGE * weights
    hessian = np.empty((kinds, width, kinds, width))
    for one in range(kinds):
        for other in range(kinds):
            share = said[:, one] * ((one == other) - said[:, other])
            hessian[one, :, other, :] = design.T @ (share[:, None] * design) / len(design)
    flat = hessian.reshape(kinds * width, kinds * width) + RIDGE * np.eye(kinds * width)
    return np.linalg.solve(flat, gradient.ravel()).reshape(kinds, width)
