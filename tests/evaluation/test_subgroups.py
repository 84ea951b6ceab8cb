"""Groups are those of the index, measured where they are large enough, over labels that all of them have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from rakurs.evaluation.index import Studies
from rakurs.evaluation.subgroups import groups_of, score_groups

N = 200
LABELS = ["effusion", "mass"]


def studies(**traits: Any) -> Studies:
    n = len(next(iter(traits.values())))
    known = {"age": np.full(n, np.nan), "sex": np.full(n, None), "view_position": np.full(n, None), **traits}
    nothing = np.zeros((n, 1), bool)
    return Studies(
        names=[str(row) for row in range(n)], truth=nothing, patients=np.arange(n), films={}, rows={},
        traits={name: np.asarray(values) for name, values in known.items()}, boxes=[[] for _ in range(n)],
    )  # fmt: skip


def scored(groups: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    generator = np.random.default_rng(0)
    truth = generator.random((N, 2)) < 0.3
    told = {"truth": truth, "probability": np.clip(0.3 * truth + 0.7 * generator.random((N, 2)), 0, 1)}
    given = {**told, **changes}
    return score_groups(
        given["truth"], given["probability"], labels=LABELS, patients=np.arange(N), groups=groups, samples=50, seed=1
    )


def halves() -> dict[str, Any]:
    return {"sex": {"F": np.arange(N) < N // 2, "M": np.arange(N) >= N // 2}}


def test_ages_fall_into_bands_and_what_is_not_known_into_none() -> None:
    groups = groups_of(studies(age=np.array([17.9, 18, 39, 40, 80, 95, np.nan])))["age"]

    assert {name: np.flatnonzero(held).tolist() for name, held in groups.items()} == {
        "under 18": [0], "18-39": [1, 2], "40-59": [3], "80 and over": [4, 5]
    }  # fmt: skip


def test_traits_that_nobody_noted_make_no_groups() -> None:
    groups = groups_of(studies(sex=np.array(["F", None, "M", "F"], object)))

    assert list(groups) == ["sex"]
    assert {name: held.tolist() for name, held in groups["sex"].items()} == {
        "F": [True, False, False, True], "M": [False, False, True, False]
    }  # fmt: skip


def test_a_groups_area_is_scikit_learns_on_its_studies() -> None:
    generator = np.random.default_rng(3)
    truth, probability = generator.random((N, 2)) < 0.4, generator.random((N, 2))

    women = scored(halves(), truth=truth, probability=probability)[0]

    held = slice(0, N // 2)
    expected = [metrics.roc_auc_score(truth[held, axis], probability[held, axis]) for axis in (0, 1)]
    assert [women["auroc"][label]["value"] for label in LABELS] == pytest.approx(expected)
    assert women["mean"]["value"] == pytest.approx(np.mean(expected))
    assert (women["studies"], women["positives"]["mass"]) == (N // 2, int(truth[held, 1].sum()))


def test_a_label_that_one_group_lacks_is_in_no_groups_mean() -> None:
    truth = np.random.default_rng(0).random((N, 2)) < 0.3
    truth[: N // 2, 1] = False

    women, men = scored(halves(), truth=truth)

    assert women["auroc"]["mass"] is None
    assert men["auroc"]["mass"] is not None
    assert (women["mean_over"], men["mean_over"]) == (["effusion"], ["effusion"])
    assert men["mean"]["value"] == pytest.approx(men["auroc"]["effusion"]["value"])


def test_a_small_group_is_counted_not_measured_and_does_not_spoil_the_others() -> None:
    groups = {"sex": {"F": np.arange(N) < 10, "M": np.arange(N) >= 10}}

    women, men = scored(groups)

    assert (women["studies"], women["mean"], women["auroc"]["mass"]) == (10, None, None)
    assert men["mean_over"] == LABELS
    assert men["mean"]["low"] < men["mean"]["value"] < men["mean"]["high"]
