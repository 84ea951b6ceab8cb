"""How long does the index of the whole NIH release take, with its summary?

    .venv/bin/python benchmarks/datasets.py --rounds 5

A release of 112,120 films of 30,805 patients, whose files hold one byte: what is measured is the label file, the
folders and the counting. `rakurs dataset nih` in alternation with the usual few lines of pandas, which match rows to
files, take the official split, count labels by split and view position, and write Parquet: no check of sizes, splits by
patient, boxes or ages. Wall time, processor time and the kernel's peak memory of whole processes.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from timing import Run, arguments, machine, median_ratio, rakurs_command, run_process, table

PACKAGES = ("rakurs", "pandas", "pyarrow", "numpy")
HEAD = ("way", "median s", "x", "processor s", "peak MiB", "target")
FILMS, PATIENTS, FOLDERS = 112_120, 30_805, 12
TARGET = "under 5 s"
LABELS = (  # shares of films: counts of the official file over 112,120
    *(("Infiltration", 0.177), ("Effusion", 0.119), ("Atelectasis", 0.103), ("Nodule", 0.056), ("Mass", 0.052)),
    *(("Pneumothorax", 0.047), ("Consolidation", 0.042), ("Pleural_Thickening", 0.03), ("Cardiomegaly", 0.025)),
    *(("Emphysema", 0.022), ("Edema", 0.021), ("Fibrosis", 0.015), ("Pneumonia", 0.013), ("Hernia", 0.002)),
)
NAMES = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
PEER = """
import sys
from pathlib import Path
import pandas as pd
root, out = map(Path, sys.argv[1:])
films = pd.read_csv(root / "Data_Entry_2017_v2020.csv")
found = {file.name: str(file) for file in root.glob("images_*/images/*.png")}
films["path"] = films["Image Index"].map(found)
films = films[films["path"].notna()]
test = set((root / "test_list.txt").read_text().split())
films["split"] = films["Image Index"].isin(test).map({True: "test", False: "train"})
held = films["Finding Labels"].str.get_dummies("|")
for group in ("split", "View Position"):
    print(held.groupby(films[group]).sum().T)
    print(held.mul(1).groupby([films[group], films["Patient ID"]]).max().groupby(level=0).sum().T)
films.to_parquet(out)
"""


def main() -> None:
    asked = arguments(__doc__, rounds=5).parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    with TemporaryDirectory() as name:
        root = Path(name) / "release"
        write_release(root)
        ways = {
            "rakurs dataset nih": rakurs_command("dataset", "nih", root, "--out", Path(name) / "ours.parquet"),
            "pandas": [sys.executable, "-c", PEER, str(root), str(Path(name) / "theirs.parquet")],
        }
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        for turn in range(-1, asked.rounds):
            for way, command in ways.items():
                run = run_process(command)
                if turn >= 0:
                    runs[way].append(run)
    print(table(HEAD, [row_of(way, runs) for way in runs]))


def write_release(root: Path) -> None:
    """Write files of one byte, a label file, and the two lists, with about as many of each label as the release has."""
    drawn = random.Random(0)
    rows, lists = [NAMES], {"train_val_list.txt": list[str](), "test_list.txt": list[str]()}
    for film in range(FILMS):
        patient = film * PATIENTS // FILMS
        image = f"{patient:08d}_{film:06d}.png"
        labels = "|".join(label for label, share in LABELS if drawn.random() < share) or "No Finding"
        rows.append(
            f"{image},{labels},0,{patient},{20 + patient % 60},{'MF'[patient % 2]},{drawn.choice(['PA', 'AP'])}"
        )
        lists["test_list.txt" if patient % 5 == 0 else "train_val_list.txt"].append(image)
        link(root / f"images_{film * FOLDERS // FILMS + 1:03d}" / "images" / image)
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, images in lists.items():
        (root / name).write_text("\n".join(images) + "\n", encoding="utf-8")


def link(image: Path) -> None:
    """Give the one file of a folder one more name: faster to make and to take away than another file."""
    first = image.parent.parent / "one"
    if not first.exists():
        image.parent.mkdir(parents=True)
        first.write_bytes(b"1")
    os.link(first, image)


def row_of(way: str, runs: dict[str, list[Run]]) -> list[str]:
    ours = [run.seconds for run in runs["rakurs dataset nih"]]
    return [
        way,
        f"{statistics.median(run.seconds for run in runs[way]):.1f}",
        f"{median_ratio([run.seconds for run in runs[way]], ours):.2f}",
        f"{statistics.median(run.cpu_seconds for run in runs[way]):.1f}",
        f"{max(run.peak_mib for run in runs[way]):.0f}",
        TARGET if way.startswith("rakurs") else "",
    ]


if __name__ == "__main__":
    main()
