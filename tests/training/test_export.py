"""The exported file keeps the network contract, and answers what the torch network answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.inference.network import Network, load_network
from rakurs.pack import NetworkFile, digest_of
from rakurs.study import FloatArray
from rakurs.task import Task
from rakurs.training.export import describe, export_network
from rakurs.training.whitening import Whitening
from tests.training.networks import SMALL, SmallFeatures, farthest, noise, small_network

pytestmark = pytest.mark.usefixtures("one_thread")

WHITENING = Whitening(
    mean=noise(16, seed=1),
    deviation=np.full(16, 0.5, np.float32),
    axes=np.linalg.qr(noise(16, 2, seed=2))[0],
    spread=np.array([2, 3], np.float32),
    residual=0.7,
)


def shrunk(images: FloatArray, *, by: int = 4) -> Tensor:
    """The images at a quarter of their size, or another part of it, by averaging."""
    n, channels, rows, columns = images.shape
    blocks = images.reshape(n, channels, rows // by, by, columns // by, by)
    return torch.from_numpy(blocks.mean((3, 5)))


def quarters(maps: FloatArray) -> FloatArray:
    """The averages of the quarters, by torch's own pooling: (n, k, h, w) -> (n, 4 k), a quarter after the other."""
    pooled = nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), (2, 2)).flatten(2)  # (n, k, 4)
    return pooled[:, :, [0, 2, 1, 3]].transpose(1, 2).flatten(1).numpy()


class DifferentWhenExported(SmallFeatures):
    """Behaves in the exported graph unlike in torch, as a wrong operator would."""

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        last, stages = super().forward(image)
        return (last * 1.01 if torch.compiler.is_exporting() else last), stages


def load(path: Path) -> Network:
    task = Task.model_validate(
        {
            "schema": 1,
            "name": "small",
            "version": "1",
            "title": {"en": "Small"},
            "intended_use": {"en": "Tests"},
            "activation": "sigmoid",
            "preprocess": SMALL.model_dump(),
            "views": [{"name": "frontal", "required": True}],
            "labels": [{"name": name} for name in ("first", "second", "third")],
        }
    )
    return load_network(NetworkFile(path=path, digest=digest_of(path)), task, threads=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_network(small_network(), preprocess=SMALL, path=tmp_path_factory.mktemp("pack") / "frontal.onnx")


@pytest.fixture(scope="module")
def whitened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "frontal.onnx"
    return export_network(small_network(), preprocess=SMALL, path=path, whitening=WHITENING)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_logits_of_any_number_of_images_are_those_of_torch(exported: Path, n: int) -> None:
    images = noise(n, 1, 64, 48)
    answers = load(exported).run(images)
    expected = small_network()(torch.from_numpy(images)).detach().numpy()
    assert farthest(answers.logits, expected) < 1e-5


def test_heat_maps_weigh_the_last_map_by_the_weights_of_each_label(exported: Path) -> None:
    network, images = small_network(), noise(2, 1, 64, 48)
    answers = load(exported).run(images)
    last = network.features(torch.from_numpy(images))[0].detach().numpy()
    weighed = np.einsum("ck,nkhw->nchw", network.head.get_parameter("weight").detach().numpy(), last)
    assert farthest(answers.heat_maps, np.maximum(weighed, 0)) < 1e-5


def test_the_mean_of_a_map_before_its_relu_is_the_logit_without_its_bias() -> None:
    network, images = small_network(), torch.from_numpy(noise(2, 1, 64, 48))
    last = network.features(images)[0]
    unclipped = torch.einsum("ck,nkhw->nchw", network.head.get_parameter("weight"), last)
    torch.testing.assert_close(unclipped.mean((2, 3)) + network.head.get_parameter("bias"), network(images))


def test_the_embedding_averages_each_quarter_of_the_stages_maps_of_the_shrunk_image(
    exported: Path,
) -> None:
    images = noise(2, 1, 64, 48)
    answers = load(exported).run(images)
    stage = small_network().features(shrunk(images))[1][0].detach().numpy()
    assert farthest(answers.embedding, quarters(stage)) < 1e-5


def test_the_descriptor_is_the_embedding_without_whitening(exported: Path) -> None:
    images = noise(3, 1, 64, 48)
    descriptors = describe(small_network(), images, batch=2)
    assert farthest(descriptors, load(exported).run(images).embedding) < 1e-5


def test_a_network_without_stages_is_described_by_its_last_map() -> None:
    network, images = small_network(SmallFeatures(staged=False)), noise(2, 1, 64, 48)
    descriptors = describe(network, images)
    last = network.features(shrunk(images))[0].detach().numpy()
    assert farthest(descriptors, quarters(last)) < 1e-6


@pytest.mark.parametrize(("smallest_px", "by"), [(12, 4), (13, 2), (24, 2), (25, 1), (64, 1)])
def test_a_network_that_cannot_take_a_quarter_is_described_at_the_next_size_that_it_takes(
    smallest_px: int, by: int
) -> None:
    network, images = small_network(), noise(2, 1, 64, 48)
    network.smallest_px = smallest_px
    descriptors = describe(network, images)
    stage = network.features(shrunk(images, by=by))[1][0].detach().numpy()
    assert farthest(descriptors, quarters(stage)) < 1e-6


def test_whitening_is_part_of_the_file(whitened: Path) -> None:
    images = noise(3, 1, 64, 48)
    answers = load(whitened).run(images)
    z = (describe(small_network(), images) - WHITENING.mean) / WHITENING.deviation
    along = z @ WHITENING.axes
    left = np.sqrt(np.mean(np.square(z - along @ WHITENING.axes.T), axis=1, keepdims=True))
    expected = np.concatenate([along / WHITENING.spread, np.sqrt(2) * left / WHITENING.residual], 1)
    assert farthest(answers.embedding, expected) < 1e-5


def test_the_same_network_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    again = export_network(small_network(), preprocess=SMALL, path=tmp_path / "frontal.onnx")
    assert again.read_bytes() == exported.read_bytes()


def test_a_network_in_training_is_exported_as_it_reads_and_left_in_training(exported: Path, tmp_path: Path) -> None:
    network = small_network().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = export_network(network, preprocess=SMALL, path=tmp_path / "frontal.onnx")
    assert path.read_bytes() == exported.read_bytes()
    assert all(module.training for module in network.modules())


def test_describing_leaves_a_network_in_training() -> None:
    network = small_network().train()
    describe(network, noise(2, 1, 64, 48))
    assert all(module.training for module in network.modules())


def test_the_file_holds_its_weights_and_says_nothing_of_the_machine(exported: Path) -> None:
    content = exported.read_bytes()
    assert [path.name for path in exported.parent.iterdir()] == ["frontal.onnx"]
    assert not any(tensor.external_data for tensor in onnx.load_from_string(content).graph.initializer)
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_norms_behind_a_convolution_become_part_of_it_when_the_file_is_loaded(exported: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])

    operators = [node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node]

    assert "BatchNormalization" not in operators
    assert "Cast" not in operators


def test_a_file_that_answers_unlike_torch_is_refused(tmp_path: Path) -> None:
    network = small_network(DifferentWhenExported())
    with pytest.raises(TrainingError, match=r"differ from torch by .* Nothing was written"):
        export_network(network, preprocess=SMALL, path=tmp_path / "frontal.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_answers_with_no_number_is_refused(tmp_path: Path) -> None:
    network = small_network()
    nn.init.constant_(network.head.get_parameter("bias"), float("nan"))
    with pytest.raises(TrainingError, match="differ from torch"):
        export_network(network, preprocess=SMALL, path=tmp_path / "frontal.onnx")
