"""Reading a study: gate, network, fusion, calibration and heat maps, in the order of the design."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rakurs.errors import Refusal, RefusalCode, UsageError
from rakurs.inference.fusion import activate, calibrate, fuse
from rakurs.inference.gate import check_embedding, check_source
from rakurs.inference.heatmaps import onto_image
from rakurs.inference.images import read_image
from rakurs.inference.network import Answers, Network, load_network
from rakurs.inference.preprocess import prepare
from rakurs.pack import Pack
from rakurs.study import Finding, FloatArray, HeatMap, Image, Reading, ReadingWarning, Study
from rakurs.task import Label, Task, title_of

FINER = 3
"""How much finer than the network's input a JPEG 2000 film is decoded at least. Measured on three films with the pack
chest-xray, against decoding in full: probabilities move by up to 0.008 at 1, 0.006 at 2, less than 0.001 at 3."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A pack with its networks loaded; may be used from several threads at once."""

    pack: Pack
    networks: Mapping[str, Network]


def load_reader(pack: Pack, *, threads: int | None = None) -> Reader:
    """Load the networks of a pack; `threads` of one run, default one per core.

    Raises:
        PackError: a network breaks the contract.
    """
    networks = {view: load_network(file, pack.task, threads=threads) for view, file in pack.networks.items()}
    return Reader(pack=pack, networks=networks)


def read_files(reader: Reader, files: Mapping[str, Path], *, full_size: bool = False) -> Reading:
    """Read the study whose views lie in these files.

    `full_size` decodes every pixel, also where a lower resolution level of a JPEG 2000 file would do.

    Raises:
        Refusal: a file is not read; nothing of the study is.
        UsageError: a view that the task does not have.
    """
    preprocess = reader.pack.task.preprocess
    at_least = None if full_size else (FINER * preprocess.rows, FINER * preprocess.columns)
    began = time.perf_counter()
    images = {view: read_image(path, at_least=at_least) for view, path in files.items()}
    decoded = time.perf_counter() - began
    reading = read_study(reader, Study(images=images))
    return replace(reading, seconds={"decode": decoded, **reading.seconds})


def view_of(image: Image, task: Task) -> str:
    """The view that an image's header names (View Position), else the task's main view."""
    named = [view.name for view in task.views if image.source.view_position in view.dicom]
    return named[0] if named else task.main_view.name


def read_study(reader: Reader, study: Study) -> Reading:
    """Apply a pack to a study.

    Raises:
        Refusal: an image is refused by the gate, or a required view is missing.
        UsageError: a view that the task does not have.
    """
    task, measured = reader.pack.task, reader.pack.measured
    _check_views(study, reader)
    seconds: dict[str, float] = {}
    warnings: list[ReadingWarning] = []
    logits: dict[str, FloatArray] = {}
    heat_maps: dict[str, list[HeatMap]] = {}
    for view, image in study.images.items():
        check_source(image, task=task, view=task.view(view))
        if view not in reader.networks:
            warnings.append(_not_read(view))
            continue
        answers, heat_maps[view] = _read_view(reader, view, image=image, seconds=seconds)
        logits[view] = calibrate(answers.logits[0], view=view, task=task, measured=measured)
    findings = _findings(reader.pack, fuse(logits, measured), heat_maps=heat_maps)
    answer, unsure = _answer(reader.pack, findings)
    return Reading(
        calibrated=reader.pack.calibrated,
        findings=findings,
        answer=answer,
        warnings=(*_pack_warnings(reader.pack, list(logits)), *unsure, *warnings),
        seconds=seconds,
    )


def _check_views(study: Study, reader: Reader) -> None:
    task = reader.pack.task
    for view in study.images:
        if view not in {known.name for known in task.views}:
            raise UsageError(
                f"The task '{task.name}' has no view '{view}'; it has: {', '.join(known.name for known in task.views)}."
            )
    missing = [view.name for view in task.views if view.required and view.name not in study.images]
    if not missing and not any(view in reader.networks for view in study.images):
        missing = list(reader.networks)
    if missing:
        raise Refusal(
            RefusalCode.WRONG_VIEW,
            got=f"only the views {', '.join(study.images) or '(none)'}",
            expected=f"the view {missing[0]}",
            remedy=f"Add the {missing[0]} image of the same study.",
        )


def _read_view(reader: Reader, view: str, *, image: Image, seconds: dict[str, float]) -> tuple[Answers, list[HeatMap]]:
    """Prepare one image, run its network, pass the gate, and bring the maps onto the image."""
    with _timed(seconds, "prepare"):
        prepared, frame = prepare(image, reader.pack.task.preprocess)
    with _timed(seconds, "network"):
        answers = reader.networks[view].run(np.ascontiguousarray(prepared[None], np.float32))
    measured = reader.pack.measured
    if measured is not None and view in measured.gate:
        task = reader.pack.task
        check_embedding(answers.embedding[0], gate=measured.gate[view], task=task, view=task.view(view))
    with _timed(seconds, "heat_maps"):
        return answers, onto_image(answers.heat_maps[0], frame)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - began


def _findings(pack: Pack, logits: FloatArray, *, heat_maps: Mapping[str, list[HeatMap]]) -> tuple[Finding, ...]:
    probabilities = activate(logits, pack.task)
    return tuple(
        Finding(
            label=label.name,
            title=title_of(label),
            code=(label.code[0], label.code[1], label.code[2]) if label.code else None,
            logit=float(logits[axis]),
            probability=float(probabilities[axis]),
            operating_points=_operating_points(pack, label, probability=float(probabilities[axis])),
            heat_maps={view: maps[axis] for view, maps in heat_maps.items()},
        )
        for axis, label in enumerate(pack.task.labels)
    )


def _operating_points(pack: Pack, label: Label, *, probability: float) -> dict[str, bool]:
    if pack.measured is None:
        return {}
    return {
        point: probability >= thresholds[label.name].threshold
        for point, thresholds in pack.measured.operating_points.items()
    }


def _answer(pack: Pack, findings: tuple[Finding, ...]) -> tuple[str | None, list[ReadingWarning]]:
    """The likeliest label where exactly one holds; none, with the reason, where the pack is not sure enough."""
    if pack.task.activation != "softmax":
        return None, []
    likeliest = max(findings, key=lambda finding: finding.probability)
    needed = pack.measured.confidence if pack.measured is not None else None
    if needed is None or likeliest.probability >= needed.at_least:
        return likeliest.label, []
    reason = (
        f"No answer: the likeliest, {likeliest.title}, has {likeliest.probability:.0%}, and under "
        f"{needed.at_least:.0%} this pack was wrong too often."
    )
    return None, [ReadingWarning("unsure", reason)]


def _not_read(view: str) -> ReadingWarning:
    return ReadingWarning("view_not_read", f"The pack has no network for the view {view}: that image was not used.")


def _pack_warnings(pack: Pack, views: list[str]) -> list[ReadingWarning]:
    warnings = [ReadingWarning("caution", pack.task.caution["en"])] if pack.task.caution else []
    if not pack.calibrated:
        warnings.append(
            ReadingWarning(
                "uncalibrated", "The pack was not calibrated: its numbers rank films, but are no probabilities."
            )
        )
    if pack.measured is None or any(view not in pack.measured.gate for view in views):
        warnings.append(
            ReadingWarning("ungated", "The pack has no measured limits: an image unlike its training is not noticed.")
        )
    return warnings
