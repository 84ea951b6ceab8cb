"""What many tests need: films to read, and libraries to compare with."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
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
    """Makes torchvision importable, and with it torchxrayvision and grad-cam; ask for it before importing them."""
    pytest.importorskip("torch")
    return importlib.import_module("rakurs.training.libraries").library("torchvision")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small images are fastest so, also where other work keeps the cores busy."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
