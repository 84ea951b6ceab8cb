"""Heat maps as they are kept: one small packed block per view, from which any label's picture is drawn at once."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import numpy as np

from rakurs.inference.overlay import map_png
from rakurs.study import HeatMap

HEAD_BYTES = 4
"""Before the block stands the length of its head, big-endian."""


def pack_maps(maps: Mapping[str, HeatMap]) -> bytes:
    """The maps of one view by label: a head in JSON, then uint8 levels (labels, h, w).

    Each is scaled to its own maximum, as a map is shown in any case, so that nothing is lost that is seen.
    """
    some = next(iter(maps.values()))
    height, width = some.values.shape
    head = {
        "labels": list(maps), "height": height, "width": width, "rows": some.rows, "columns": some.columns
    }  # fmt: skip
    levels = np.stack([_levels(heat_map) for heat_map in maps.values()])
    block = json.dumps(head).encode()
    return len(block).to_bytes(HEAD_BYTES, "big") + block + zlib.compress(levels.tobytes(), 1)


def _levels(heat_map: HeatMap) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    greatest = float(heat_map.values.max(initial=0.0))
    scale = 255 / greatest if greatest > 0 else 0.0
    return np.asarray(np.round(heat_map.values * scale), np.uint8)


def heat_map_of(packed: bytes, label: str) -> HeatMap | None:
    """One label's map out of a view's block; None where the view has no map of it.

    The values are levels 0..255.
    """
    start = HEAD_BYTES + int.from_bytes(packed[:HEAD_BYTES], "big")
    head = json.loads(packed[HEAD_BYTES:start])
    if label not in head["labels"]:
        return None
    size = head["height"] * head["width"]
    place = head["labels"].index(label) * size
    levels = np.frombuffer(zlib.decompress(packed[start:]), np.uint8)[place : place + size]
    values = levels.reshape(head["height"], head["width"]).astype(np.float32)
    return HeatMap(values=values, rows=head["rows"], columns=head["columns"])


def map_picture(packed: bytes, label: str) -> bytes | None:
    """One label's map as a small palette PNG with alpha; transparent throughout where nothing speaks for the label."""
    heat_map = heat_map_of(packed, label)
    return None if heat_map is None else map_png(heat_map)
