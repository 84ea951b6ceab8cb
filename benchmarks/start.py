"""How long from starting the process to the first answer, and how much memory, beside TorchXRayVision's own way?

    .venv/bin/python benchmarks/start.py --rounds 10

Whole processes, each from its start to its end, in alternation, on one film and with the same weights of a
DenseNet-121: `rakurs read film.png --json`, which also finds the heat maps of all labels, against a script that does
what TorchXRayVision's README says. Peak memory is the kernel's own (getrusage). Below stands where Rakurs spends its
imports: the time within each package, without what that package imports in turn; Python counts it (-X importtime),
which itself takes time, so the parts add up to more than the imports of a plain run.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from timing import (
    BENCHMARKS,
    Run,
    arguments,
    machine,
    median_ratio,
    prepare_in_another_process,
    rakurs_command,
    run_process,
    table,
)

PACKAGES = ("rakurs", "onnxruntime", "numpy", "torch", "torchxrayvision")
HEAD = ("process", "median s", "processor s", "peak MiB", "time x", "memory x", "target")
RAKURS, PEER = "rakurs read film.png --json", "TorchXRayVision, a script"
SHOWN = 12
"""Packages whose imports take longest."""

Row = tuple[str, str, str, str, str, str, str]


def main() -> None:
    asked = arguments(__doc__, rounds=10).parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare_in_another_process(folder)
        commands = {RAKURS: ours(folder, threads=asked.threads), PEER: theirs(folder)}
        runs: dict[str, list[Run]] = {way: [] for way in commands}
        for turn in range(-1, asked.rounds):
            for way, command in commands.items():
                run = run_process(command)
                if turn >= 0:
                    runs[way].append(run)
        rows = process_rows(runs) + import_rows(ours(folder, threads=asked.threads), rounds=asked.rounds)
    print(table(HEAD, rows))


def ours(folder: Path, *, threads: int) -> list[str]:
    options = ("--json", "--pack", folder / "pack", "--jobs", str(threads))
    return rakurs_command("read", folder / "film.png", *options)


def theirs(folder: Path) -> list[str]:
    script = BENCHMARKS / "material" / "peer_process.py"
    command = [sys.executable, str(script), str(folder / "film.png"), str(folder / "weights.pt")]
    return [*command, "--declare-operators"] if (folder / "torchvision-needs-operators").exists() else command


def process_rows(runs: Mapping[str, list[Run]]) -> list[Row]:
    """Both processes; how many times as much the peer takes, and the targets for that."""
    rows: list[Row] = []
    for way, of_way in runs.items():
        seconds, peaks = [run.seconds for run in of_way], [run.peak_mib for run in of_way]
        first = way == RAKURS
        rows.append(
            (
                way,
                f"{statistics.median(seconds):.2f}",
                f"{statistics.median(run.cpu_seconds for run in of_way):.2f}",
                f"{statistics.median(peaks):.0f}",
                "1" if first else f"{median_ratio(seconds, [run.seconds for run in runs[RAKURS]]):.1f}",
                "1" if first else f"{median_ratio(peaks, [run.peak_mib for run in runs[RAKURS]]):.1f}",
                "" if first else "time 4, memory 3",
            )
        )
    return rows


def import_rows(command: list[str], *, rounds: int) -> list[Row]:
    """The packages whose imports take longest, by the median over runs."""
    counted = [seconds_by_package(command) for _ in range(max(1, rounds // 3))]
    packages = sorted({package for one in counted for package in one})
    medians = {package: statistics.median(one[package] for one in counted) for package in packages}
    longest = sorted(medians, key=medians.__getitem__, reverse=True)
    rows = [import_row(f"import {package}", medians[package]) for package in longest[:SHOWN]]
    rest = sum(medians[package] for package in longest[SHOWN:])
    return [*rows, import_row(f"import of {len(longest) - SHOWN} others", rest)]


def import_row(name: str, seconds: float) -> Row:
    return (name, f"{seconds:.3f}", "", "", "", "", "")


def seconds_by_package(command: list[str]) -> dict[str, float]:
    """Top-level package -> seconds within its modules; those of Python itself together."""
    told = subprocess.run([command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True, check=True)
    seconds: dict[str, float] = defaultdict(float)
    for microseconds, module in re.findall(r"^import time: +(\d+) \| +\d+ \| *(\S+)$", told.stderr, re.MULTILINE):
        package = module.partition(".")[0]
        seconds["Python's own" if package in sys.stdlib_module_names else package] += int(microseconds) / 1e6
    return seconds


if __name__ == "__main__":
    main()
