"""From validation films to measured.json: calibration, thresholds and the gate's limits."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rakurs.evaluation.calibration import fit_platt
from rakurs.evaluation.films import Progress, answer_films
from rakurs.evaluation.gate_limits import measure_gate, postures
from rakurs.evaluation.index import Films
from rakurs.evaluation.scores import to_json
from rakurs.evaluation.thresholds import sensitivity_specificity, threshold_for
from rakurs.inference.fusion import activate, calibrate
from rakurs.inference.network import Network, load_network
from rakurs.pack import Calibration, Interval, Measured, NetworkFile, Threshold, digest_of
from rakurs.study import FloatArray
from rakurs.task import Task


def tune_view(
    folder: Path,
    *,
    task: Task,
    films: Films,
    accepted: Mapping[str, list[Path]],
    data_set: str,
    progress: Progress,
) -> Measured:
    """Measure the network of the first required view in a pack's folder on validation films, never on test films.

    `accepted` holds further groups of films that the gate must let pass, as those of other hospitals.

    Raises:
        UsageError: an image cannot be read, or a label lacks one of its classes.
    """
    view = task.main_view.name
    file = NetworkFile(path=folder / f"{view}.onnx", digest=digest_of(folder / f"{view}.onnx"))
    network = load_network(file, task)
    by_posture = {
        kind: _embeddings(network, films.files, task=task, progress=progress, posture=kind)
        for kind in postures(task.preprocess)
        if kind != "upright"
    }
    logits, upright = answer_films(network, films.files, preprocess=task.preprocess, progress=progress)
    calibration = calibrate_labels(logits, films, task=task)
    groups = {f"source {px} px": upright[films.source_px == px] for px in np.unique(films.source_px)}
    for name, files in accepted.items():
        groups[name] = _embeddings(network, files, task=task, progress=progress, posture="upright")
    measured = Measured(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        networks={view: file.digest},
        validation=describe_films(films, task, data_set=data_set),
        calibration={view: calibration},
        fusion={view: 1.0},
        gate={view: measure_gate({"upright": upright, **by_posture}, groups)},
    )
    probability = activate(calibrate(logits, view=view, task=task, measured=measured), task)
    return measured.model_copy(update={"operating_points": measure_points(probability, films, task=task)})


def _embeddings(network: Network, files: list[Path], *, task: Task, progress: Progress, posture: str) -> FloatArray:
    change = postures(task.preprocess)[posture]
    return answer_films(network, files, preprocess=task.preprocess, progress=progress, change=change)[1]


def calibrate_labels(logits: FloatArray, films: Films, *, task: Task) -> dict[str, Calibration]:
    """Platt scaling of each label on its own: logits (n, labels) -> slope and intercept per label."""
    fits = [fit_platt(logits[:, axis], films.truth[:, axis]) for axis in range(len(task.labels))]
    return {
        label.name: Calibration(slope=round(slope, 6), intercept=round(intercept, 6))
        for label, (slope, intercept) in zip(task.labels, fits, strict=True)
    }


def measure_points(probability: FloatArray, films: Films, *, task: Task) -> dict[str, dict[str, Threshold]]:
    """The threshold of every operating point and label, with what it gives on the same films: (n, labels) in 0..1."""
    return {
        point.name: {
            label.name: _threshold(
                films, axis, probability=probability[:, axis], criterion=point.criterion, at_least=point.at_least
            )
            for axis, label in enumerate(task.labels)
        }
        for point in task.operating_points
    }


def _threshold(
    films: Films,
    axis: int,
    *,
    probability: FloatArray,
    criterion: Literal["sensitivity", "specificity"],
    at_least: float,
) -> Threshold:
    truth = films.truth[:, axis]
    threshold = threshold_for(truth, probability, criterion=criterion, at_least=at_least)
    sensitivity, specificity = sensitivity_specificity(truth, probability, threshold=threshold, groups=films.patients)
    return Threshold(
        threshold=threshold,
        sensitivity=Interval.model_validate(to_json(sensitivity)),
        specificity=Interval.model_validate(to_json(specificity)),
    )


def describe_films(films: Films, task: Task, *, data_set: str) -> dict[str, Any]:
    """What was measured on, as measured.json says it: the data set, counts, and each label's share of the films."""
    return {
        "data_set": data_set,
        "films": len(films),
        "patients": len(np.unique(films.patients)),
        "prevalence": {
            label.name: round(float(share), 4) for label, share in zip(task.labels, films.truth.mean(0), strict=True)
        },
    }
