"""Tables on a terminal or in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Call, write_film

PROGRAM = [sys.executable, "-c", "from rakurs.cli import main; main()", "read"]


def test_a_file_name_cannot_steer_the_terminal(call: Call, film: Path) -> None:
    odd = film.rename(film.parent / "a\x1b[2Jb.png")
    assert "\x1b" not in call(odd).stdout


def test_reached_points_are_told_by_mark_and_word(call: Call, tmp_path: Path) -> None:
    output = "".join(call(write_film(tmp_path / f"{seed}.png", seed=seed)).stdout for seed in range(6))
    assert "○ sensitive" in output


def test_an_output_that_knows_only_ascii_gets_ascii(pack: Path, film: Path) -> None:
    answer = subprocess.run(
        [*PROGRAM, str(film), "--pack", str(pack)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert answer.stdout.isascii()
    assert answer.stderr == b""
