"""From a torch network to the ONNX file of the network contract (DESIGN section 3), checked against torch."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

from rakurs.errors import TrainingError
from rakurs.inference.network import INPUT, OUTPUTS
from rakurs.study import FloatArray
from rakurs.task import Preprocess
from rakurs.training.networks import ReadingNetwork
from rakurs.training.whitening import Whitening

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and torch, as a share of an output's largest value, at least 1."""

CHECKED_BATCHES = (1, 3)

REMEDIES = {
    "logits": "If the training's loss was a number to its end, report this with the network's name.",
    "heat_maps": "If the training's loss was a number to its end, report this with the network's name.",
    "embedding": "A network that hardly tells one film from another, as after a few steps, has none: train it longer.",
}
"""What to do where an output differs."""

HEAVIEST = 2**31 - 2**24
"""Bytes of weights in one file: a protobuf message ends at 2 GiB, and the graph needs its part."""

DESCRIBED_AT = (4, 2, 1)
"""The image is shrunk by the first of these that the network can take before it is described."""


class Exportable(nn.Module):
    """Networks with every output of the contract: logits, Grad-CAM of all labels in closed form, and the embedding.

    Several networks are an ensemble: the logits are their mean. Grad-CAM (Selvaraju et al. 2017) of a
    mean is the ReLU of the mean of the members' maps, each before its own ReLU, in the unit of the
    logit (see `heads`). Where their grids differ, coarser maps are stretched to the finest grid before
    the mean. The embedding is that of the first.
    """

    def __init__(self, networks: Sequence[ReadingNetwork], whitening: Whitening | None = None) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.embed = Embed(whitening) if whitening is not None else nn.Identity()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, channels, rows, columns) -> logits (n, labels), heat maps (n, labels, h, w), embedding (n, e)."""
        answers = [network.read(image) for network in self.members]
        logits = _mean([logits for logits, _ in answers])
        maps = _mean(_on_one_grid([maps for _, maps in answers]))
        return logits, functional.relu(maps), self.embed(self.describe(image))

    @property
    def members(self) -> list[ReadingNetwork]:
        """The networks of the ensemble."""
        return [network for network in self.networks if isinstance(network, ReadingNetwork)]

    def describe(self, image: Tensor) -> Tensor:
        """What the gate compares images by: (n, channels, rows, columns) -> the descriptor (n, d).

        The averages of the quarters of the middle stages' maps, of the image at a quarter of its size: what makes
        it an image of the subject does not depend on how sharp it is, which differs between hospitals. A network
        that cannot take so small an image gets it at half its size, or whole.
        """
        first, side = self.members[0], min(image.shape[2:])
        shrunk_by = next((by for by in DESCRIBED_AT if side // by >= first.smallest_px), 1)
        last, stages = first.features(functional.avg_pool2d(image, shrunk_by))
        middle = stages[1:-2] or stages or [last]
        return torch.cat([field_averages(maps) for maps in middle], 1)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(0) if len(parts) > 1 else parts[0]


def _on_one_grid(maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps (n, labels, h, w) of several grids, those of coarser ones stretched bilinearly to the finest."""
    finest = max((part.shape[2:] for part in maps), key=math.prod)
    return [
        part if part.shape[2:] == finest else functional.interpolate(part, size=list(finest), mode="bilinear")
        for part in maps
    ]


class Embed(nn.Module):
    """From a descriptor to the embedding, as `Whitening` says."""

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.tensor(whitening.mean))
        self.deviation = nn.Buffer(torch.tensor(whitening.deviation))
        self.axes = nn.Buffer(torch.tensor(whitening.axes))
        self.spread = nn.Buffer(torch.tensor(whitening.spread))
        width, axes = whitening.axes.shape
        self.left_scale = math.sqrt(axes / width) / whitening.residual

    def forward(self, descriptor: Tensor) -> Tensor:
        """(n, d) -> (n, k + 1)."""
        z = (descriptor - self.mean) / self.deviation
        along = z @ self.axes  # (n, k)
        # Not the difference of two sums of squares, which float32 would lose where little is left.
        left = (z - along @ self.axes.T).square().sum(1, keepdim=True).sqrt()
        return torch.cat([along / self.spread, self.left_scale * left], 1)


