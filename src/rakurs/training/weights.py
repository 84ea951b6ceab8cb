"""Published weight files, read without running what they hold.

A file of torch.save is a pickle, and loading a pickle runs whatever it names. `torch.load` with
weights_only refuses whole pickled networks of the format before torch 1.6 altogether, and those are
what TorchXRayVision publishes. Here every name that a pickle may hold is on a list, and stands for
an inert record, which only keeps what it was given; tensors are then made from the records of
tensors. Anything else is refused before it is called.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rakurs.errors import TrainingError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a file as torch wrote it before 1.6 (torch.serialization.MAGIC_NUMBER)."""

DTYPES: dict[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
"""The storages of torch and what their bytes are."""

TENSOR_MAKERS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
"""Called with (storage, offset, size, stride, …), offset and stride in elements."""

PARAMETER_MAKERS = ("torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter")
"""Called with (tensor, …)."""

OTHER_NAMES = (
    "_codecs.encode",
    "builtins.set",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "torch.nn.parallel.data_parallel.DataParallel",
)
"""What stands beside the weights in a checkpoint: sets of names, losses, a wrapper for several devices."""

NETWORK_MODULES = ("torch.nn.modules.", "torchxrayvision.models.", "torchvision.models.densenet.")
"""Where the classes of a pickled network come from; every class in them is read as a record."""

WRAPPERS = ("state_dict", "model_state_dict", "model", "network")
"""Keys under which a checkpoint holds the network beside other things."""

_BUILTINS_IN_PYTHON_2 = {"__builtin__": "builtins"}


class _Record:
    """What a pickle says of one object: its class by name, the arguments that made it, the state set afterwards."""

    name = ""
    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any) -> _Record:
        record = super().__new__(cls)
        record.args = args
        return record

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


@dataclass(frozen=True, slots=True)
class _Storage:
    """Where a tensor's numbers lie: the storage `key`, from element `start` on."""

    key: str
    dtype: np.dtype[Any]
    start: int


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a network by name, and the names of its outputs where the file holds them."""

    tensors: Mapping[str, Tensor]
    outputs: list[str] | None


class _Reader(pickle.Unpickler):
    """Unpickles records; each reader has classes of its own, so that no pickle can change another's."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self._classes: dict[str, type] = {"collections.OrderedDict": OrderedDict}
        self.storages: list[_Storage] = []

    def find_class(self, module_name: str, global_name: str, /) -> type:
        name = f"{_BUILTINS_IN_PYTHON_2.get(module_name, module_name)}.{global_name}"
        if name not in self._classes:
            if not _is_listed(name):
                raise TrainingError(
                    f"The file names {name}, which no file of weights needs; it was not loaded and nothing of it was "
                    "run. Expected tensors, dictionaries and the layers of a network."
                )
            self._classes[name] = type(global_name, (_Record,), {"name": name})
        return self._classes[name]

    def persistent_load(self, pid: Any, /) -> Any:
        """A place, for ("storage", type, key, device, elements[, view]); a class, for ("module", class, …)."""
        kind, what, *rest = pid
        if kind == "module":
            return what
        dtype = DTYPES[what.name.rpartition(".")[2]]
        view = rest[3] if len(rest) > 3 else None  # (key, offset, elements), only in the legacy format
        self.storages.append(_Storage(key=str(rest[0]), dtype=dtype, start=view[1] if view else 0))
        return self.storages[-1]


def _is_listed(name: str) -> bool:
    storages = {f"{place}.{storage}" for place in ("torch", "torch.cuda") for storage in DTYPES}
    return (
        name in TENSOR_MAKERS
        or name in PARAMETER_MAKERS
        or name in OTHER_NAMES
        or name in storages
        or name.startswith(NETWORK_MODULES)
    )


