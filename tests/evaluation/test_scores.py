"""The published table: complete, JSON, and made of the measures it names."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray, Float64Array
from rakurs.evaluation.intervals import bootstrap_interval
from rakurs.evaluation.ranking import auroc
from rakurs.evaluation.scores import score_labels

LABELS = ["effusion", "mass"]
PATIENTS = np.repeat(np.arange(60), 2)


def answers(*, seed: int = 0) -> tuple[BoolArray, Float64Array]:
    """120 films of 60 patients with two labels, answered better than by chance."""
    generator = np.random.default_rng(seed)
    truth = generator.random((120, 2)) < [0.3, 0.1]
    return truth, 1 / (1 + np.exp(2 - 2 * truth - generator.normal(size=(120, 2))))


def scored(**changes: Any) -> dict[str, Any]:
    truth, probability = answers()
    told = {
        "truth": truth,
        "probability": probability,
        "labels": LABELS,
        "patients": PATIENTS,
        "thresholds": {"sensitive": {"effusion": 0.1, "mass": 0.05}},
        "samples": 50,
        "seed": 3,
    }
    return score_labels(**{**told, **changes})


def test_every_label_has_every_number() -> None:
    table = scored()

    point = table["labels"]["mass"]["operating_points"]["sensitive"]
    assert list(table["labels"]) == LABELS
    assert set(table["labels"]["mass"]) == {"positives", "auroc", "auprc", "ece", "brier", "operating_points"}
    assert set(point) == {"threshold", "sensitivity", "specificity", "called", "ppv", "npv"}
    assert set(point["sensitivity"]) == {"value", "low", "high"}
    assert set(table["mean"]) == {"auroc", "auprc", "ece", "brier"}


def test_the_areas_are_those_of_scikit_learn() -> None:
    truth, probability = answers()

    table = scored()

    for column, label in enumerate(LABELS):
        pair = truth[:, column], probability[:, column]
        assert table["labels"][label]["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(*pair))
        assert table["labels"][label]["auprc"]["value"] == pytest.approx(metrics.average_precision_score(*pair))


def test_the_mean_is_the_mean_of_the_labels() -> None:
    table = scored()

    values = [table["labels"][label]["auroc"]["value"] for label in LABELS]
    assert table["mean"]["auroc"]["value"] == pytest.approx(np.mean(values))


def test_the_bounds_are_those_of_the_bootstrap_by_patient() -> None:
    truth, probability = answers()
    expected = bootstrap_interval(
        lambda index: auroc(truth[index, 0], probability[index, 0]), groups=PATIENTS, samples=50, seed=3
    )

    table = scored()

    bounds = table["labels"]["effusion"]["auroc"]
    assert (bounds["low"], bounds["high"]) == pytest.approx((expected.low, expected.high))


def test_a_label_without_positives_is_json_and_spares_the_mean() -> None:
    truth, _ = answers()
    truth[:, 1] = False

    table = json.loads(json.dumps(scored(truth=truth), allow_nan=False))

    assert table["labels"]["mass"]["auroc"] == {"value": None, "low": None, "high": None}
    assert table["mean"]["auroc"] == table["labels"]["effusion"]["auroc"]


def test_labels_that_all_lack_a_class_have_no_mean() -> None:
    table = scored(truth=np.zeros((120, 2), bool))

    assert table["mean"]["auroc"] == {"value": None, "low": None, "high": None}


def test_a_label_that_a_point_leaves_out_is_left_out() -> None:
    table = scored(thresholds={"specific": {"mass": 0.9}})

    assert table["labels"]["effusion"]["operating_points"] == {}
    assert table["labels"]["mass"]["operating_points"]["specific"]["threshold"] == 0.9


def test_a_threshold_for_an_unknown_label_is_refused() -> None:
    with pytest.raises(UsageError, match="thresholds for hernia"):
        scored(thresholds={"sensitive": {"hernia": 0.5}})


@pytest.mark.parametrize("changes", [{"labels": ["mass"]}, {"patients": PATIENTS[1:]}, {"probability": np.zeros(120)}])
def test_shapes_that_do_not_agree_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="one label for each column"):
        scored(**changes)
