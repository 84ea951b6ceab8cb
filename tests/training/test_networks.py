"""A network for a task starts from the weights that were asked for, and what cannot be is refused in a sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from rakurs.errors import TrainingError
from rakurs.task import Task
from rakurs.training import pretrained
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.features import take_colour
from rakurs.training.networks import RANDOM, build_network, refuse_small
from rakurs.training.pretrained import download_weights, find_weights, where_to_put
from tests.labelled import write_task

pytestmark = pytest.mark.usefixtures("one_thread", "empty_cache")
NAME = "efficientnet-lite0"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch.hub keeps weights: a folder that is not there yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The whole GoogLeNet of its library for colour images, as its weights would be published."""
    torch.manual_seed(1)
    path = tmp_path / "googlenet.pth"
    torch.save(ARCHITECTURES["googlenet"].make().state_dict(), path)
    return path


def test_an_unknown_network_is_refused_with_the_names_of_those_there_are(task: Task) -> None:
    with pytest.raises(TrainingError, match=f"no network 'resnet'; there are: {', '.join(ARCHITECTURES)}"):
        build_network("resnet", task)


def test_a_network_gives_a_logit_for_each_label(task: Task) -> None:
    network = build_network(NAME, task).eval()

    with torch.inference_mode():
        logits = network(torch.rand(2, 1, 64, 64))

    assert logits.shape == (2, len(task.labels))


def test_every_weight_is_trained(task: Task) -> None:
    network = build_network(NAME, task, dropout=0.3)

    assert all(parameter.requires_grad for parameter in network.parameters())
    dropout = network.head.get_submodule("dropout")
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.3


def test_the_weights_of_a_package_need_no_file(task: Task) -> None:
    first, second = (build_network(NAME, task).features.state_dict() for _ in range(2))

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert build_network(NAME, task).origin == "efficientnet-lite0-57934424.pth"


def test_weights_that_are_demanded_and_missing_are_named_with_checksum_and_place(task: Task, empty_cache: Path) -> None:
    with pytest.raises(TrainingError, match="are not on this machine") as refused:
        build_network("googlenet", task)

    for said in ("googlenet-1378be20.pth", "sha256 begins with 1378be20", str(empty_cache), "--download googlenet"):
        assert said in refused.value.message


@pytest.mark.parametrize("choice", ["if there", False])
def test_weights_that_are_missing_and_not_demanded_are_random_and_the_network_says_so(
    task: Task, choice: pretrained.Choice
) -> None:
    assert build_network("googlenet", task, pretrained=choice).origin == RANDOM


def test_the_weights_of_a_file_are_taken_but_for_the_last_layer_and_grey_is_seen_as_three_equal_colours_were(
    task: Task, published: Path
) -> None:
    grey = build_network("googlenet", task, weights=published).eval()
    colour = ARCHITECTURES["googlenet"].make()
    colour.load_state_dict(torch.load(published, weights_only=True))
    colour.fc = nn.Identity()
    film = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        last, _ = grey.features(film)
        expected = colour.eval()(film.expand(2, 3, 64, 64))

    torch.testing.assert_close(last.mean((2, 3)), expected, rtol=1e-3, atol=1e-5)
    assert grey.origin == published.name


def test_auxiliary_classifiers_of_a_file_are_left_out(task: Task, published: Path) -> None:
    tensors = torch.load(published, weights_only=True)
    torch.save({**tensors, "aux1.fc1.weight": torch.zeros(2, 2)}, published)

    assert build_network("googlenet", task, weights=published).origin == published.name


def test_filters_of_a_grey_file_are_shared_among_the_colours() -> None:
    film, filters = torch.rand(1, 1, 8, 8), torch.rand(4, 1, 3, 3)

    coloured = nn.functional.conv2d(film.expand(1, 3, 8, 8), take_colour(filters))

    torch.testing.assert_close(coloured, nn.functional.conv2d(film, filters))


