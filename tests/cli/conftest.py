"""What the tests of the command line need: a pack, films, and a way to call the program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from rakurs.cli import rakurs_command
from tests.packs import write_pack

Call = Callable[..., Result]


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two views, calibrated and gated, that refuses nothing."""
    return write_pack(tmp_path_factory.mktemp("packs") / "tiny", views=("frontal", "lateral"))


@pytest.fixture(scope="session")
def call(pack: Path) -> Call:
    """Call `rakurs read` with that pack, unless the arguments name another; stdout and stderr are kept apart."""

    def read(*arguments: str | Path) -> Result:
        return CliRunner().invoke(rakurs_command, ["read", "--pack", str(pack), *map(str, arguments)])

    return read


def write_film(path: Path, *, seed: int = 0, side: int = 96) -> Path:
    """A grey PNG with structure that differs from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR))
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.png")
