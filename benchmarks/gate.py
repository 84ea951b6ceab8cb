"""Which images does the gate refuse, and with which code?

    python benchmarks/gate.py other_hospitals=DIR laterals=DIR photographs=DIR … [--pack chest-xray] [--turned NAME]

Every file of every folder is read as a frontal film would be; the table counts the answers. `--turned NAME` reads the
films of that folder again, turned by 90, 180 and 270 degrees and with inverted grey values. Without any folder it says
so and measures nothing.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from rakurs.errors import Refusal
from rakurs.inference.images import read_image
from rakurs.inference.read import Reader, load_reader, read_study
from rakurs.pack import find_pack, read_pack
from rakurs.study import Image, Study

READ = "read"
POSTURES: dict[str, Callable[[Image], Image]] = {
    "turned by 90": lambda image: _turned(image, 1),
    "turned by 180": lambda image: _turned(image, 2),
    "turned by 270": lambda image: _turned(image, 3),
    "inverted": lambda image: replace(image, pixels=1 - image.pixels),
}


def main() -> None:
    options = _options()
    if not options.folders:
        print("Nothing to measure: name folders of images, as NAME=FOLDER.")
        return
    reader = load_reader(read_pack(find_pack(options.pack)))
    groups = dict(named.split("=", 1) for named in options.folders)
    rows = {name: _answers(reader, Path(folder)) for name, folder in groups.items()}
    for name in options.turned:
        for posture, change in POSTURES.items():
            rows[f"{name}, {posture}"] = _answers(reader, Path(groups[name]), change=change)
    print(_table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER")
    parser.add_argument("--pack", default="chest-xray")
    parser.add_argument("--turned", action="append", default=[], metavar="NAME")
    return parser.parse_args()


def _answers(reader: Reader, folder: Path, *, change: Callable[[Image], Image] | None = None) -> Counter[str]:
    return Counter(_answer(reader, path, change=change) for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".csv")


def _answer(reader: Reader, path: Path, *, change: Callable[[Image], Image] | None) -> str:
    view = next(view.name for view in reader.pack.task.views if view.required)
    try:
        image = read_image(path)
        read_study(reader, Study(images={view: change(image) if change else image}))
    except Refusal as refusal:
        return refusal.code
    return READ


def _turned(image: Image, quarters: int) -> Image:
    pixels = np.ascontiguousarray(np.rot90(image.pixels, quarters))
    rows, columns = (image.source.rows, image.source.columns)[:: -1 if quarters % 2 else 1]
    return replace(image, pixels=pixels, source=replace(image.source, rows=rows, columns=columns))


def _table(rows: dict[str, Counter[str]]) -> str:
    codes = [READ, *sorted({code for counts in rows.values() for code in counts} - {READ})]
    lines = ["| images | n | " + " | ".join(codes) + " |", "|" + " --- |" * (len(codes) + 2)]
    for name, counts in rows.items():
        cells = [str(counts[code]) if counts[code] else "" for code in codes]
        lines.append(f"| {name} | {counts.total()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