def read_weights(path: Path) -> Weights:
    """Read a file of torch.save: a state_dict, a checkpoint around one, or a whole pickled network; or of safetensors.

    Raises:
        TrainingError: the file is missing, names something that no weights need, or holds no network.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with path.open("rb") as file:
            content, bytes_of = _read_zip(file) if zipfile.is_zipfile(file) else _read_legacy(file)
            network = _unwrapped(content)
            tensors = {name: _tensor(record, bytes_of) for name, record in _named_tensors(network).items()}
    except FileNotFoundError:
        raise TrainingError(f"There is no file of weights {path.name} in {path.parent}.") from None
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, struct.error) as error:
        raise TrainingError(f"{path.name} is damaged, or not a file of torch.save: {error}.") from None
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise TrainingError(f"{path.name} is not laid out as torch.save does: {type(error).__name__}.") from None
    return Weights(tensors=tensors, outputs=_outputs(network))


def _read_safetensors(path: Path) -> Weights:
    """The format in which timm's weights are published: numbers and names, nothing to run."""
    try:
        return Weights(tensors=load_file(path), outputs=None)
    except FileNotFoundError:
        raise TrainingError(f"There is no file of weights {path.name} in {path.parent}.") from None
    except SafetensorError as error:
        raise TrainingError(f"{path.name} is damaged, or not a file of safetensors: {error}.") from None


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that torchvision gives them today.

    Wrappers put `module.`, `model.` or `densenet121.` before a name; torch before 0.4 wrote `norm.1` for
    `norm1`; a linear layer with a sigmoid behind it stands as `classifier.0`. The operating points
    that TorchXRayVision may keep beside the weights are none.
    """
    named = {}
    for name, tensor in tensors.items():
        plain = re.sub(r"^((module|model|densenet121)\.)+", "", name)
        plain = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", plain)
        named[plain.replace("classifier.0.", "classifier.")] = tensor
    named.pop("op_threshs", None)
    return named


def _read_zip(file: BinaryIO) -> tuple[Any, Callable[[str], bytes]]:
    """The format since torch 1.6: an archive with <folder>/data.pkl and <folder>/data/<key>."""
    archive = zipfile.ZipFile(file)
    pickled = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise pickle.UnpicklingError("its numbers are big-endian")
    content = _Reader(io.BytesIO(archive.read(pickled))).load()
    return content, lambda key: archive.read(f"{folder}data/{key}")


def _read_legacy(file: BinaryIO) -> tuple[Any, Callable[[str], bytes]]:
    """The format before torch 1.6: five pickles, then for each storage its number of elements and its bytes."""
    file.seek(0)
    if _Reader(file).load() != LEGACY_MAGIC:
        raise pickle.UnpicklingError("it does not begin as one")
    _protocol, system = _Reader(file).load(), _Reader(file).load()
    if not system["little_endian"]:
        raise pickle.UnpicklingError("its numbers are big-endian")
    reader = _Reader(file)
    content, keys = reader.load(), _Reader(file).load()
    widths = {storage.key: storage.dtype.itemsize for storage in reader.storages}
    storages = {}
    for key in keys:
        (elements,) = struct.unpack("<q", file.read(8))
        storages[str(key)] = file.read(elements * widths[str(key)])
    return content, storages.__getitem__


def _unwrapped(content: Any) -> Any:
    """The network in a checkpoint, which may hold it beside a loss, an epoch and an optimizer."""
    while isinstance(content, dict) and (held := [key for key in WRAPPERS if key in content]):
        content = content[held[0]]
    return content


def _named_tensors(network: Any) -> dict[str, _Record]:
    """The records of tensors, by the names that a state_dict has; `network` is a state_dict or a pickled layer."""
    if isinstance(network, dict):
        return {name: found for name, found in network.items() if isinstance(found, _Record)}
    state = network.state
    own = {**state["_parameters"], **state["_buffers"]}
    named = {name: found for name, found in own.items() if found is not None}
    for part, layer in state["_modules"].items():
        named |= {f"{part}.{name}": found for name, found in _named_tensors(layer).items()}
    return named


def _tensor(record: _Record, bytes_of: Callable[[str], bytes]) -> Tensor:
    """The tensor that a record tells of, as a copy."""
    if record.name in PARAMETER_MAKERS:
        return _tensor(record.args[0], bytes_of)
    if record.name not in TENSOR_MAKERS:
        raise ValueError(f"{record.name} is no tensor")
    storage, offset, size, stride = record.args[:4]
    numbers = np.frombuffer(bytes_of(storage.key), storage.dtype).copy()
    return torch.from_numpy(numbers).as_strided(size, stride, storage.start + offset).clone()


def _outputs(network: Any) -> list[str] | None:
    """The names that TorchXRayVision gives the outputs of a network, where it was pickled with them."""
    state = network.state if isinstance(network, _Record) else {}
    names = state.get("pathologies", state.get("targets"))
    return list(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