def test_a_file_in_the_cache_of_torch_hub_is_found(
    task: Task, published: Path, *, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(published.read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(pretrained.URLS, "googlenet", f"https://example.org/googlenet-{digest}.pth")
    empty_cache.mkdir(parents=True)
    published.rename(empty_cache / f"googlenet-{digest}.pth")

    assert build_network("googlenet", task, pretrained="if there").origin == f"googlenet-{digest}.pth"


def test_a_damaged_file_in_the_cache_is_refused(task: Task, empty_cache: Path) -> None:
    empty_cache.mkdir(parents=True)
    (empty_cache / "googlenet-1378be20.pth").write_bytes(b"half of it")

    with pytest.raises(TrainingError, match=r"googlenet-1378be20\.pth is damaged: .* expected 1378be20\. Remove it"):
        build_network("googlenet", task, pretrained="if there")


def test_weights_are_fetched_only_when_asked_for_and_checked(
    published: Path, empty_cache: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(published.read_bytes()).hexdigest()[:8]
    source = published.rename(published.with_name(f"googlenet-{digest}.pth"))
    monkeypatch.setitem(pretrained.URLS, "googlenet", source.as_uri())
    assert find_weights("googlenet") is None

    fetched = download_weights("googlenet")

    assert fetched == empty_cache / source.name
    assert fetched.read_bytes() == source.read_bytes()
    assert find_weights("googlenet") == fetched


def test_what_cannot_be_fetched_is_named_with_its_place(
    tmp_path: Path, empty_cache: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pretrained.URLS, "googlenet", (tmp_path / "gone-12345678.pth").as_uri())

    with pytest.raises(TrainingError, match="cannot be fetched") as refused:
        download_weights("googlenet")

    assert where_to_put("googlenet") in refused.value.message
    assert not list(empty_cache.iterdir())


def test_a_fetched_file_with_another_checksum_is_not_kept(
    published: Path, empty_cache: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = published.rename(published.with_name("googlenet-00000000.pth"))
    monkeypatch.setitem(pretrained.URLS, "googlenet", source.as_uri())

    with pytest.raises(TrainingError, match="invalid hash value"):
        download_weights("googlenet")

    assert not list(empty_cache.iterdir())


def test_a_checkpoint_gives_its_features_to_a_network_of_other_labels(task: Task, tmp_path: Path) -> None:
    trained = build_network("googlenet", task, pretrained=False)
    torch.save({"recipe": {}, "task": {}, "network": trained.state_dict()}, tmp_path / "checkpoint.pt")
    other = write_task(tmp_path / "other", labels=["effusion", "mass"])

    network = build_network("googlenet", other, weights=tmp_path / "checkpoint.pt")

    assert all(
        torch.equal(tensor, network.features.state_dict()[name])
        for name, tensor in trained.features.state_dict().items()
    )
    assert network.head.get_parameter("weight").shape == (2, 1024)


def test_weights_of_another_network_are_refused(task: Task, published: Path) -> None:
    with pytest.raises(TrainingError, match=r"googlenet\.pth holds the weights of another network, or none: it lacks"):
        build_network("densenet-121", task, weights=published)


def test_a_file_with_a_tensor_too_many_is_refused(task: Task, published: Path) -> None:
    torch.save({**torch.load(published, weights_only=True), "conv9.weight": torch.zeros(2)}, published)

    with pytest.raises(TrainingError, match=r"it has conv9\.weight, which is not known"):
        build_network("googlenet", task, weights=published)


def test_a_file_with_a_tensor_of_another_shape_is_refused(task: Task, published: Path) -> None:
    torch.save({**torch.load(published, weights_only=True), "conv2.conv.weight": torch.zeros(2)}, published)

    with pytest.raises(TrainingError, match=r"it has conv2\.conv\.weight in another shape"):
        build_network("googlenet", task, weights=published)


def test_a_file_that_is_no_weights_is_refused(task: Task, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"no weights")

    with pytest.raises(TrainingError, match=r"w\.pth is damaged, or not a file of torch\.save"):
        build_network("googlenet", task, weights=tmp_path / "w.pth")


def test_a_file_of_weights_that_is_missing_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no file of weights gone\.pth"):
        build_network("googlenet", task, weights=tmp_path / "gone.pth")


def test_an_input_that_is_too_small_is_refused_with_the_smallest_size(task: Task) -> None:
    with pytest.raises(
        TrainingError, match="inception-resnet-v2 needs an input of at least 75 x 75 pixels, got 64 x 64"
    ):
        build_network("inception-resnet-v2", task)


def test_the_shorter_side_decides() -> None:
    refuse_small("alexnet", rows=63, columns=63)
    with pytest.raises(TrainingError, match="got 400 x 62"):
        refuse_small("alexnet", rows=400, columns=62)
