"""Reads one film of a folder after the other, with the heat maps of all labels, and prints this process's memory.

    cd benchmarks && ../.venv/bin/python -m material.growth PACK FOLDER --warm 10

On stdout, MiB as JSON: [after so many warm readings, after all]. Linux only: /proc says how much is resident now.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
from pathlib import Path

from rakurs.inference.read import load_reader, read_files
from rakurs.pack import read_pack


def resident_mib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory_of_readings(pack: Path, folder: Path, *, warm: int, threads: int) -> list[float]:
    reader = load_reader(read_pack(pack), threads=threads)
    memory = []
    films = sorted(folder.iterdir())
    for done, path in enumerate([*films[:warm], *films], start=1):
        reading = read_files(reader, {"frontal": path})
        assert all(finding.heat_maps for finding in reading.findings)
        if done in (warm, warm + len(films)):
            memory.append(resident_mib())
    return memory


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--warm", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    print(json.dumps(memory_of_readings(asked.pack, asked.folder, warm=asked.warm, threads=asked.threads)))
