"""Packs of different tasks read the same films, and are compared by what their labels mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rakurs.errors import UsageError
from rakurs.evaluation.comparison import MEAN
from rakurs.evaluation.comparison_report import verdict, write_comparison
from rakurs.evaluation.index import Index, read_index, split_of
from rakurs.evaluation.readers import compare_packs, reader_names
from rakurs.pack import Pack, read_pack
from tests.evaluation.material import random_answers, write_peer
from tests.labelled import rows_of, silent, write_films
from tests.packs import LABELS, task_text, write_pack

NAMES = list(LABELS)
N = 40


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return read_index(write_films(tmp_path_factory.mktemp("films"), rows_of("test", N)))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return read_pack(write_pack(tmp_path_factory.mktemp("packs") / "first", measured=False))


def reordered(pack: Pack, folder: Path, *, order: Sequence[int]) -> Pack:
    """The same network and task with the labels in another order."""
    folder.mkdir()
    names = [NAMES[place] for place in order]
    (folder / "task.toml").write_text(task_text(["frontal"], names, side=64), encoding="utf-8")
    model = onnx.load(pack.folder / "frontal.onnx")
    for tensor in model.graph.initializer:
        if tensor.name in {"linear", "bias", "linear_as_kernels"}:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[list(order)], tensor.name))
    onnx.checker.check_model(model)
    (folder / "frontal.onnx").write_bytes(model.SerializeToString())
    return read_pack(folder)


def other(folder: Path, *, changed: dict[str, str]) -> Pack:
    """A pack of other weights whose labels stand for these labels of the data set."""
    write_pack(folder, measured=False, seed=9)
    text = (folder / "task.toml").read_text(encoding="utf-8")
    for name, sources in changed.items():
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\nfrom = {sources}\n')
    (folder / "task.toml").write_text(text, encoding="utf-8")
    return read_pack(folder)


def test_the_same_network_with_its_labels_in_another_order_differs_in_nothing(
    pack: Pack, index: Index, *, tmp_path: Path
) -> None:
    turned = reordered(pack, tmp_path / "turned", order=[2, 0, 3, 1])

    found = compare_packs([pack, turned], index, split="test", data_set="made up", peer=None, progress=silent)

    np.testing.assert_allclose(found.answers["first"], found.answers["turned"], rtol=1e-5)
    assert [label.name for label in found.labels] == NAMES
    assert {one.gain.value for one in found.differences} == {0}


def test_only_labels_that_mean_the_same_are_compared_and_the_others_are_named(
    pack: Pack, index: Index, *, tmp_path: Path
) -> None:
    merged = other(tmp_path / "merged", changed={"other": '["other", "mass"]', "mass": '["Mass, large"]'})

    found = compare_packs([pack, merged], index, split="test", data_set="made up", peer=None, progress=silent)

    assert [label.name for label in found.labels] == ["effusion", "pneumothorax"]
    assert found.left_out == {"first": ["Mass", "Other"], "merged": ["Mass", "Other"]}
    np.testing.assert_array_equal(found.truth, split_of(index, pack.task, split="test").truth[:, [0, 2]])


def test_packs_that_share_no_label_are_refused(pack: Pack, index: Index, *, tmp_path: Path) -> None:
    changed = {name: f'["{name}", "{name} too"]' for name in NAMES}

    with pytest.raises(UsageError, match="share no label"):
        compare_packs(
            [pack, other(tmp_path / "else", changed=changed)],
            index,
            split="test",
            data_set="made up",
            peer=None,
            progress=silent,
        )


def test_one_reader_alone_is_refused(pack: Pack, index: Index) -> None:
    with pytest.raises(UsageError, match="Got 1 readers; expected 2 to 6"):
        compare_packs([pack], index, split="test", data_set="made up", peer=None, progress=silent)


def test_a_pack_is_compared_with_a_peer_and_told(pack: Pack, index: Index, *, tmp_path: Path) -> None:
    studies = split_of(index, pack.task, split="test")
    perfect = {name: studies.truth[:, axis].astype(float).tolist() for axis, name in enumerate(NAMES)}
    peer = write_peer(tmp_path / "peer.csv", studies, answers=perfect)
    found = compare_packs([pack], index, split="test", data_set="made up", peer=peer, progress=silent)

    path = write_comparison(found, tmp_path / "out", when=datetime(2026, 1, 2, tzinfo=UTC))

    mean = next(one for one in found.differences if (one.label, one.measure) == (MEAN, "auroc"))
    assert verdict(mean) == "peer is better"
    told = (path.parent / "report.md").read_text(encoding="utf-8")
    assert f"Mean, AUROC, first and peer: peer is better by {mean.gain.value:.3f}" in told
    assert f"| {mean.first:.3f} | 1.000 |" in told
    assert {file.name for file in path.parent.glob("roc*.svg")} == {"roc.svg", *(f"roc-{name}.svg" for name in NAMES)}


def test_three_readers_are_drawn_against_the_first(pack: Pack, index: Index, *, tmp_path: Path) -> None:
    studies = split_of(index, pack.task, split="test")
    peer = write_peer(tmp_path / "peer.csv", studies, answers=random_answers(NAMES, n=N))
    packs = [pack, read_pack(write_pack(tmp_path / "second", measured=False, seed=5))]
    found = compare_packs(packs, index, split="test", data_set="made up", peer=peer, progress=silent)

    path = write_comparison(found, tmp_path / "out", when=datetime(2026, 1, 2, tzinfo=UTC))

    drawn = (path.parent / "differences.svg").read_text(encoding="utf-8")
    assert ["<!-- second - first -->" in drawn, "<!-- peer - second -->" in drawn] == [True, False]
    assert found.pairs == [("first", "second"), ("first", "peer"), ("second", "peer")]


def test_packs_are_called_by_their_folders_and_by_their_parents_where_those_are_alike(tmp_path: Path) -> None:
    names = reader_names([tmp_path / "a" / "pack", tmp_path / "b" / "pack", tmp_path / "other"])

    assert names == ["a/pack", "b/pack", "other"]


def test_the_same_pack_twice_is_refused(pack: Pack) -> None:
    with pytest.raises(UsageError, match="same pack twice"):
        reader_names([pack.folder, pack.folder / ".." / pack.folder.name])
