"""The rate of this machine: the same matrix product by several libraries, of which the fastest counts.

One library does not do: on a processor with AVX-512 that is not Intel's, numpy's OpenBLAS and torch's MKL may take
kernels for AVX2, of half the rate, and a network would then run "faster than the machine".
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from timing import Times

from rakurs.study import FloatArray

SIDES = (1024, 2048)
"""Rows and columns of the matrices."""

Products = dict[str, Callable[[], object]]


def products(*, threads: int) -> Products:
    """The products by name; torch and numpy take the threads that they were limited to."""
    ways: Products = {}
    for side in SIDES:
        left, right = np.random.default_rng(0).standard_normal((2, side, side), np.float32)
        ways |= _of(left, right, threads=threads)
    return ways


def _of(left: FloatArray, right: FloatArray, *, threads: int) -> Products:
    side, session = len(left), _session(right, threads=threads)
    return {
        f"numpy {side}": lambda: left @ right,
        f"torch {side}": lambda: torch.mm(torch.from_numpy(left), torch.from_numpy(right)),
        f"ONNX Runtime {side}": lambda: session.run(None, {"left": left}),
    }


def _session(right: FloatArray, *, threads: int) -> onnxruntime.InferenceSession:
    shape = list(right.shape)
    left, product = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("left", "product"))
    node = helper.make_node("MatMul", ["left", "right"], ["product"])
    graph = helper.make_graph([node], "product", [left], [product], [numpy_helper.from_array(right, "right")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def fastest(times: Times, names: Products) -> tuple[str, dict[str, float]]:
    """The name of the product of the highest median rate, and the rate of each in operations a second."""
    rates = {name: operations_of(name) / statistics.median(times[name]) for name in names}
    return max(rates, key=rates.__getitem__), rates


def operations_of(name: str) -> int:
    """Additions and multiplications of a product."""
    return 2 * int(name.rpartition(" ")[2]) ** 3
