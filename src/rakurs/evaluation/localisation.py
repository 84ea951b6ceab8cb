"""Whether heat maps point at what a person has boxed, beside the same map anywhere else and beside the image's centre.

Everything is in fractions of the original image, on the grid that `inference.heatmaps.onto_image` lays over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rakurs.evaluation.answers import BoolArray, Float64Array, IntArray
from rakurs.evaluation.films import Progress, map_films
from rakurs.evaluation.index import Box, Studies
from rakurs.evaluation.intervals import Interval
from rakurs.evaluation.resamples import draw_resamples, interval_of, resampled_means
from rakurs.evaluation.scores import to_json
from rakurs.inference.heatmaps import onto_image
from rakurs.inference.network import load_network
from rakurs.pack import Pack
from rakurs.study import FloatArray
from rakurs.task import Task

THRESHOLD = 0.5
"""A map's region: where it is at least this share of its maximum."""

FEWEST_PATIENTS = 5
"""Of fewer, resamples say nothing, and no interval is given."""

WAYS = ("map", "random", "centre")
MEASURES = ("pointing", "iobb", "iou")
ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Boxed:
    """One label's boxes in the image of one view: `axis` is the label's place in the task, `film` the image's in it."""

    film: int
    axis: int
    patient: int
    boxes: list[Box]


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """How each boxed label was located: `axis` and `patient` int (m,), `hit` float64 (m, ways, measures) in 0..1.

    `empty` is how many of the maps were.
    """

    axis: IntArray
    patient: IntArray
    hit: Float64Array
    empty: int


def boxed_of(studies: Studies, task: Task, *, view: str) -> list[Boxed]:
    """What is boxed in the images of a view, a label of the task at a time; boxes of other labels are left out."""
    places: dict[str, list[int]] = {}
    for axis, label in enumerate(task.labels):
        for name in label.source_names:
            places.setdefault(name, []).append(axis)
    found = []
    for film, study in enumerate(studies.rows.get(view, [])):
        of_label: dict[int, list[Box]] = {}
        for box in studies.boxes[study]:
            if box.view == view:
                for axis in places.get(box.label, []):
                    of_label.setdefault(axis, []).append(box)
        patient = int(studies.patients[study])
        found += [Boxed(film=film, axis=axis, patient=patient, boxes=boxes) for axis, boxes in sorted(of_label.items())]
    return found


def locate(pack: Pack, studies: Studies, *, view: str, progress: Progress) -> Located | None:
    """Hold the heat maps of a view's network against the boxes; None where the view has no network or no box.

    Only the images with boxes are answered.

    Raises:
        UsageError: an image cannot be read.
    """
    boxed = boxed_of(studies, pack.task, view=view) if view in pack.networks else []
    if not boxed:
        return None
    films = sorted({each.film for each in boxed})
    network = load_network(pack.networks[view], pack.task, threads=1)
    mapped = map_films(
        network,
        [studies.films[view].files[film] for film in films],
        preprocess=pack.task.preprocess,
        progress=progress,
    )
    of_film: dict[int, list[Boxed]] = {}
    for each in boxed:
        of_film.setdefault(each.film, []).append(each)
    hits, empty = [], 0
    for film, (maps, frame) in zip(films, mapped, strict=True):
        covering = onto_image(maps, frame)
        for each in of_film[film]:
            heat = covering[each.axis].values
            empty += not heat.any()
            hits.append(hit(heat, each.boxes))
    return Located(
        axis=np.array([each.axis for each in boxed], np.int64),
        patient=np.array([each.patient for each in boxed], np.int64),
        hit=np.stack(hits),
        empty=empty,
    )


def hit(heat: FloatArray, boxes: Sequence[Box]) -> Float64Array:
    """How well one map (h, w), which covers the image, finds the boxes of its label: (ways, measures) in 0..1.

    "pointing": whether the centre of the map's highest cell lies in a box; of several highest cells, the share (Zhang
    et al., IJCV 126:1084, 2018, without their margin of 15 pixels). "iobb" and "iou": of the region where the map is
    at least `THRESHOLD` of its maximum, the share that lies in the boxes, and what region and boxes share of their
    union (Wang et al., CVPR 2017, with the region itself in place of a box around it). An empty map finds nothing.

    "random" is the mean over all places to which the map could be moved, wrapped at the borders; "centre" is the
    centre of the image, and the cells around it that make a region of the same size.
    """
    rows, columns = heat.shape
    covered = cover(boxes, rows=rows, columns=columns)
    highest = float(heat.max())
    region = heat >= THRESHOLD * highest if highest > 0 else np.zeros(heat.shape, np.bool_)
    peak = heat == highest if highest > 0 else region
    return np.array(
        [
            [_pointed(peak, boxes), *_overlap(region, covered)],
            [covered.mean(), *_moved_overlap(region, covered)],
            [_holds(boxes, x=0.5, y=0.5), *_overlap(_around_centre(region), covered)],
        ]
    )


