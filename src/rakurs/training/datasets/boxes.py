"""Boxes around what a label names, as NIH ChestX-ray14 lists them (Wang et al., CVPR 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import find_column, read_columns

SIDE_PX = 1024
"""The images of the release are square, and its boxes are in their pixels."""

_COLUMNS: Final[Sequence[Sequence[str]]] = (  # the header of the release is "..., Bbox [x,y,w,h],,,"
    ("image", "image_index", "file"),
    ("label", "finding_label"),
    ("x", "bbox_x", "left"),
    ("y", "top"),
    ("w", "width"),
    ("h", "height"),
)
LABELS: Final[Mapping[str, str]] = {"Infiltrate": "Infiltration"}
"""Labels that the list of boxes spells otherwise than the list of films."""


def read_boxes(path: Path, *, side_px: float = SIDE_PX) -> dict[str, list[dict[str, Any]]]:
    """The boxes of each image, as fractions of its sides, by the image's file name without its ending.

    Raises:
        UsageError: the file cannot be read, lacks a column, or holds something that is no box in the image.
    """
    columns = read_columns(path)
    found = [find_column(columns, names) for names in _COLUMNS]
    missing = [names[0] for names, name in zip(_COLUMNS, found, strict=True) if name is None]
    if missing:
        raise UsageError(
            f"{path.name} has no column for {', '.join(missing)}; expected image, label, and x, y, w, h in pixels."
        )
    boxes: dict[str, list[dict[str, Any]]] = {}
    for image, label, *sides in zip(*(columns[name].tolist() for name in found if name), strict=True):
        boxes.setdefault(stem_of(image), []).append(
            {"label": LABELS.get(label, label), **_fractions(sides, side_px, of=path.name)}
        )
    return boxes


def boxes_of(paths: Sequence[str], boxes: Mapping[str, Sequence[dict[str, Any]]]) -> tuple[list[Any], list[str]]:
    """The boxes of each image, None where there is none, and how many belong to images that are not there."""
    held = [list(boxes[stem]) if (stem := stem_of(path)) in boxes else None for path in paths]
    given, total = sum(len(row) for row in held if row), sum(map(len, boxes.values()))
    return held, [f"{total - given} of {total} boxes belong to images that are not here."] if given < total else []


def stem_of(path: str) -> str:
    """The file's name without its ending: copies of an image often have another."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _fractions(sides: Sequence[str], side_px: float, *, of: str) -> dict[str, float]:
    try:
        left, top, width, height = (float(side) / side_px for side in sides)
    except ValueError:
        left = top = width = height = math.nan
    if not (0 <= left <= 1 and 0 <= top <= 1 and width > 0 and height > 0 and max(left + width, top + height) < 1.01):
        raise UsageError(
            f"{of} holds the box {', '.join(sides)}; expected x, y, width and height in pixels of an image of "
            f"{side_px:g} pixels. Name another side with --boxes-px."
        )
    return {"left": left, "top": top, "width": width, "height": height}
