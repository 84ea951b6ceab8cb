"""The probe tells postures apart as scikit-learn's regression does, and the limits let pass what they should."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import t as student  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

from rakurs.errors import Refusal
from rakurs.evaluation.gate_limits import (
    FEW,
    PASSED_SHARE,
    RIDGE,
    SMALLEST_PROBE_LIMIT,
    distances,
    expected_within,
    fit_probe,
    measure_gate,
    postures,
)
from rakurs.inference.gate import POSTURE_CODES, check_embedding, posture_probabilities
from rakurs.inference.preprocess import normalise
from rakurs.pack import Gate, Probe
from rakurs.study import FloatArray
from rakurs.task import Preprocess, Task
from tests.packs import LABELS

WIDTH = 12
KINDS = ("upright", "turned-90", "turned-180", "turned-270", "inverted")
SQUARE = Preprocess(channels=1, rows=32, columns=32, fit="pad", mean=[0.498], std=[0.502])
TASK = Task.model_validate(
    {
        "schema": 1,
        "name": "tiny",
        "version": "1",
        "title": {"en": "Tiny"},
        "intended_use": {"en": "Tests"},
        "wrong_postures": list(KINDS[1:]),
        "activation": "sigmoid",
        "preprocess": SQUARE.model_dump(),
        "views": [{"name": "frontal", "required": True}],
        "labels": [{"name": name} for name in LABELS],
    }
)


def clusters(*, apart: float, n: int = 150, seed: int = 0) -> dict[str, FloatArray]:
    """Embeddings (n, 12) of each posture: upright ones white, the others so far from them, with scales of their own."""
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.normal(size=(WIDTH, WIDTH)))[0][: len(KINDS)] * apart
    centres[0] = 0
    return {
        kind: (generator.normal(size=(n, WIDTH)) + centre).astype(np.float32)
        for kind, centre in zip(KINDS, centres, strict=True)
    }


def regression(by_kind: Mapping[str, FloatArray]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What scikit-learn finds for the same problem: weights (kinds, d) and bias (kinds,)."""
    inputs = np.concatenate(list(by_kind.values())).astype(np.float64)
    spread = inputs.std(0)
    design = np.column_stack([inputs / spread, np.ones(len(inputs))])  # the bias is held by the ridge too
    kinds = np.repeat(np.arange(len(by_kind)), [len(group) for group in by_kind.values()])
    fitted = LogisticRegression(C=1 / (RIDGE * len(inputs)), fit_intercept=False, tol=1e-9, max_iter=5000)
    fitted.fit(design, kinds)
    return fitted.coef_[:, :-1] / spread, fitted.coef_[:, -1]


def answers(probe: Probe, embeddings: FloatArray) -> npt.NDArray[np.int64]:
    return np.asarray(posture_probabilities(embeddings, probe).argmax(-1), np.int64)


def passes(embedding: FloatArray, gate: Gate) -> bool:
    try:
        check_embedding(embedding, gate=gate, task=TASK, view=TASK.view("frontal"))
    except Refusal:
        return False
    return True


def passing_share(embeddings: FloatArray, gate: Gate) -> float:
    return float(np.mean([passes(embedding, gate) for embedding in embeddings]))


def measured(*, apart: float = 8.0, accepted: Mapping[str, FloatArray] | None = None) -> Gate:
    by_posture = clusters(apart=apart)
    return measure_gate(by_posture, accepted or {"all": by_posture["upright"]})


@pytest.mark.parametrize("apart", [0.5, 2.0, 8.0, 40.0])
def test_the_probe_is_the_regression_of_scikit_learn(apart: float) -> None:
    by_kind = clusters(apart=apart)

    probe = fit_probe(by_kind)

    weights, bias = regression(by_kind)
    np.testing.assert_allclose(probe.weights, weights, atol=1e-4)
    np.testing.assert_allclose(probe.bias, bias, atol=1e-4)