def cover(boxes: Sequence[Box], *, rows: int, columns: int) -> Float64Array:
    """The share of each cell that lies in at least one box: (rows, columns) in 0..1."""
    covered = np.zeros((rows, columns))
    for left, right in _stretches([edge for box in boxes for edge in (box.left, box.left + box.width)]):
        for top, bottom in _stretches([edge for box in boxes for edge in (box.top, box.top + box.height)]):
            if _holds(boxes, x=(left + right) / 2, y=(top + bottom) / 2):
                covered += np.outer(_within(top, bottom, cells=rows), _within(left, right, cells=columns))
    return np.minimum(covered, 1)


def _stretches(edges: Sequence[float]) -> list[tuple[float, float]]:
    """The pieces into which edges cut a line: within each, a point is in the same boxes as every other."""
    return list(pairwise(sorted(set(edges))))


def _within(begin: float, end: float, *, cells: int) -> Float64Array:
    """How much of each of the cells that make up 0..1 lies in begin..end: (cells,) in 0..1."""
    border = np.arange(cells + 1) / cells
    return np.asarray(np.clip(np.minimum(border[1:], end) - np.maximum(border[:-1], begin), 0, None) * cells)


def _holds(boxes: Sequence[Box], *, x: float, y: float) -> bool:
    return any(box.left <= x <= box.left + box.width and box.top <= y <= box.top + box.height for box in boxes)


def _pointed(peak: BoolArray, boxes: Sequence[Box]) -> float:
    rows, columns = peak.shape
    places = np.argwhere(peak)
    hits = [_holds(boxes, x=(column + 0.5) / columns, y=(row + 0.5) / rows) for row, column in places]
    return float(np.mean(hits)) if hits else 0.0


def _overlap(region: BoolArray, covered: Float64Array) -> tuple[float, float]:
    """IoBB and IoU of a region with what the boxes cover."""
    cells, shared = int(region.sum()), float(covered[region].sum())
    return (shared / cells, shared / (cells + float(covered.sum()) - shared)) if cells else (0.0, 0.0)


def _moved_overlap(region: BoolArray, covered: Float64Array) -> tuple[float, float]:
    """The mean IoBB and IoU over all places to which the region can be moved, wrapped at the borders."""
    cells = int(region.sum())
    if not cells:
        return 0.0, 0.0
    shared = np.fft.irfft2(np.conj(np.fft.rfft2(region)) * np.fft.rfft2(covered), region.shape)  # at every move
    shared = np.clip(shared, 0, None)
    return float(np.mean(shared / cells)), float(np.mean(shared / (cells + covered.sum() - shared)))


def _around_centre(region: BoolArray) -> BoolArray:
    """As many cells as the region has, those nearest to the centre."""
    rows, columns = region.shape
    row, column = np.indices(region.shape)
    apart = (row - (rows - 1) / 2) ** 2 + (column - (columns - 1) / 2) ** 2
    around = np.zeros(region.size, np.bool_)
    around[np.argsort(apart, axis=None, kind="stable")[: int(region.sum())]] = True
    return around.reshape(region.shape)


def score_located(located: Located, task: Task, *, samples: int = 1000, seed: int) -> list[dict[str, Any]]:
    """A row per label that has boxes, and one for all of them together, ready for JSON.

    Each way's measures are means over the boxed labels of images, with an interval at 95 % drawn by patient; a row
    for all counts every boxed label of every image alike.
    """
    kinds = [(label.name, located.axis == axis) for axis, label in enumerate(task.labels)]
    held = [(name, rows) for name, rows in [*kinds, (ALL, np.ones(len(located.axis), np.bool_))] if rows.any()]
    return [
        {
            "label": name,
            "images": int(rows.sum()),
            **_ways(located.hit[rows], located.patient[rows], samples=samples, seed=seed),
        }
        for name, rows in held
    ]


def _ways(hits: Float64Array, patients: IntArray, *, samples: int, seed: int) -> dict[str, Any]:
    resamples = draw_resamples(patients, samples=samples, seed=seed)
    drawn = resampled_means(hits, resamples)
    if resamples.counts.shape[1] < FEWEST_PATIENTS:
        drawn = np.full_like(drawn, np.nan)
    measured = interval_of(hits.mean(axis=0), drawn)
    return {
        way: {
            measure: to_json(
                Interval(*(float(bound[row, column]) for bound in (measured.value, measured.low, measured.high)))
            )
            for column, measure in enumerate(MEASURES)
        }
        for row, way in enumerate(WAYS)
    }
