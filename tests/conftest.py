"""What many tests need: films to read, and libraries to compare with."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of films that are not part of the repository; the test is skipped where it is missing."""
    folder = Path(os.environ.get("RAKURS_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the folder of test films; name it in RAKURS_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def sample_film() -> Path:
    """A human chest, PA, computed radiography, MONOCHROME1, as the package pydicom-data carries it."""
    path = get_testdata_file("RG1_UNCI.dcm", download=False)
    assert isinstance(path, str), "pydicom-data is missing; it is pinned in requirements/run.txt"
    return Path(path)


@pytest.fixture(scope="session")
def reference_networks() -> object:
    """Makes torchvision importable, and with it torchxrayvision and grad-cam; ask for it before importing them.

    Beside a CPU-only torch, pip may install the torchvision that was built for CUDA. Its compiled operators
    then do not load, and its import fails because two of them are unknown. Declaring those two is enough for
    networks and transforms. Nothing is declared where torchvision imports by itself.
    """
    torch = pytest.importorskip("torch")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        declared = torch.library.Library("torchvision", "FRAGMENT")
        declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision")
        return declared  # in force for as long as the fixture holds it
    return None
