"""What an index holds: images, studies and patients, and how often each label occurs, by split and by view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rakurs.evaluation.index import SPLITS
from rakurs.task import Task

UNLABELLED = "(no label)"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How many images and patients have each label in each group: `images` and `patients` int (labels, groups)."""

    labels: list[str]
    images: Ints
    patients: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """An index in numbers.

    `groups` are "all", then the splits, the views if there are several, and the view positions; `images`, `studies`
    and `patients` are int (groups,). `labels` are the data set's own, the most frequent first; `task` are the
    task's, in its order, and `unknown` those that it neither uses nor leaves out; `unknown_views` it does not have.
    `views` is how many studies have which views. `ages` are the 0th, 25th, 50th, 75th and 100th percentile, in
    years, of the `aged` images whose age is known.
    """

    groups: list[str]
    images: Ints
    studies: Ints
    patients: Ints
    labels: Counts
    task: Counts | None
    unknown: list[str]
    unknown_views: list[str]
    views: dict[str, int]
    ages: list[float]
    aged: int
    sexes: dict[str, int]
    boxes: int


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The images as numbers: `inside` bool (groups, images), `patient` and `study` int (images,)."""

    inside: npt.NDArray[np.bool_]
    patient: Ints
    study: Ints


def summarise(table: pa.Table, task: Task | None = None) -> Summary:
    """Count what the index holds; with `task`, also its labels."""
    groups, inside = _groups(table)
    rows = _Rows(inside, patient=_codes(table["patient"])[0], study=_codes(table["study"])[0])
    image, label, names = _flat(table["labels"])
    held = _counts(image, label, names=names, rows=rows)
    common = np.argsort(-held.images[:-1, 0], kind="stable").tolist()  # the last row is of those without a label
    order = [*common, len(names)] if held.images[-1, 0] else common
    ages = table["age"].drop_null().to_numpy()
    return Summary(
        groups=groups,
        images=inside.sum(1),
        studies=_distinct(rows.study, inside),
        patients=_distinct(rows.patient, inside),
        labels=Counts([held.labels[row] for row in order], held.images[order], held.patients[order]),
        task=None if task is None else _of_task(image, label, names=names, rows=rows, task=task),
        unknown=[] if task is None else _unknown(names, task),
        unknown_views=[]
        if task is None
        else sorted(set(_codes(table["view"])[1]) - {view.name for view in task.views}),
        views=_views(table, rows.study),
        ages=np.percentile(ages, [0, 25, 50, 75, 100]).tolist() if len(ages) else [],
        aged=len(ages),
        sexes={name or "unknown": n for name, n in Counter(table["sex"].to_pylist()).most_common()},
        boxes=int(pc.sum(pc.list_value_length(table["boxes"])).as_py() or 0),
    )


def _groups(table: pa.Table) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """The groups that are counted, and which images are in each: bool (groups, images)."""
    names, inside = ["all"], [np.ones(len(table), np.bool_)]
    for column, order in (("split", SPLITS), ("view", None), ("view_position", None)):
        codes, values = _codes(table[column])
        shown = [name for name in order or values if name in values]
        if column == "view" and len(shown) == 1:
            continue
        names += shown
        inside += [codes == values.index(name) for name in shown]
    return names, np.stack(inside)


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Each value as a number, -1 for null, and the values in the order of the numbers, the most frequent first."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values = encoded.dictionary.to_pylist()
    frequent = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable")
    rank = np.append(np.argsort(frequent), -1)  # the last is what -1 stands for
    return rank[codes], [values[place] for place in frequent]


def _flat(labels: pa.ChunkedArray) -> tuple[Ints, Ints, list[str]]:
    """Each pair of an image and a label of it as two numbers, and the labels' names."""
    held = labels.combine_chunks()
    image = pc.list_parent_indices(held).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = held.flatten().dictionary_encode()
    return image, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _counts(image: Ints, label: Ints, *, names: Sequence[str], rows: _Rows) -> Counts:
    """Count pairs of image and label; the last row counts the images without any."""
    held = np.zeros((len(names) + 1, len(rows.patient)), np.bool_)  # a label counts once, however often it is named
    held[label, image] = True
    held[-1] = ~held[:-1].any(0)
    label, image = np.nonzero(held)
    images, patients = [], []
    for inside in rows.inside:
        in_label, in_image = label[inside[image]], image[inside[image]]
        people = np.zeros((len(held), int(rows.patient.max()) + 1), np.bool_)
        people[in_label, rows.patient[in_image]] = True
        images.append(np.bincount(in_label, minlength=len(held)))
        patients.append(people.sum(1))
    return Counts([*names, UNLABELLED], np.stack(images, axis=1), np.stack(patients, axis=1))


def _of_task(image: Ints, label: Ints, *, names: Sequence[str], rows: _Rows, task: Task) -> Counts:
    """Count the task's labels, each of which may be several of the data set's."""
    pairs = [
        (image[label == place], axis)
        for axis, meant in enumerate(task.labels)
        for place, name in enumerate(names)
        if name in meant.source_names
    ]
    images = np.concatenate([np.empty(0, np.int64), *(held for held, _ in pairs)])
    axes = np.concatenate([np.empty(0, np.int64), *(np.full(len(held), axis) for held, axis in pairs)])
    return _counts(images, axes, names=[meant.name for meant in task.labels], rows=rows)


def _unknown(names: Sequence[str], task: Task) -> list[str]:
    known = {name for label in task.labels for name in label.source_names}.union(task.without)
    return sorted(set(names) - known)


def _distinct(codes: Ints, inside: npt.NDArray[np.bool_]) -> Ints:
    """How many different codes each group has."""
    return np.array([np.count_nonzero(np.bincount(codes[mask])) for mask in inside], np.int64)


def _views(table: pa.Table, study: Ints) -> dict[str, int]:
    """How many studies have which views, by "top + side" or "top alone"."""
    codes, names = _codes(table["view"])
    held: npt.NDArray[Any] = np.zeros((int(study.max()) + 1, len(names)), np.bool_)
    held[study, codes] = True
    kinds, counts = np.unique(held, axis=0, return_counts=True)
    said = [" + ".join(name for name, has in zip(names, kind, strict=True) if has) for kind in kinds]
    order = np.argsort(-counts, kind="stable")
    return {said[place] if " + " in said[place] else f"{said[place]} alone": int(counts[place]) for place in order}
