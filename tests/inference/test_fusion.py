"""From the views' logits to one probability: a missing view changes nothing, and nothing overflows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from scipy.special import expit, softmax  # type: ignore[import-untyped]

from rakurs.inference.fusion import activate, calibrate, fuse
from rakurs.pack import Calibration, Measured
from rakurs.study import FloatArray
from rakurs.task import Task
from tests.packs import LABELS

FRONTAL = np.array([0.3, -1.7, 2.9, 1e-3], np.float32)
LATERAL = np.array([-0.6, 4.1, 0.2, -7.0], np.float32)
TASK = Task.model_validate(
    {
        "schema": 1,
        "name": "tiny",
        "version": "1",
        "title": {"en": "Tiny"},
        "intended_use": {"en": "Tests"},
        "activation": "sigmoid",
        "preprocess": {"channels": 1, "rows": 64, "columns": 64, "fit": "pad", "mean": [0.5], "std": [0.25]},
        "views": [{"name": "frontal", "required": True}],
        "labels": [{"name": name} for name in LABELS],
    }
)
EXCLUSIVE = TASK.model_copy(update={"activation": "softmax"})
FINITE = of_numpy.arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32))


def measured(**parts: object) -> Measured:
    return Measured.model_validate({"date": "2025-01-31", "networks": {}, **parts})


def scaled(*pairs: tuple[float, float]) -> dict[str, Calibration]:
    """A calibration of each label, written in the reverse order of the task."""
    entries = [
        (label, Calibration(slope=slope, intercept=intercept))
        for label, (slope, intercept) in zip(LABELS, pairs, strict=True)
    ]
    return dict(reversed(entries))


def test_calibration_scales_each_label_by_its_own_numbers() -> None:
    of_view = scaled((1.0, 0.0), (2.0, 0.5), (0.5, -1.0), (1.5, 3.0))

    calibrated = calibrate(
        np.array([1.0, 1.0, 4.0, -2.0], np.float32),
        view="lateral",
        task=TASK,
        measured=measured(calibration={"frontal": scaled(*[(9.0, 9.0)] * 4), "lateral": of_view}),
    )

    np.testing.assert_allclose(calibrated, [1.0, 2.5, 1.0, 0.0])
    assert calibrated.dtype == np.float32


def test_calibration_takes_many_studies_at_once() -> None:
    known = measured(calibration={"frontal": scaled((1.0, 0.0), (2.0, 0.5), (0.5, -1.0), (1.5, 3.0))})

    together = calibrate(np.stack([FRONTAL, LATERAL]), view="frontal", task=TASK, measured=known)

    alone = [calibrate(logits, view="frontal", task=TASK, measured=known) for logits in (FRONTAL, LATERAL)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("known", [None, measured()], ids=["nothing", "no calibration"])
def test_logits_stay_as_they_are_where_no_calibration_was_measured(known: Measured | None) -> None:
    calibrated = calibrate(FRONTAL, view="frontal", task=TASK, measured=known)

    np.testing.assert_array_equal(calibrated, FRONTAL)


@pytest.mark.parametrize("known", [None, measured(fusion={"frontal": 0.1, "lateral": 0.7})], ids=["nothing", "weights"])
@pytest.mark.parametrize(("view", "logits"), [("frontal", FRONTAL), ("lateral", LATERAL)])
def test_one_view_absent_gives_exactly_the_other_views_logits(
    known: Measured | None, view: str, *, logits: FloatArray
) -> None:
    fused = fuse({view: logits}, known)

    np.testing.assert_array_equal(fused, logits)


@pytest.mark.parametrize("weights", [(0.75, 0.25), (1.0, 0.5)], ids=["a mean", "surer together"])
def test_two_views_are_weighed_as_measured(weights: tuple[float, float]) -> None:
    known = measured(fusion=dict(zip(("frontal", "lateral"), weights, strict=True)))

    fused = fuse({"frontal": FRONTAL, "lateral": LATERAL}, known)

    np.testing.assert_allclose(fused, weights[0] * FRONTAL + weights[1] * LATERAL, rtol=1e-6)
    assert fused.dtype == np.float32


def test_with_one_of_three_views_missing_the_others_keep_their_ratio_and_half_of_what_agreement_adds() -> None:
    known = measured(fusion={"frontal": 0.6, "lateral": 0.3, "oblique": 0.9})

    fused = fuse({"frontal": FRONTAL, "lateral": LATERAL}, known)

    np.testing.assert_allclose(fused, 1.4 * (2 / 3 * FRONTAL + 1 / 3 * LATERAL), rtol=1e-6)


def test_views_whose_weights_were_not_measured_count_alike() -> None:
    fused = fuse({"frontal": FRONTAL, "lateral": LATERAL}, None)

    np.testing.assert_allclose(fused, (FRONTAL + LATERAL) / 2, rtol=1e-6)


def test_the_order_of_the_views_does_not_matter() -> None:
    known = measured(fusion={"frontal": 0.9, "lateral": 0.3})

    fused = fuse({"lateral": LATERAL, "frontal": FRONTAL}, known)

    np.testing.assert_allclose(fused, fuse({"frontal": FRONTAL, "lateral": LATERAL}, known), rtol=1e-6)


@given(FINITE)
def test_labels_that_stand_alone_have_the_logistic_function_of_scipy(logits: FloatArray) -> None:
    probability = activate(logits, TASK)

    np.testing.assert_allclose(probability, expit(logits.astype(np.float64)), rtol=1e-6, atol=1e-30)


@given(FINITE)
def test_labels_that_exclude_each_other_have_the_softmax_of_scipy(logits: FloatArray) -> None:
    probability = activate(logits, EXCLUSIVE)

    np.testing.assert_allclose(probability, softmax(logits.astype(np.float64), axis=-1), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(probability.sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("largest", [np.finfo(np.float32).max, np.inf])
def test_extreme_logits_of_labels_that_stand_alone_do_not_overflow(largest: float) -> None:
    probability = activate(np.array([-largest, 0, largest, 88.0], np.float32), TASK)

    np.testing.assert_allclose(probability, [0, 0.5, 1, 1], atol=1e-30)


def test_extreme_logits_of_labels_that_exclude_each_other_do_not_overflow() -> None:
    largest = np.finfo(np.float32).max

    probability = activate(np.array([-largest, 0, largest, largest], np.float32), EXCLUSIVE)

    np.testing.assert_array_equal(probability, [0, 0, 0.5, 0.5])
