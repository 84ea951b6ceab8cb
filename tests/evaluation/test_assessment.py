"""What is published of a pack is measured of its ONNX file, on the films of the split, beside the peer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from rakurs.evaluation.assessment import Assessment, assess
from rakurs.evaluation.index import read_index, split_of
from rakurs.inference.images import read_image
from rakurs.inference.read import load_reader, read_study
from rakurs.pack import Pack, read_pack
from rakurs.study import Study
from tests.evaluation.material import N, random_answers, without_positives, write_full_index, write_peer
from tests.labelled import silent
from tests.packs import LABELS, write_pack


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return read_pack(write_pack(tmp_path_factory.mktemp("pack") / "tiny"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full_index(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def found(pack: Pack, index: Path, *, tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    studies = split_of(read_index(index), pack.task, split="test")
    peer = write_peer(tmp_path_factory.mktemp("peer") / "peer.csv", studies, answers=random_answers(list(LABELS)))
    return assess(pack, studies, data_set="made up, test", peer=peer, progress=silent)


def test_a_pack_answers_films_as_it_reads_them(found: Assessment) -> None:
    reader = load_reader(found.pack, threads=1)
    files = found.studies.films["frontal"].files[:10]
    readings = [read_study(reader, Study(images={"frontal": read_image(file)})) for file in files]

    read = [[finding.probability for finding in reading.findings] for reading in readings]

    np.testing.assert_allclose(found.answers["tiny"][:10], read, rtol=1e-4)


def test_each_reader_is_scored_on_the_same_films(found: Assessment) -> None:
    told = [(table["reader"], table["data_set"], table["studies"], table["patients"]) for table in found.scores]

    assert told == [("tiny", "made up, test", N, N // 2), ("peer", "made up, test", N, N // 2)]


def test_the_areas_are_those_of_scikit_learn(found: Assessment) -> None:
    for table in found.scores:
        for axis, label in enumerate(LABELS):
            pair = found.studies.truth[:, axis], found.answers[table["reader"]][:, axis]
            assert table["labels"][label]["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(*pair))
            assert table["labels"][label]["auprc"]["value"] == pytest.approx(metrics.average_precision_score(*pair))
            assert table["labels"][label]["brier"] == pytest.approx(metrics.brier_score_loss(*pair))


def test_only_the_pack_is_called_by_its_measured_thresholds(found: Assessment) -> None:
    of_pack, of_peer = (table["labels"] for table in found.scores)

    for axis, label in enumerate(LABELS):
        called = found.answers["tiny"][:, axis] >= 0.5  # what tests.packs writes for "specific"
        truth = found.studies.truth[:, axis]
        point = of_pack[label]["operating_points"]["specific"]
        assert point["sensitivity"]["value"] == pytest.approx(called[truth].mean())
        assert point["specificity"]["value"] == pytest.approx((~called[~truth]).mean())
        assert point["called"] == called.sum()
        assert point["npv"]["value"] == pytest.approx((~truth[~called]).mean())
        assert of_peer[label]["operating_points"] == {}


def test_groups_and_boxes_of_the_index_are_measured(found: Assessment) -> None:
    assert {row["trait"] for row in found.groups} == {"sex", "age", "view_position"}
    (of_label, of_all) = found.located["frontal"]
    assert (of_label["label"], of_label["images"], of_all["images"]) == ("mass", N // 3, N // 3)


def test_what_is_recorded_is_json(found: Assessment) -> None:
    assert json.loads(json.dumps(found.scores, allow_nan=False)) == found.scores


def test_a_label_without_positives_is_told_and_spares_the_rest(pack: Pack, index: Path, *, tmp_path: Path) -> None:
    path = without_positives(read_index(index), "mass", path=tmp_path / "index.parquet")
    studies = split_of(read_index(path), pack.task, split="test")

    found = assess(pack, studies, data_set="made up", peer=None, progress=silent)

    assert found.not_measurable == ["mass"]
    assert found.scores[0]["labels"]["mass"]["auroc"] == {"value": None, "low": None, "high": None}
    assert found.scores[0]["mean"]["auroc"]["value"] is not None
    assert found.located == {}


def test_a_pack_of_which_nothing_was_measured_is_assessed_without_operating_points(index: Path, tmp_path: Path) -> None:
    pack = read_pack(write_pack(tmp_path / "tiny", measured=False))
    studies = split_of(read_index(index), pack.task, split="test")

    found = assess(pack, studies, data_set="made up", peer=None, progress=silent)

    assert found.scores[0]["labels"]["mass"]["operating_points"] == {}
