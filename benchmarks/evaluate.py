"""How long does evaluation take, beside scikit-learn in a loop, and are all cores busy while films are read?

    .venv/bin/python benchmarks/evaluate.py --rounds 3

- Intervals: AUROC and AUPRC of 14 labels and their mean from the answers to 10,000 films of 3,000 patients, by 1,000
  resamples of patients; two readers of these films compared in the same way. The peer calls scikit-learn for each
  label of a share of the same resamples, whose time is scaled up; on these resamples both must agree to 1e-9.
- Reading: films a second through the pack that ships, or a random one where it is missing, with films of 1024 px as
  PNG: one thread, all cores (each thread decodes and answers its own films), and all cores on one batch at a time.
  Films a processor-second tell what is lost by sharing even on a machine that does other work.

Each question runs in processes of its own; peak memory is the kernel's (getrusage), imports included.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from timing import arguments, machine, prepare_in_another_process, shipped_pack, table

PACKAGES = ("rakurs", "numpy", "scikit-learn", "onnxruntime", "imagecodecs")
HEAD = ("question", "way", "median", "peak MiB", "x", "target")
FILMS, PATIENTS, LABELS, RESAMPLES = 10_000, 3_000, 14, 1_000
SHARE = 10
"""Of the resamples, what the peer is given."""

TARGET_S, TARGET_MIB = 30, 1024
Row = tuple[str, str, str, str, str, str]


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--films", type=int, default=200, help="films that are read (default 200)")
    asked = parser.parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    rows = interval_rows(rounds=asked.rounds)
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare_in_another_process(folder, films=asked.films)
        rows += reading_rows(folder, threads=asked.threads, rounds=asked.rounds)
    print(table(HEAD, rows))


def interval_rows(*, rounds: int) -> list[Row]:
    runs: dict[str, list[dict[str, float]]] = {"scores": [], "differences": [], "scikit-learn": []}
    for _ in range(rounds):
        for way, of_way in runs.items():
            of_way.append(measured_apart(way))
    ours = median_of(runs["scores"], "seconds")
    peer = median_of(runs["scikit-learn"], "seconds") * RESAMPLES / SHARE
    apart = max(run["apart"] for run in runs["scikit-learn"])
    question = f"{FILMS:,} films, {LABELS} labels, {RESAMPLES:,} resamples"
    return [
        (
            question,
            "Rakurs: areas, intervals, ECE",
            f"{ours:.2f} s",
            f"{median_of(runs['scores'], 'peak_mib'):.0f}",
            "1",
            f"{TARGET_S} s, {TARGET_MIB} MiB",
        ),
        (
            f"{question}, two readers",
            "Rakurs: paired differences, DeLong",
            f"{median_of(runs['differences'], 'seconds'):.2f} s",
            f"{median_of(runs['differences'], 'peak_mib'):.0f}",
            f"{median_of(runs['differences'], 'seconds') / ours:.1f}",
            "",
        ),
        (
            question,
            f"scikit-learn in a loop, scaled from {SHARE} resamples; largest difference there {apart:.0e}",
            f"{peer:.0f} s",
            f"{median_of(runs['scikit-learn'], 'peak_mib'):.0f}",
            f"{peer / ours:.0f}",
            "",
        ),
    ]


def reading_rows(folder: Path, *, threads: int, rounds: int) -> list[Row]:
    pack = shipped_pack() or folder / "pack"
    ways = {"one thread": 1, f"{threads} threads, each its own films": threads, "all cores on one batch at a time": 0}
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, jobs in ways.items():
            runs[way].append(measured_apart("reading", str(folder / "films"), str(pack), str(jobs)))
    one = median_of(runs["one thread"], "rate")
    return [
        (
            "films to answers",
            way,
            f"{median_of(of_way, 'rate'):.1f} films/s, {median_of(of_way, 'rate_of_busy'):.1f} a processor-second",
            f"{median_of(of_way, 'peak_mib'):.0f}",
            f"{median_of(of_way, 'rate') / one:.2f} as many",
            f"{threads} as many" if ways[way] == threads > 1 else "",
        )
        for way, of_way in runs.items()
    ]


def measured_apart(*said: str) -> dict[str, float]:
    """What material.evaluated tells of one way, in a process of its own."""
    command = [sys.executable, "-m", "material.evaluated", *said]
    told = subprocess.run(command, cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured: dict[str, float] = json.loads(told)
    return measured


def median_of(runs: list[dict[str, float]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


if __name__ == "__main__":
    main()
