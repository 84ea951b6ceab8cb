"""The one place that runs networks: ONNX Runtime on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnxruntime

from rakurs.errors import PackError
from rakurs.pack import NetworkFile
from rakurs.study import FloatArray
from rakurs.task import Task

INPUT = "image"
OUTPUTS = ("logits", "heat_maps", "embedding")
FLOAT32 = "tensor(float)"


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of n images, float32.

    `logits` (n, labels), `heat_maps` (n, labels, h, w) not negative and not scaled, `embedding` (n, d).
    """

    logits: FloatArray
    heat_maps: FloatArray
    embedding: FloatArray


class Network:
    """A loaded network of one view; `run` may be called from several threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def run(self, images: FloatArray) -> Answers:
        """Float32 (n, channels, rows, columns), prepared -> the answers, in the same order."""
        logits, heat_maps, embedding = self._session.run(OUTPUTS, {INPUT: images})
        return Answers(logits=logits, heat_maps=heat_maps, embedding=embedding)


def load_network(file: NetworkFile, task: Task, *, threads: int | None = None) -> Network:
    """Load a network and hold it against the contract of the task.

    `threads` of one run; default: one per core.

    Raises:
        PackError: the file is no ONNX network that can run here, or breaks the network contract.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # A spinning pool burns the second core while films are decoded on it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(file.path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own error types share no base class
        raise PackError(f"{file.path.name} cannot be loaded as an ONNX network: {type(error).__name__}.") from None
    faults = contract_faults(session, task)
    if faults:
        raise PackError(f"{file.path.name} breaks the network contract: {'; '.join(faults)}.")
    return Network(session)


def contract_faults(session: onnxruntime.InferenceSession, task: Task) -> list[str]:
    """What breaks the network contract (DESIGN section 3), a phrase each; empty when nothing does."""
    wanted = task.preprocess
    inputs = {entry.name: entry.shape for entry in session.get_inputs()}
    outputs = {entry.name: entry.shape for entry in session.get_outputs()}
    faults = []
    if list(inputs) != [INPUT] or inputs[INPUT][1:] != [wanted.channels, wanted.rows, wanted.columns]:
        faults.append(
            f"the inputs are {inputs}, expected one '{INPUT}' (n, {wanted.channels}, {wanted.rows}, {wanted.columns})"
        )
    faults += [
        f"'{entry.name}' is {entry.type}, expected {FLOAT32}"
        for entry in (*session.get_inputs(), *session.get_outputs())
        if entry.name in (INPUT, *OUTPUTS) and entry.type != FLOAT32
    ]
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        return [*faults, f"the outputs {', '.join(missing)} are missing"]
    return faults + _output_faults(outputs, len(task.labels))


def _output_faults(outputs: Mapping[str, list[object]], labels: int) -> list[str]:
    ranks = {"logits": 2, "heat_maps": 4, "embedding": 2}
    faults = [
        f"'{name}' has {len(outputs[name])} axes, expected {rank}"
        for name, rank in ranks.items()
        if len(outputs[name]) != rank
    ]
    faults += [
        f"'{name}' has {outputs[name][1]} labels, the task {labels}"
        for name in ("logits", "heat_maps")
        if len(outputs[name]) > 1 and isinstance(outputs[name][1], int) and outputs[name][1] != labels
    ]
    return faults
