"""Damaged files of every format and codec: an image or a refusal, never a crash, within time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing import NAMES

REPOSITORY = Path(__file__).parents[2]
# More mutations, another seed: RAKURS_FUZZ=20000 RAKURS_FUZZ_SEED=7 pytest tests/inference/test_images_fuzz.py
COUNT, SEED = os.environ.get("RAKURS_FUZZ", "250"), os.environ.get("RAKURS_FUZZ_SEED", "1")


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_gives_an_image_or_a_refusal(name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing", name, COUNT, SEED],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "unreadable" in ended.stdout
