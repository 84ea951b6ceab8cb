"""The exported file keeps the network contract, and answers what the torch network answers."""

from __future__ import annotations

from pathlib import Path

import cv2
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
from rakurs.task import Preprocess, Task
from rakurs.training.export import describe, export_network
from rakurs.training.heads import ChainHead
from rakurs.training.networks import ReadingNetwork, assemble
from rakurs.training.whitening import Whitening
from tests.training.networks import SMALL, TINY, SmallFeatures, farthest, noise, small_network

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


def chain_head() -> ChainHead:
    """Pooling to a grid of 3 x 2, and three linear layers for three labels."""
    torch.manual_seed(3)
    pool = nn.Sequential(nn.MaxPool2d(3, stride=2), nn.AdaptiveAvgPool2d((3, 2)))
    return ChainHead(pool, [nn.Linear(36, 16), nn.Linear(16, 12), nn.Linear(12, 3)], dropout=0.5)


def by_gradients(network: ReadingNetwork, images: FloatArray) -> FloatArray:
    """Grad-CAM times h * w before its ReLU, as the paper has it: by a gradient for each label, (n, labels, h, w)."""
    last = network.features(torch.from_numpy(images))[0].detach().requires_grad_()
    logits = network.head(last)
    maps = []
    for label in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, label].sum(), last, retain_graph=True)
        maps.append((gradient.sum((2, 3), keepdim=True) * last).sum(1))
    return torch.stack(maps, 1).detach().numpy()


class DifferentWhenExported(SmallFeatures):
    """Behaves in the exported graph unlike in torch, as a wrong operator would."""

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        last, stages = super().forward(image)
        return (last * 1.01 if torch.compiler.is_exporting() else last), stages


def load(path: Path, *, preprocess: Preprocess = SMALL) -> Network:
    task = Task.model_validate(
        {
            "schema": 1,
            "name": "small",
            "version": "1",
            "title": {"en": "Small"},
            "intended_use": {"en": "Tests"},
            "activation": "sigmoid",
            "preprocess": preprocess.model_dump(),
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


@pytest.mark.parametrize("head", [None, chain_head()], ids=["pooled", "chain"])
def test_heat_maps_in_closed_form_are_those_by_gradients(head: ChainHead | None, tmp_path: Path) -> None:
    network, images = small_network(head=head), noise(2, 1, 64, 48)
    answers = load(export_network(network, preprocess=SMALL, path=tmp_path / "frontal.onnx")).run(images)
    assert farthest(answers.heat_maps, np.maximum(by_gradients(network, images), 0)) < 1e-4
    assert farthest(answers.logits, network(torch.from_numpy(images)).detach().numpy()) < 1e-5


@pytest.fixture(scope="module")
def members() -> list[ReadingNetwork]:
    """Two with a map of 16 x 12, one of them with a chain of linear layers, and one with a map of 8 x 6."""
    coarse = nn.Sequential(nn.AvgPool2d(2))
    return [
        small_network(seed=1),
        small_network(head=chain_head(), seed=2),
        small_network(Coarse(coarse), seed=4),
    ]


class Coarse(SmallFeatures):
    """The features of an image at half its size."""

    def __init__(self, shrink: nn.Module) -> None:
        super().__init__()
        self.shrink = shrink

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        return super().forward(self.shrink(image))


@pytest.fixture(scope="module")
def ensemble(members: list[ReadingNetwork], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "frontal.onnx"
    return export_network(*members, preprocess=SMALL, path=path)


@pytest.mark.parametrize("n", [1, 4])
def test_logits_of_an_ensemble_are_the_mean_of_its_members(
    ensemble: Path, members: list[ReadingNetwork], *, n: int
) -> None:
    images = noise(n, 1, 64, 48)
    expected = np.mean([member(torch.from_numpy(images)).detach().numpy() for member in members], 0)
    assert farthest(load(ensemble).run(images).logits, expected) < 1e-5


def test_heat_maps_of_an_ensemble_are_grad_cam_of_the_mean_of_its_logits(
    members: list[ReadingNetwork], tmp_path: Path
) -> None:
    """Of members with one grid: as if their last maps were the channels of one."""
    images = noise(2, 1, 64, 48)
    path = export_network(*members[:2], preprocess=SMALL, path=tmp_path / "frontal.onnx")
    expected = (by_gradients(members[0], images) + by_gradients(members[1], images)) / 2
    assert farthest(load(path).run(images).heat_maps, np.maximum(expected, 0)) < 1e-4


def test_coarser_maps_of_an_ensemble_are_stretched_before_the_mean(
    ensemble: Path, members: list[ReadingNetwork]
) -> None:
    images = noise(2, 1, 64, 48)
    fine = [by_gradients(member, images) for member in members[:2]]
    coarse = by_gradients(members[2], images)  # (2, 3, 8, 6)
    stretched = np.stack([cv2.resize(maps.transpose(1, 2, 0), (12, 16)).transpose(2, 0, 1) for maps in coarse])
    answers = load(ensemble).run(images)
    assert coarse.shape[2:] == (8, 6)
    assert farthest(answers.heat_maps, np.maximum(np.mean([*fine, stretched], 0, dtype=np.float32), 0)) < 1e-4


def test_the_embedding_of_an_ensemble_is_that_of_its_first(ensemble: Path, members: list[ReadingNetwork]) -> None:
    images = noise(2, 1, 64, 48)
    assert farthest(load(ensemble).run(images).embedding, describe(members[0], images)) < 1e-5


def test_the_same_ensemble_gives_the_same_bytes(
    ensemble: Path, members: list[ReadingNetwork], *, tmp_path: Path
) -> None:
    again = export_network(*members, preprocess=SMALL, path=tmp_path / "frontal.onnx")
    assert again.read_bytes() == ensemble.read_bytes()


def test_colour_images_have_a_file_too(tmp_path: Path) -> None:
    preprocess = SMALL.model_copy(update={"channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3})
    torch.manual_seed(0)
    network = assemble(TINY, TINY.make(), channels=3, labels=3).eval()
    images = noise(2, 3, 64, 48)
    path = export_network(network, preprocess=preprocess, path=tmp_path / "top.onnx")
    answers = load(path, preprocess=preprocess).run(images)
    assert farthest(answers.logits, network(torch.from_numpy(images)).detach().numpy()) < 1e-5


def test_a_head_without_a_closed_form_is_refused(tmp_path: Path) -> None:
    head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    with pytest.raises(TrainingError, match=r"head of the kind Sequential has no closed form, .* cannot be exported"):
        export_network(small_network(head=head), preprocess=SMALL, path=tmp_path / "frontal.onnx")
    assert list(tmp_path.iterdir()) == []


def test_more_weights_than_one_file_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rakurs.training.export.HEAVIEST", 2000)  # bytes; two networks have 2232
    export_network(small_network(), preprocess=SMALL, path=tmp_path / "one.onnx")
    with pytest.raises(TrainingError, match=r"weights of 2 networks take .* Export fewer together"):
        export_network(small_network(), small_network(), preprocess=SMALL, path=tmp_path / "two.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["one.onnx"]


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
