"""The packs of this process: each is checked and loaded once."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from rakurs.errors import PackError, TaskError
from rakurs.inference.document import pack_document
from rakurs.inference.read import Reader, load_reader
from rakurs.inference.weight import points_of
from rakurs.pack import Pack, Threshold, find_pack, pack_folders, read_pack
from rakurs.task import Label, OperatingPoint, Task, View

_LOADING = threading.Lock()


def pack_names() -> list[str]:
    """The names under which packs are found, each once."""
    return list(dict.fromkeys(folder.name for folder in pack_folders()))


@cache
def pack_of(name: str) -> Pack:
    """The pack of this name, among those of the installation; never a path, which a caller could choose.

    Raises:
        PackError: there is no such pack, or it is damaged.
        TaskError: its task is broken.
    """
    if name not in pack_names():
        raise PackError(f"There is no pack '{name}' here; there is: {', '.join(sorted(pack_names())) or 'none'}.")
    return read_pack(find_pack(name))


def usable_packs() -> list[Pack]:
    """The packs that can be used; `readings.checks` says why another cannot."""
    packs = []
    for name in pack_names():
        try:
            packs.append(pack_of(name))
        except (PackError, TaskError):
            continue
    return packs


def reader_of(name: str) -> Reader:
    """The pack with its networks loaded, one thread to a run: as many readings as cores run beside each other.

    Raises:
        PackError: there is no such pack, or a network cannot be loaded.
    """
    with _LOADING:
        return _reader_of(name)


@cache
def _reader_of(name: str) -> Reader:
    return load_reader(pack_of(name), threads=1)


def shown_pack(pack: Pack) -> dict[str, Any]:
    """A pack as the API shows it: everything that a page must know to draw itself, and what was measured."""
    task, measured = pack.task, pack.measured
    return {
        **pack_document(pack),
        "title": dict(task.title),
        "intended_use": dict(task.intended_use),
        "caution": dict(task.caution) if task.caution else None,
        "activation": task.activation,
        "calibrated": pack.calibrated,
        "views": [_shown_view(view, pack) for view in task.views],
        "labels": [_shown_label(label, pack) for label in task.labels],
        "operating_points": [_shown_point(point) for point in task.operating_points],
        "measured": None if measured is None else {"date": measured.date, "validation": _plain(measured.validation)},
    }


def _shown_view(view: View, pack: Pack) -> dict[str, Any]:
    return {
        "name": view.name,
        "title": dict(view.title),
        "required": view.required,
        "read": view.name in pack.networks,
        "dicom": list(view.dicom),
    }


def _shown_label(label: Label, pack: Pack) -> dict[str, Any]:
    return {
        "name": label.name,
        "title": dict(label.title),
        "code": label.code,
        "operating_points": {point.name: _shown_threshold(held) for point, held in points_of(pack, label.name)},
        "prevalence": _prevalence(pack, label.name),
        "scores": _scores(pack, label.name),
    }


def _shown_threshold(held: Threshold) -> dict[str, Any]:
    return held.model_dump()


def _prevalence(pack: Pack, label: str) -> float | None:
    """How frequent the finding was where the calibration was measured, if that was written down."""
    shares = pack.measured.validation.get("prevalence") if pack.measured else None
    share = shares.get(label) if isinstance(shares, dict) else None
    return float(share) if isinstance(share, int | float) else None


def _scores(pack: Pack, label: str) -> list[dict[str, Any]]:
    """What the pack itself scored on test sets for one label: how far its answer can be relied on."""
    tables = pack.measured.scores if pack.measured else []
    return [
        {"data_set": table.get("data_set", ""), "films": table.get("films"), **_score(table["labels"][label])}
        for table in tables
        if table.get("reader") == pack.task.name and label in table.get("labels", {})
    ]


def _score(row: dict[str, Any]) -> dict[str, Any]:
    return {"positives": row.get("positives"), "auroc": row.get("auroc"), "auprc": row.get("auprc")}


def _shown_point(point: OperatingPoint) -> dict[str, Any]:
    return {"name": point.name, "criterion": point.criterion, "at_least": point.at_least}


def _plain(validation: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in validation.items() if isinstance(value, str | int | float)}


def view_names(task: Task) -> list[str]:
    """The names of a task's views, in their order."""
    return [view.name for view in task.views]
