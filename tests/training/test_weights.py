"""Files of weights are read whatever their format, and none of them can run anything."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rakurs.errors import TrainingError
from rakurs.training.weights import read_weights
from tests.training.references import torchxrayvision_densenet

Save = Callable[[Any, Path], None]


def save_zip(content: Any, path: Path) -> None:
    torch.save(content, path)


def save_legacy(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def save_pickle(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


class Exploit:
    """Its pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def small_layers() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU(), nn.Linear(2, 1))).half()


formats = pytest.mark.parametrize("save", [save_zip, save_legacy])


@formats
@pytest.mark.parametrize("wrap", [lambda layers: layers, lambda layers: layers.state_dict()], ids=["whole", "state"])
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_tensors_are_those_that_were_saved(tmp_path: Path, save: Save, *, wrap: Any, key: str | None) -> None:
    layers = small_layers()
    held = wrap(layers)
    beside = {"epoch": 3, "best_loss": np.float64(0.1), "rng_state": torch.get_rng_state()}
    save(held if key is None else {key: held, **beside}, tmp_path / "weights.pt")
    read = read_weights(tmp_path / "weights.pt").tensors
    expected = layers.state_dict()
    assert list(read) == list(expected)
    assert all(torch.equal(read[name], expected[name]) for name in expected)
    assert all(read[name].dtype == expected[name].dtype for name in expected)


@formats
def test_a_tensor_that_is_a_part_of_another_is_read_as_that_part(tmp_path: Path, save: Save) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    save({"part": whole[1:3, ::2], "turned": whole.T}, tmp_path / "weights.pt")
    read = read_weights(tmp_path / "weights.pt").tensors
    assert torch.equal(read["part"], whole[1:3, ::2])
    assert torch.equal(read["turned"], whole.T)


@formats
@pytest.mark.usefixtures("reference_networks")
def test_a_whole_network_of_torchxrayvision_is_read_with_the_names_of_its_outputs(tmp_path: Path, save: Save) -> None:
    network = torchxrayvision_densenet()
    network.pathologies = ["Atelectasis", "", "Edema"]
    save(network, tmp_path / "network.pt")
    read = read_weights(tmp_path / "network.pt")
    expected = network.state_dict()
    assert set(read.tensors) == set(expected)
    assert all(torch.equal(read.tensors[name], expected[name]) for name in expected)
    assert read.outputs == ["Atelectasis", "", "Edema"]


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_pickle])
@pytest.mark.parametrize("place", [lambda exploit: exploit, lambda exploit: {"state_dict": {"w": exploit}}])
def test_a_file_that_calls_a_function_is_refused_and_does_not_call_it(
    tmp_path: Path, save: Save, *, place: Any
) -> None:
    trace = tmp_path / "trace"
    save(place(Exploit(os.mkdir, str(trace))), tmp_path / "exploit.pt")
    with pytest.raises(TrainingError):
        read_weights(tmp_path / "exploit.pt")
    assert not trace.exists()


@formats
@pytest.mark.parametrize("function", [eval, exec, os.system, torch.load, torch.hub.load, getattr, __import__])
def test_a_name_that_no_weights_need_is_named_in_the_refusal(tmp_path: Path, save: Save, *, function: Any) -> None:
    save({"w": Exploit(function, "print()")}, tmp_path / "exploit.pt")
    with pytest.raises(TrainingError, match=rf"names \w+(\.\w+)*\.{function.__name__}, which no file of weights needs"):
        read_weights(tmp_path / "exploit.pt")


@formats
def test_a_function_beside_the_layers_of_torch_is_not_called(tmp_path: Path, save: Save) -> None:
    before = dict(nn.modules.module._global_forward_hooks)
    save(Exploit(nn.modules.module.register_module_forward_hook, print), tmp_path / "exploit.pt")
    with pytest.raises(TrainingError):
        read_weights(tmp_path / "exploit.pt")
    assert dict(nn.modules.module._global_forward_hooks) == before


@pytest.mark.parametrize(
    "content", [b"", b"no weights", b"PK\x05\x06" + bytes(18), pickle.dumps(7, protocol=2)], ids=range(4)
)
def test_what_is_no_file_of_torch_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"weights\.pt is (damaged|not laid out)"):
        read_weights(tmp_path / "weights.pt")


@formats
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, save: Save, *, share: float) -> None:
    save({"w": torch.zeros(5000)}, tmp_path / "weights.pt")
    content = (tmp_path / "weights.pt").read_bytes()
    (tmp_path / "weights.pt").write_bytes(content[: round(share * len(content))])
    with pytest.raises(TrainingError, match=r"weights\.pt is (damaged|not laid out)"):
        read_weights(tmp_path / "weights.pt")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no file of weights weights\.pt"):
        read_weights(tmp_path / "weights.pt")


def test_a_file_of_safetensors_is_read(tmp_path: Path) -> None:
    expected = small_layers().state_dict()
    save_file(expected, tmp_path / "model.safetensors")
    read = read_weights(tmp_path / "model.safetensors").tensors
    assert {name: tensor.dtype for name, tensor in read.items()} == {name: t.dtype for name, t in expected.items()}
    assert all(torch.equal(read[name], expected[name]) for name in expected)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x10" + bytes(30)], ids=range(3))
def test_what_is_no_file_of_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(TrainingError, match=r"model\.safetensors is damaged, or not a file of safetensors"):
        read_weights(tmp_path / "model.safetensors")


def test_a_missing_file_of_safetensors_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no file of weights model\.safetensors"):
        read_weights(tmp_path / "model.safetensors")
