"""Writes what a benchmark of processes needs into a folder: pack/, weights.pt, film.png, and films/ of so many films.

    cd benchmarks && ../.venv/bin/python -m material.prepare FOLDER --films 500

Its own process, so that the benchmark's stays light: see timing.py.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from material.films import write_png
from material.networks import peer_network, save_weights, torchvision_loads, write_pack

DIFFERENT = 8
"""Films that differ; the others are copies of them."""

MENDED = "torchvision-needs-operators"
"""Names an empty file that is there when the peer's process must declare operators before it imports torchvision."""


def prepare(folder: Path, *, films: int) -> None:
    if not torchvision_loads():
        (folder / MENDED).touch()
    weights = save_weights(peer_network(), folder / "weights.pt")
    write_pack(weights, folder / "pack")
    write_png(folder / "film.png", seed=0)
    (folder / "films").mkdir()
    for number in range(films):
        path = folder / "films" / f"{number:04}.png"
        if number < DIFFERENT:
            write_png(path, seed=number)
        else:
            shutil.copy(folder / "films" / f"{number % DIFFERENT:04}.png", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=0)
    asked = parser.parse_args()
    prepare(asked.folder, films=asked.films)