def field_averages(maps: Tensor) -> Tensor:
    """The average of each quarter of a map, which overlap by one where a side is odd: (n, k, h, w) -> (n, 4 k)."""
    rows, columns = maps.shape[2:]
    upper, lower = maps[:, :, : (rows + 1) // 2], maps[:, :, rows // 2 :]
    halves = [half[..., : (columns + 1) // 2] for half in (upper, lower)]
    halves += [half[..., columns // 2 :] for half in (upper, lower)]
    return torch.cat([field.mean((2, 3)) for field in halves], 1)


def describe(network: ReadingNetwork, images: FloatArray, *, batch: int = 32) -> FloatArray:
    """The descriptors that a whitening is fitted on: the embedding as it is without one.

    Float32 (n, channels, rows, columns), prepared -> float32 (n, d).
    """
    exportable = _frozen([network], None)
    with torch.inference_mode():
        parts = [
            exportable.describe(torch.from_numpy(images[start : start + batch])).numpy()
            for start in range(0, len(images), batch)
        ]
    return np.concatenate(parts)


def export_network(
    *networks: ReadingNetwork, preprocess: Preprocess, path: Path, whitening: Whitening | None = None
) -> Path:
    """Write a network, or the ensemble of several, as one ONNX file that keeps the contract, and give its path.

    The same networks give the same bytes. The number of images is free, their size is the task's.
    The networks themselves are left as they were; `whitening` is of the first.

    Raises:
        TrainingError: Grad-CAM of a network has no closed form, an ONNX file cannot hold so many weights, or ONNX
            Runtime and torch disagree by more than `TOLERANCE`; nothing is written.
    """
    exportable = _frozen(networks, whitening)
    _refuse_weight(exportable)
    images = _random_images(preprocess, max(CHECKED_BATCHES))
    content = _to_onnx(exportable, images)
    for n in CHECKED_BATCHES:
        _refuse_difference(exportable, content, images=images[:n])
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    return partial.replace(path)


def _frozen(networks: Sequence[ReadingNetwork], whitening: Whitening | None) -> Exportable:
    """A copy of the networks, as they read: no dropout, stored statistics, plain memory order."""
    for network in networks:
        network.check_head()
    exportable = Exportable([copy.deepcopy(network) for network in networks], whitening).eval()
    for parameter in exportable.parameters():
        parameter.data = parameter.data.contiguous()
    return exportable


def _refuse_weight(exportable: Exportable) -> None:
    weight = sum(parameter.nbytes for parameter in exportable.parameters())
    if weight > HEAVIEST:
        raise TrainingError(
            f"The weights of {len(exportable.networks)} networks take {weight / 2**30:.1f} GiB; one ONNX file holds at "
            f"most {HEAVIEST / 2**30:.1f} GiB. Export fewer together."
        )


def _random_images(preprocess: Preprocess, n: int) -> Tensor:
    """Noise as an image would be prepared: float32 (n, channels, rows, columns)."""
    grey = torch.rand(
        n, preprocess.channels, preprocess.rows, preprocess.columns, generator=torch.Generator().manual_seed(0)
    )
    mean, std = torch.tensor(preprocess.mean), torch.tensor(preprocess.std)
    return (grey - mean[:, None, None]) / std[:, None, None]


def _to_onnx(exportable: Exportable, images: Tensor) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated calls
        program = torch.onnx.export(
            exportable,
            (images,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            dynamic_shapes={"image": {0: torch.export.Dim("n")}},
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the machine that exported: stack traces with paths, and the exporter's notes."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _refuse_difference(exportable: Exportable, content: bytes, *, images: Tensor) -> None:
    for name, difference in differences(exportable, content, images=images).items():
        if not difference <= TOLERANCE:
            raise TrainingError(
                f"The exported network's {name} differ from torch by {difference:.1e} of their largest value with "
                f"{len(images)} images; expected at most {TOLERANCE:.0e}. Nothing was written. {REMEDIES[name]}"
            )


def differences(exportable: Exportable, content: bytes, *, images: Tensor) -> Mapping[str, float]:
    """Per output, the largest difference between an ONNX network and torch, over the output's largest value or 1."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a training beside this may need the other cores
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    answers = session.run(list(OUTPUTS), {INPUT: images.numpy()})
    with torch.inference_mode():
        expected = [output.numpy() for output in exportable(images)]
    return {
        name: float(np.abs(answer - wanted).max() / max(1.0, np.abs(wanted).max()))
        for name, answer, wanted in zip(OUTPUTS, answers, expected, strict=True)
    }
