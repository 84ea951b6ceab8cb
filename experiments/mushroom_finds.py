"""Which photographs of mushrooms show one specimen: `python mushroom_finds.py FOLDER OUT.csv`.

FOLDER holds `index.csv` (a photograph per row) and `finds.csv` (finds that were looked at, and whether
their photographs show the same specimen). OUT gets the rows of `index.csv` with a column `study`: the
find where they do, else the photograph by itself; `rakurs dataset table` takes it from there.
"""

import csv
import sys
from pathlib import Path


def main(folder: Path, out: Path) -> None:
    """Write OUT from the two files of FOLDER."""
    with (folder / "finds.csv").open(newline="", encoding="utf-8") as lines:
        same = {row["object_id"] for row in csv.DictReader(lines) if row["same_specimen_by_eye"] in {"yes", "maybe"}}
    with (folder / "index.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    with out.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, ["study", *rows[0]])
        table.writeheader()
        for row in rows:
            table.writerow({"study": row["object_id"] if row["object_id"] in same else row["file"], **row})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
