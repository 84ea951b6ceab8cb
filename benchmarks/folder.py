"""How fast is a folder of films read by one thread and by two, and does memory grow?

    .venv/bin/python benchmarks/folder.py --rounds 3

`rakurs read FOLDER --json` in alternation with --jobs 1 and --jobs N on folders of 50 and of 500 PNG films of 1024 px:
films a second over the whole process, processor time over wall time, and the kernel's peak memory. Then one process
reads 500 films with the heat maps of all labels, and its memory now (/proc, so Linux only) is compared with that after
the first ten. The pack is the one that ships where its network is there, else a DenseNet-121 with random weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
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
    shipped_pack,
    table,
)

PACKAGES = ("rakurs", "onnxruntime", "numpy")
HEAD = ("way", "films", "median s", "films/s", "x", "processor / wall", "peak MiB", "target")
FEW_SHARE = 10
"""The smaller folder holds a tenth of the films."""

WARM = 10
"""Readings after which memory is taken for the first time: allocators have their pools by then."""

GROWTH_TARGET = "growth < 5 %"

Row = tuple[str, ...]
Runs = dict[tuple[int, int], list[Run]]
"""By (jobs, films)."""


def main() -> None:
    asked = parser().parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare_in_another_process(folder, films=asked.films)
        shipped = None if asked.random else shipped_pack()
        pack = shipped or folder / "pack"
        runs = measured(folder, pack, films=asked.films, jobs=(1, asked.threads), rounds=asked.rounds)
        rows = [row_of(runs, jobs=jobs, films=films) for jobs, films in runs]
        rows.append(growth_row(pack, folder / "films", threads=asked.threads))
    print(table(HEAD, rows))
    print(f"\nPack: {'chest-xray' if shipped else 'DenseNet-121 at 224 px with random weights'}.")


def parser() -> argparse.ArgumentParser:
    made = arguments(__doc__, rounds=3)
    made.add_argument("--films", type=int, default=500, help="films in the larger folder (default 500)")
    made.add_argument("--random", action="store_true", help="take random weights although a pack ships")
    return made


def measured(folder: Path, pack: Path, *, films: int, jobs: tuple[int, ...], rounds: int) -> Runs:
    """Runs by (jobs, films), a turn of all after the other."""
    few = folder / "few"
    few.mkdir()
    for path in sorted((folder / "films").iterdir())[: max(1, films // FEW_SHARE)]:
        (few / path.name).symlink_to(path)
    folders = {max(1, films // FEW_SHARE): few, films: folder / "films"}
    runs: Runs = {(threads, count): [] for count in folders for threads in dict.fromkeys(jobs)}
    for _ in range(rounds):
        for (threads, count), of_way in runs.items():
            command = rakurs_command("read", folders[count], "--json", "--pack", pack, "--jobs", str(threads))
            of_way.append(run_process(command))
    return runs


def row_of(runs: Runs, *, jobs: int, films: int) -> Row:
    """One way; `x` is how many times as fast it is as one job on the same films."""
    of_way = runs[jobs, films]
    seconds = [run.seconds for run in of_way]
    alone = [run.seconds for run in runs[1, films]]
    return (
        f"rakurs read FOLDER --jobs {jobs}",
        str(films),
        f"{statistics.median(seconds):.1f}",
        f"{films / statistics.median(seconds):.1f}",
        "1" if jobs == 1 else f"{median_ratio(alone, seconds):.2f}",
        f"{statistics.median(run.cpu_seconds / run.seconds for run in of_way):.2f}",
        f"{statistics.median(run.peak_mib for run in of_way):.0f}",
        "",
    )


def growth_row(pack: Path, films: Path, *, threads: int) -> Row:
    """Memory of one process after it has read every film, over that after the first `WARM` readings."""
    command = [sys.executable, "-m", "material.growth", str(pack), str(films), "--warm", str(WARM)]
    command += ["--threads", str(threads)]
    told = subprocess.run(command, cwd=BENCHMARKS, check=True, stdout=subprocess.PIPE).stdout
    warm, end = json.loads(told)
    way = f"one process, memory after {WARM} readings and after all: {warm:.0f}, {end:.0f} MiB"
    count = sum(1 for _ in films.iterdir())
    return (way, str(count), "", "", f"growth {end / warm - 1:+.1%}", "", f"{end:.0f}", GROWTH_TARGET)


if __name__ == "__main__":
    main()
