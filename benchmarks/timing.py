"""What every benchmark shares: ways run in alternation, medians, ratios, one table, and the machine behind them.

Called as a script it answers: what is this machine, and is it idle enough to measure on?

    .venv/bin/python benchmarks/timing.py

Only the standard library is imported here: a process that a light parent starts is measured without the parent's
memory, which Linux otherwise counts into the peak of a child.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BENCHMARKS = Path(__file__).parent
REPOSITORY = BENCHMARKS.parent
SHIPPED = REPOSITORY / "packs" / "chest-xray"
BUSY_LOAD = 0.3
"""Mean load over the last minute from which on other work disturbs what is measured."""

UNSTEADY = 1.5
"""Upper over lower quartile: threads that wait by spinning get far slower than others when they share a core."""

PAUSE_S = 0.01
"""Between two ways: threads of the one before may still spin for a moment."""

Times = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to end: wall time, processor time of all its threads, and peak resident memory."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def arguments(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """A parser that knows --rounds and --threads; its description is the first paragraph of a script's docstring."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"measured runs of each way (default {rounds})")
    parser.add_argument("--threads", type=int, default=cores(), help="threads of a network (default: one per core)")
    return parser


def alternate(ways: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each way, (rounds,), run in turn A B A B ..., so that a slow moment of the machine meets all of them.

    The first `warm_up` turns are run and not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-warm_up, rounds):
        for name, way in ways.items():
            time.sleep(PAUSE_S)
            began = time.perf_counter()
            way()
            if turn >= 0:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def median_ms(seconds: Sequence[float]) -> float:
    """The median in milliseconds."""
    return 1000 * statistics.median(seconds)


def spread_ms(seconds: Sequence[float]) -> str:
    """The median in milliseconds with its quartiles, marked where these lie too far apart to compare anything with."""
    if len(seconds) < 2:
        return f"{median_ms(seconds):.1f}"
    low, _, high = (1000 * quartile for quartile in statistics.quantiles(seconds, n=4, method="inclusive"))
    unsteady = " UNSTEADY" if high > UNSTEADY * low else ""
    return f"{median_ms(seconds):.1f} [{low:.1f}, {high:.1f}]{unsteady}"


def median_ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of these / those, each pair from the same turn."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


def run_process(command: Sequence[str | Path]) -> Run:
    """Run a process to its end; its output is thrown away.

    Raises:
        SystemExit: it failed; the end of what it wrote on stderr is shown.
    """
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode != 0:
            told = errors.read().decode(errors="replace")[-2000:]
            reason = f"ended with {process.returncode} (1 of `rakurs read`: a film was refused)"
            raise SystemExit(f"{' '.join(map(str, command))}\n{reason}\n{told}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss: getrusage(2)
    return Run(seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_mib=usage.ru_maxrss * unit / 2**20)


def rakurs_command(*arguments: str | Path) -> list[str]:
    """The command line of `rakurs`, by this interpreter."""
    return [sys.executable, "-c", "from rakurs.cli import main; main()", *map(str, arguments)]


def shipped_pack() -> Path | None:
    """The pack that ships, where its network is there already."""
    return SHIPPED if (SHIPPED / "frontal.onnx").is_file() else None


def prepare_in_another_process(folder: Path, *, films: int = 0) -> None:
    """Write the pack, the weights and the films of `material.prepare`; torch stays out of this process."""
    command = [sys.executable, "-m", "material.prepare", str(folder), "--films", str(films)]
    subprocess.run(command, cwd=BENCHMARKS, check=True, stdout=subprocess.DEVNULL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + " --- |" * len(head), *lines[1:]])


def machine(packages: Sequence[str] = (), *, threads: int) -> str:
    """The machine, threads and versions, as two lines to stand above a table; warns of other work."""
    load = os.getloadavg()[0]
    busy = f" - TOO BUSY: other work disturbs what is measured above {BUSY_LOAD}" if load > BUSY_LOAD else ""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"{time.strftime('%Y-%m-%d')}; {_processor()}, {cores()} cores, {_memory_gib():.0f} GiB; {system}; "
        f"load at the start {load:.2f}{busy}  \n{threads} threads; {versions}\n"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    print(machine(["rakurs"], threads=cores()))
