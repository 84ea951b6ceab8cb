"""Where exactly one label holds: accuracy, what is taken for what, and what withholding answers gives."""

import math

import numpy as np
import pytest
from sklearn import metrics

from rakurs.evaluation.answers import BoolArray, FloatArray
from rakurs.evaluation.choices import confusion, right, score_choices


def answered(n: int = 300) -> tuple[BoolArray, FloatArray]:
    generator = np.random.default_rng(0)
    is_label = generator.integers(0, 3, n)
    logits = generator.normal(size=(n, 3)) + 1.5 * np.eye(3)[is_label]
    powers = np.exp(logits)
    return np.eye(3, dtype=bool)[is_label], (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def test_confusion_is_scikit_learns() -> None:
    truth, probability = answered()

    counts = confusion(truth, probability)

    np.testing.assert_array_equal(counts, metrics.confusion_matrix(truth.argmax(1), probability.argmax(1)))


def test_the_interval_of_the_accuracy_is_that_of_a_proportion_where_patients_have_one_study() -> None:
    truth, probability = answered()
    share = metrics.accuracy_score(truth.argmax(1), probability.argmax(1))

    accuracy = score_choices(truth, probability, patients=np.arange(300), seed=1)["accuracy"]

    assert accuracy["value"] == pytest.approx(share)
    half = 1.96 * math.sqrt(share * (1 - share) / 300)
    assert (accuracy["high"] - accuracy["low"]) / 2 == pytest.approx(half, rel=0.1)


def test_the_error_is_the_accuracy_from_the_other_side() -> None:
    truth, probability = answered()

    scores = score_choices(truth, probability, patients=np.arange(300), samples=50, seed=1)

    assert scores["error"]["low"] == pytest.approx(1 - scores["accuracy"]["high"])
    assert scores["error"]["value"] == pytest.approx(np.mean(~right(truth, probability)))


def test_withheld_answers_are_neither_right_nor_wrong() -> None:
    truth, probability = answered()
    sure = probability.max(1) >= 0.8

    scores = score_choices(truth, probability, patients=np.arange(300), at_least=0.8, samples=20, seed=1)

    assert scores["answered"]["value"] == pytest.approx(sure.mean())
    assert scores["answered_error"]["value"] == pytest.approx(np.mean(~right(truth, probability)[sure]))
