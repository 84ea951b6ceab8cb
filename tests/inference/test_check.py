"""The rules that a pack must keep, each broken once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rakurs.inference.check import check_pack, is_snomed_concept
from rakurs.task import read_task
from tests.packs import LABELS, random_network, write_pack

CONTRACT = "frontal: the network's names, types, axes, labels and input size are those of the contract."
SHIPPED = sorted((Path(__file__).parents[2] / "packs").glob("*/task.toml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "tiny", views=("frontal", "lateral"))


def broken(folder: Path) -> list[str]:
    return [check.rule for check in check_pack(folder) if not check.passed]


def replace_network(folder: Path, model: onnx.ModelProto) -> None:
    """Put another network in; without measurements, whose checksums would speak first."""
    (folder / "measured.json").unlink()
    (folder / "frontal.onnx").write_bytes(model.SerializeToString())


def change_measured(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    measured = json.loads((folder / "measured.json").read_text())
    change(measured)
    (folder / "measured.json").write_text(json.dumps(measured))


def test_a_good_pack_keeps_every_rule(folder: Path) -> None:
    checks = check_pack(folder)
    assert [check for check in checks if not check.passed] == []
    assert len({check.rule for check in checks}) == len(checks)
    assert all(check.rule.endswith(".") for check in checks)


def test_a_pack_without_measurements_keeps_the_rules_and_says_what_that_means(tmp_path: Path) -> None:
    checks = check_pack(write_pack(tmp_path / "bare", measured=False))
    assert all(check.passed for check in checks)
    assert any("calibrated: false" in check.detail for check in checks)


def test_a_folder_without_a_task_breaks_the_first_rule(tmp_path: Path) -> None:
    assert broken(tmp_path)[0] == "The task file is valid."


def test_a_missing_card_is_found(folder: Path) -> None:
    (folder / "README.md").unlink()
    assert broken(folder) == ["A model card, README.md, says what the pack is for and how well it does it."]


def test_a_missing_network_is_found(folder: Path) -> None:
    (folder / "frontal.onnx").unlink()
    assert "Every required view has a network." in broken(folder)


def test_another_network_than_the_measured_one_is_found(folder: Path) -> None:
    (folder / "frontal.onnx").write_bytes(random_network(len(LABELS), seed=99).SerializeToString())
    assert broken(folder) == ["Task, networks and measurements agree, checksums included."]


def test_a_mistyped_code_is_found(folder: Path) -> None:
    task = folder / "task.toml"
    task.write_text(task.read_text().replace("36118008", "36118009"))
    assert broken(folder) == ["SNOMED CT codes have a valid check digit."]


def test_a_missing_english_title_is_found(folder: Path) -> None:
    task = folder / "task.toml"
    task.write_text(task.read_text().replace('en = "Mass", ', ""))
    assert broken(folder) == ["Task, views and labels have titles in English."]


@pytest.mark.parametrize(
    "change",
    [
        lambda measured: measured["gate"].pop("lateral"),
        lambda measured: measured["operating_points"].pop("specific"),
        lambda measured: measured.update(calibration=None, fusion={}),
    ],
    ids=["gate", "operating point", "calibration"],
)
def test_measurements_that_do_not_cover_the_pack_are_found(
    change: Callable[[dict[str, Any]], object], folder: Path
) -> None:
    change_measured(folder, change)
    assert broken(folder) == ["Calibration, thresholds, fusion and gate cover every view, label and operating point."]


def test_a_network_of_another_input_size_is_found(folder: Path) -> None:
    replace_network(folder, random_network(len(LABELS), side=128))
    assert broken(folder) == [CONTRACT]


def test_a_network_of_other_labels_is_found(folder: Path) -> None:
    replace_network(folder, random_network(len(LABELS) + 1))
    assert broken(folder) == [CONTRACT]


def test_a_network_that_takes_only_one_image_is_found(folder: Path) -> None:
    replace_network(folder, random_network(len(LABELS), batch=1))
    assert "frontal: two images in one batch get the answers that they get alone." in broken(folder)


def test_a_network_that_looks_across_the_batch_is_found(folder: Path) -> None:
    replace_network(folder, _with_logits(random_network(len(LABELS)), "ReduceMean", axes=[0], keepdims=1))
    assert "frontal: two images in one batch get the answers that they get alone." in broken(folder)


def test_a_network_that_answers_at_random_is_found(folder: Path) -> None:
    replace_network(folder, _with_logits(random_network(len(LABELS)), "RandomNormalLike"))
    assert "frontal: the same image gets the same answer twice." in broken(folder)


def test_logits_that_are_not_finite_are_found(folder: Path) -> None:
    replace_network(folder, _with_logits(random_network(len(LABELS)), "Log"))
    assert "frontal: logits are finite." in broken(folder)


def test_heat_maps_that_are_negative_are_found(folder: Path) -> None:
    model = random_network(len(LABELS))
    model.graph.node[-1].op_type = "Identity"
    replace_network(folder, model)
    assert broken(folder) == ["frontal: heat maps are finite, not negative, and have more than one cell."]


def test_heat_maps_of_one_cell_are_found(folder: Path) -> None:
    model = random_network(len(LABELS))
    model.graph.node[-1].output[0] = "fine"
    model.graph.node.append(helper.make_node("GlobalAveragePool", ["fine"], ["heat_maps"]))
    _shape_of(model, "heat_maps", shape=["n", len(LABELS), 1, 1])
    replace_network(folder, model)
    assert broken(folder) == ["frontal: heat maps are finite, not negative, and have more than one cell."]


def test_answers_in_another_type_are_found(folder: Path) -> None:
    model = random_network(len(LABELS))
    model.graph.node[-1].output[0] = "single"
    model.graph.node.append(helper.make_node("Cast", ["single"], ["heat_maps"], to=TensorProto.DOUBLE))
    [value] = [value for value in model.graph.output if value.name == "heat_maps"]
    value.type.tensor_type.elem_type = TensorProto.DOUBLE
    replace_network(folder, model)
    assert broken(folder) == [CONTRACT]


def test_a_network_that_fails_on_black_or_white_is_found(folder: Path) -> None:
    model = random_network(len(LABELS))
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", ["image"], ["bright"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("ReduceMin", ["image"], ["dark"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Sub", ["bright", "dark"], ["contrast"]),
            helper.make_node("Unsqueeze", ["contrast", "axis"], ["divisor"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    replace_network(folder, _with_logits(model, "Div", "divisor"))
    assert broken(folder) == ["frontal: a black and a white image are answered with finite numbers."]


def _with_logits(model: onnx.ModelProto, operation: str, *more: str, **attributes: Any) -> onnx.ModelProto:
    """The network with one more operation on its logits."""
    [node] = [node for node in model.graph.node if "logits" in node.output]
    node.output[0] = "plain_logits"
    model.graph.node.append(helper.make_node(operation, ["plain_logits", *more], ["logits"], **attributes))
    return model


def _shape_of(model: onnx.ModelProto, name: str, *, shape: list[str | int]) -> None:
    [value] = [value for value in model.graph.output if value.name == name]
    value.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


@pytest.mark.parametrize(
    "code",
    ["46621007", "8186001", "60046008", "309529002", "786838002", "233604007", "36118008", "168537006", "39607008"],
)
def test_a_concept_of_snomed_ct_is_one(code: str) -> None:
    assert is_snomed_concept(code)


@pytest.mark.parametrize(
    "code", ["46621008", "46612007", "", "x", "1234", "046621007", "754786011", "４６６２１００７"]
)
def test_what_is_no_concept_of_snomed_ct_is_none(code: str) -> None:
    assert not is_snomed_concept(code)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_a_shipped_task_has_only_codes_that_may_exist(path: Path) -> None:
    codes = [label.code for label in read_task(path).labels if label.code]
    assert all(scheme != "SCT" or is_snomed_concept(value) for scheme, value, _ in codes)
