"""One network in four forms: float32 and int8, run by ONNX Runtime and by OpenVINO."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from rakurs.inference.network import INPUT, OUTPUTS, load_network
from rakurs.pack import NetworkFile, digest_of
from rakurs.study import FloatArray
from rakurs.task import Task

ONNX, OPENVINO = "ONNX Runtime, float32", "OpenVINO, float32"
ONNX_INT8, OPENVINO_INT8 = "ONNX Runtime, int8, static", "OpenVINO, int8, NNCF mixed"
FLOAT_OF = {ONNX_INT8: ONNX, OPENVINO_INT8: OPENVINO}
"""What each form in int8 was made from."""

ONNX_LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
OPENVINO_LAYERS = frozenset({"Convolution", "GroupConvolution", "MatMul"})

Run = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Prepared images (n, channels, rows, columns) -> logits (n, labels), heat maps (n, labels, h, w)."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network in one form: how to run it, and the bytes of its files."""

    run: Run
    size: int


class Calibration(CalibrationDataReader):
    """Prepared films, one at a time, as ONNX Runtime takes them."""

    def __init__(self, images: Sequence[FloatArray]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, FloatArray] | None:
        """The next film (1, channels, rows, columns), or None behind the last."""
        image = next(self._images, None)
        return None if image is None else {INPUT: image[None]}


def onnx_networks(file: Path, images: Sequence[FloatArray], *, task: Task, threads: int) -> dict[str, Network]:
    """By ONNX Runtime, as Rakurs runs it; `images` (channels, rows, columns) calibrate. Writes beside the file."""
    small = _quantised_onnx(file, images, folder=file.parent)
    return {name: _onnx_network(one, task=task, threads=threads) for name, one in ((ONNX, file), (ONNX_INT8, small))}


def _onnx_network(file: Path, *, task: Task, threads: int) -> Network:
    network = load_network(NetworkFile(path=file, digest=digest_of(file)), task, threads=threads)

    def run(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        answers = network.run(images)
        return answers.logits, answers.heat_maps

    return Network(run, size=file.stat().st_size)


def _quantised_onnx(file: Path, images: Sequence[FloatArray], *, folder: Path) -> Path:
    """Weights per channel in int8, activations in uint8, ranges between the extremes met while calibrating."""
    inferred, out = folder / "inferred.onnx", folder / "int8.onnx"
    with _quiet():
        quant_pre_process(file, inferred, skip_symbolic_shape=True)
        quantize_static(
            inferred,
            out,
            Calibration(images),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_onnx_ends(onnx.load(inferred)),
        )
    return out


def _onnx_ends(model: onnx.ModelProto) -> list[str]:
    """The names of the last layers with weights before each output."""
    maker = {output: node for node in model.graph.node for output in node.output}
    found = []
    for output in model.graph.output:
        node = maker.get(output.name)
        while node is not None and node.op_type not in ONNX_LAYERS:
            node = next((maker[name] for name in node.input if name in maker), None)
        found += [node.name] if node is not None else []
    return found


def openvino_networks(file: Path, images: Sequence[FloatArray], *, threads: int) -> dict[str, Network]:
    """By OpenVINO, float32 and quantised by NNCF; `images` calibrate. Writes beside the file.

    Raises:
        ImportError: OpenVINO or NNCF is not installed.
    """
    import nncf  # noqa: PLC0415 - may be missing
    import openvino  # noqa: PLC0415

    with _quiet():
        model = openvino.convert_model(file)
        small = nncf.quantize(
            model,
            nncf.Dataset([image[None] for image in images]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            ignored_scope=nncf.IgnoredScope(names=_openvino_ends(model)),
        )
    forms = ((OPENVINO, model, "float32.xml"), (OPENVINO_INT8, small, "int8.xml"))
    return {name: _openvino_network(one, file.with_name(to), threads=threads) for name, one, to in forms}


def _openvino_ends(model: Any) -> list[str]:
    """The names of the last layers with weights before each output."""
    found = []
    for result in model.get_results():
        node = result
        while node.get_type_name() not in OPENVINO_LAYERS and node.get_input_size():
            node = node.input_value(0).get_node()
        found += [node.get_friendly_name()] if node.get_type_name() in OPENVINO_LAYERS else []
    return sorted(set(found))


def _openvino_network(model: Any, path: Path, *, threads: int) -> Network:
    import openvino  # noqa: PLC0415

    openvino.save_model(model, path, compress_to_fp16=False)
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)

    def run(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        answers = compiled({INPUT: images})
        return answers[OUTPUTS[0]].copy(), answers[OUTPUTS[1]].copy()

    return Network(run, size=path.stat().st_size + path.with_suffix(".bin").stat().st_size)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and the remarks of the quantisers."""
    logging.disable(logging.WARNING)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)