@pytest.mark.parametrize("apart", [0.5, 2.0, 8.0])
def test_the_probe_decides_as_scikit_learn_does(apart: float) -> None:
    by_kind, unseen = clusters(apart=apart), np.concatenate(list(clusters(apart=apart, seed=0).values()))
    unseen = unseen + np.random.default_rng(9).normal(0, 0.3, unseen.shape).astype(np.float32)

    decisions = answers(fit_probe(by_kind), unseen)

    weights, bias = regression(by_kind)
    scores = unseen @ weights.T + bias
    clear = np.diff(np.sort(scores)[:, -2:])[:, 0] > 1e-3
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(decisions[clear], scores.argmax(-1)[clear])


def test_the_probe_separates_clusters_that_lie_apart() -> None:
    probe = fit_probe(clusters(apart=8.0))

    for place, group in enumerate(clusters(apart=8.0).values()):
        assert (answers(probe, group) == place).all()


def test_the_probe_names_its_answers_in_the_order_that_it_was_given() -> None:
    probe = fit_probe(clusters(apart=2.0))

    assert probe.kinds == list(KINDS)
    assert (len(probe.weights), len(probe.weights[0]), len(probe.bias)) == (5, WIDTH, 5)
    assert probe.limit == SMALLEST_PROBE_LIMIT


def test_a_dimension_that_never_varies_does_no_harm() -> None:
    by_kind = {kind: np.column_stack([group, np.zeros(len(group))]) for kind, group in clusters(apart=8.0).items()}

    probe = fit_probe(by_kind)

    assert np.isfinite(probe.weights).all()
    assert (answers(probe, by_kind["inverted"].astype(np.float32)) == 4).all()


def test_the_distances_are_root_mean_squares() -> None:
    embeddings = np.array([[3, 4], [0, 0], [1, 1]], np.float32)

    assert distances(embeddings) == pytest.approx([np.sqrt(12.5), 0, 1])


def test_of_each_group_that_must_pass_nearly_all_pass() -> None:
    generator = np.random.default_rng(1)
    groups = {
        "sharp": clusters(apart=8.0)["upright"],
        "blurred": generator.normal(0, 1.3, (400, WIDTH)).astype(np.float32),
        "elsewhere": generator.normal(0.3, 1.0, (300, WIDTH)).astype(np.float32),
    }

    gate = measured(apart=12.0, accepted=groups)

    for group in groups.values():
        within = distances(group) <= gate.distance
        assert within.mean() >= PASSED_SHARE - 1 / len(group)
        assert passing_share(group, gate) >= 0.98, "at most 1 % by distance and 1 % by posture"


def test_the_distance_is_that_of_the_group_that_needs_the_most() -> None:
    near = np.random.default_rng(1).normal(0, 1, (500, WIDTH)).astype(np.float32)

    gate = measured(accepted={"near": near, "far": 2 * near})

    assert gate.distance == pytest.approx(np.quantile(distances(2 * near), PASSED_SHARE, method="higher"))


def test_the_reach_holds_the_films_that_lie_wrong() -> None:
    gate = measured(apart=8.0)

    turned = np.concatenate([group for kind, group in clusters(apart=8.0).items() if kind != "upright"])
    assert gate.reach == pytest.approx(np.quantile(distances(turned), PASSED_SHARE))


@pytest.mark.parametrize("kind", KINDS[1:])
def test_films_that_lie_wrong_are_refused_for_it(kind: str) -> None:
    gate = measured(apart=12.0)

    codes = []
    for embedding in clusters(apart=12.0)[kind]:
        with pytest.raises(Refusal) as caught:
            check_embedding(embedding, gate=gate, task=TASK, view=TASK.view("frontal"))
        codes.append(caught.value.code)

    assert codes.count(POSTURE_CODES[kind].value) > 0.95 * len(codes)


