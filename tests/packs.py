"""Small packs for tests: random networks that keep the contract, built with the `onnx` package alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS: Mapping[str, tuple[str, str, tuple[str, str, str] | None]] = {
    "effusion": ("Pleural effusion", "Плевральный выпот", ("SCT", "60046008", "Pleural effusion")),
    "mass": ("Mass", "Образование", ("SCT", "309529002", "Lung mass")),
    "pneumothorax": ("Pneumothorax", "Пневмоторакс", ("SCT", "36118008", "Pneumothorax")),
    "other": ("Other", "Прочее", None),
}
VIEWS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "frontal": ("Frontal", "Прямая проекция", ("PA", "AP")),
    "lateral": ("Lateral", "Боковая проекция", ("LL", "RL", "LATERAL")),
}
CHANNELS, STRIDE = 8, 8
OPEN_GATE: Mapping[str, Any] = {"distance": 1e6, "reach": 1e6, "posture": None}


def write_pack(
    folder: Path,
    *,
    views: Sequence[str] = ("frontal",),
    labels: Sequence[str] = tuple(LABELS),
    side: int = 64,
    measured: bool = True,
    gate: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """Write a pack into `folder`: the first of `views` is required, inputs are `side` x `side` grey pixels.

    The same arguments give the same bytes. With `measured` it has a calibration, operating points and a
    gate with the limits in `gate`, else one that refuses nothing; without, no measured.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(task_text(views, labels, side=side), encoding="utf-8")
    (folder / "README.md").write_text("# A pack for tests\n\nIt knows nothing.\n", encoding="utf-8")
    for number, view in enumerate(views):
        network = random_network(len(labels), side=side, seed=seed + number)
        (folder / f"{view}.onnx").write_bytes(network.SerializeToString(deterministic=True))
    if measured:
        content = measurements(folder, views=views, labels=labels, gate=gate)
        (folder / "measured.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def task_text(views: Sequence[str], labels: Sequence[str], *, side: int) -> str:
    """A task.toml with these of `VIEWS` and `LABELS` and two operating points."""
    parts = [
        f"""schema = 1
name = "tiny"
version = "1"
title = {{ en = "Tiny chest radiograph", ru = "Крошечная рентгенограмма" }}
intended_use = {{ en = "For tests only.", ru = "Только для тестов." }}
modalities = ["CR", "DX"]
activation = "sigmoid"
without = ["No Finding"]
wrong_postures = ["turned-90", "turned-180", "turned-270", "inverted"]

[preprocess]
channels = 1
rows = {side}
columns = {side}
fit = "pad"
mean = [0.5]
std = [0.25]
"""
    ]
    parts += [_view_text(name, required=name == views[0]) for name in views]
    parts += [_label_text(name) for name in labels]
    parts += [_point_text("sensitive", "sensitivity"), _point_text("specific", "specificity")]
    return "\n".join(parts)


def _view_text(name: str, *, required: bool) -> str:
    english, russian, dicom = VIEWS[name]
    return (
        f'[[views]]\nname = "{name}"\ntitle = {{ en = "{english}", ru = "{russian}" }}\n'
        f"required = {str(required).lower()}\ndicom = {json.dumps(dicom)}\n"
    )


def _label_text(name: str) -> str:
    english, russian, code = LABELS[name]
    text = f'[[labels]]\nname = "{name}"\ntitle = {{ en = "{english}", ru = "{russian}" }}\n'
    return text + (f"code = {json.dumps(code)}\n" if code else "")


def _point_text(name: str, criterion: str) -> str:
    return f'[[operating_points]]\nname = "{name}"\ncriterion = "{criterion}"\nat_least = 0.95\n'


def random_network(labels: int, *, side: int = 64, seed: int = 0, batch: str | int = "n") -> onnx.ModelProto:
    """A network of random weights: one convolution, global average pooling, one linear layer, and Grad-CAM of it."""
    weights = np.random.default_rng(seed)
    linear = weights.normal(0, 1, (labels, CHANNELS)).astype(np.float32)
    constants = {
        "kernels": weights.normal(0, 1 / STRIDE, (CHANNELS, 1, STRIDE, STRIDE)).astype(np.float32),
        "linear": linear,
        "bias": weights.normal(-1, 1, labels).astype(np.float32),
        "linear_as_kernels": linear[:, :, None, None],
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernels"], ["convolved"], strides=[STRIDE, STRIDE]),
        helper.make_node("Relu", ["convolved"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "linear", "bias"], ["logits"], transB=1),
        helper.make_node("Conv", ["maps", "linear_as_kernels"], ["weighted"]),
        helper.make_node("Relu", ["weighted"], ["heat_maps"]),
    ]
    shapes: dict[str, list[str | int]] = {
        "logits": [batch, labels],
        "heat_maps": [batch, labels, side // STRIDE, side // STRIDE],
        "embedding": [batch, CHANNELS],
    }
    return as_model(nodes, inputs={"image": [batch, 1, side, side]}, outputs=shapes, constants=constants)


def as_model(
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Mapping[str, Sequence[str | int]],
    outputs: Mapping[str, Sequence[str | int]],
    constants: Mapping[str, npt.NDArray[np.float32]],
) -> onnx.ModelProto:
    """A model of float32 inputs and outputs of the given shapes."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def measurements(
    folder: Path,
    *,
    views: Sequence[str],
    labels: Sequence[str],
    gate: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of a measured.json for the networks that lie in `folder`."""
    thresholds = {"sensitive": 0.1, "specific": 0.5}
    interval = {"value": 0.95, "low": 0.9, "high": 0.98}
    return {
        "schema": 1,
        "date": "2025-01-31",
        "networks": {
            view: f"sha256:{hashlib.sha256((folder / f'{view}.onnx').read_bytes()).hexdigest()}" for view in views
        },
        "validation": {"data_set": "made up", "studies": 100, "prevalence": dict.fromkeys(labels, 0.05)},
        "calibration": {view: {label: {"slope": 0.5, "intercept": -1.0} for label in labels} for view in views},
        "fusion": {view: 2 * place / (len(views) * (len(views) + 1)) for place, view in enumerate(views, start=1)},
        "operating_points": {
            point: {
                label: {"threshold": threshold, "sensitivity": interval, "specificity": interval} for label in labels
            }
            for point, threshold in thresholds.items()
        },
        "gate": {view: {**OPEN_GATE, **(gate or {})} for view in views},
        "scores": [],
    }
