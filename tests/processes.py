"""Processes of their own, for what cannot be tested within the one of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """That of the tests, with this source tree first and one thread each."""
    return {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}", "OMP_NUM_THREADS": "1"}


def run_python(*arguments: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run this interpreter to its end, which must be a good one."""
    command = [sys.executable, *map(str, arguments)]
    answer = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=timeout_s)
    assert answer.returncode == 0, answer.stderr
    return answer


def start_rakurs(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start the program; what it writes on stderr can be read line by line."""
    command = [sys.executable, "-m", "rakurs", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