def test_the_probe_never_refuses_on_less_than_an_even_chance() -> None:
    gate = measured(apart=40.0)

    assert gate.posture is not None
    assert gate.posture.limit == SMALLEST_PROBE_LIMIT


def test_where_postures_lie_close_the_limit_rises_until_upright_films_pass() -> None:
    gate = measured(apart=1.0)

    upright = clusters(apart=1.0)["upright"]
    assert gate.posture is not None
    assert gate.posture.limit > SMALLEST_PROBE_LIMIT
    assert (posture_probabilities(upright, gate.posture)[:, 1:].max(1) >= gate.posture.limit).mean() < 0.01


def test_postures_are_those_that_the_gate_knows_with_the_upright_one_first() -> None:
    assert list(postures(TASK)) == ["upright", *POSTURE_CODES] == list(KINDS)


def test_an_upright_film_is_left_as_it_is() -> None:
    image = np.random.default_rng(0).random((1, 32, 32), np.float32)

    np.testing.assert_array_equal(postures(TASK)["upright"](image), image)


def test_turns_follow_each_other_by_quarters() -> None:
    image, changes = np.random.default_rng(0).random((1, 32, 32), np.float32), postures(TASK)

    turned = [changes[kind](image) for kind in KINDS[:4]]

    for before, after in pairwise([*turned, image]):
        np.testing.assert_array_equal(after[0], np.rot90(before[0]))
    assert not np.array_equal(turned[1], turned[3])


@pytest.mark.parametrize("channels", [1, 3])
def test_an_inverted_film_is_what_the_inverted_grey_values_give(channels: int) -> None:
    declared = Preprocess.model_validate(
        {
            **SQUARE.model_dump(),
            "channels": channels,
            "mean": [0.4, 0.5, 0.6][:channels],
            "std": [0.2, 0.3, 0.5][:channels],
        }
    )
    grey = np.random.default_rng(0).random((channels, 32, 32), np.float32)

    inverted = postures(TASK.model_copy(update={"preprocess": declared}))["inverted"](normalise(grey, declared))

    np.testing.assert_allclose(inverted, normalise(1 - grey, declared), atol=1e-5)


def test_where_no_posture_is_wrong_there_is_no_probe_and_nothing_beyond_the_limit_is_like_the_images() -> None:
    upright = clusters(apart=1.0)["upright"]

    gate = measure_gate({"upright": upright}, {"all": upright})

    assert gate.posture is None
    assert gate.reach == gate.distance
    assert (distances(upright) <= gate.distance).mean() >= PASSED_SHARE
    assert list(postures(TASK.model_copy(update={"wrong_postures": []}))) == ["upright"]


@pytest.mark.parametrize("n", [5, 20, 60])
def test_few_images_say_where_the_next_one_lies_as_often_as_promised(n: int) -> None:
    generator = np.random.default_rng(0)
    drawn = np.exp(0.5 + 0.2 * generator.normal(size=(4000, n + 1)))

    within = [after <= expected_within(seen) for *seen, after in drawn]

    assert np.mean(within) == pytest.approx(PASSED_SHARE, abs=0.004)


def test_the_bound_for_few_images_is_that_of_students_t() -> None:
    seen = np.exp(np.random.default_rng(0).normal(size=20))

    logs = np.log(seen)
    t = student.ppf(PASSED_SHARE, 19)
    assert np.log(expected_within(seen)) == pytest.approx(
        logs.mean() + t * logs.std(ddof=1) * np.sqrt(21 / 20), rel=1e-3
    )


def test_few_images_widen_the_gate_and_many_do_not() -> None:
    images = np.random.default_rng(0).normal(size=(FEW, WIDTH)).astype(np.float32)

    few, many = (measure_gate({"upright": group}, {"all": group}) for group in (images[: FEW - 1], images))

    assert few.distance == pytest.approx(expected_within(distances(images[: FEW - 1])))
    assert many.distance == pytest.approx(distances(images).max(), rel=1e-5)
