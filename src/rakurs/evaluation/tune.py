"""From validation studies to measured.json: calibration, fusion, thresholds and the gate's limits."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray
from rakurs.evaluation.calibration import fit_platt, fit_temperature
from rakurs.evaluation.films import Progress, answer_films
from rakurs.evaluation.fusion_weights import fit_fusion
from rakurs.evaluation.gate_limits import UPRIGHT, measure_gate, postures
from rakurs.evaluation.index import Films, Studies
from rakurs.evaluation.intervals import proportion_interval
from rakurs.evaluation.scores import to_json
from rakurs.evaluation.thresholds import confidence_for, sensitivity_specificity, threshold_for
from rakurs.evaluation.views import fuse_studies, per_study
from rakurs.inference.fusion import activate, apply_calibration
from rakurs.inference.network import Network, load_network
from rakurs.pack import Calibration, Confidence, Gate, Interval, Measured, Threshold, network_files
from rakurs.study import FloatArray
from rakurs.task import Task


def tune_pack(
    folder: Path,
    *,
    task: Task,
    studies: Studies,
    accepted: Mapping[str, list[Path]],
    data_set: str,
    progress: Progress,
    gated: bool = True,
) -> Measured:
    """Measure the networks in a pack's folder on validation studies, never on test studies.

    `accepted` holds further groups of images of the main view that the gate must let pass, as those
    of other hospitals. Without `gated` there is no gate, for which every image is read in each wrong
    posture as well: a pack that is only compared needs none.

    Raises:
        UsageError: a network's view has no images here, an image cannot be read, or a label lacks one of its classes.
    """
    files = network_files(folder, task)
    missing = [view for view in files if view not in studies.films]
    if missing:
        raise UsageError(f"There are no validation images of the view {missing[0]}, whose network is to be measured.")
    tuned = {
        view: _tune_view(
            load_network(file, task, threads=1),
            task=task,
            films=studies.films[view],
            accepted=accepted if view == task.main_view.name else {},
            gated=gated,
            progress=progress,
        )
        for view, file in files.items()
    }
    logits = {view: per_study(of_view.logits, studies.rows[view], n=len(studies)) for view, of_view in tuned.items()}
    measured = Measured(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        networks={view: file.digest for view, file in files.items()},
        validation=describe_studies(studies, task, data_set=data_set),
        calibration={view: of_view.calibration for view, of_view in tuned.items()},
        fusion=fit_fusion(logits, studies.truth, task=task),
        gate={view: of_view.gate for view, of_view in tuned.items() if of_view.gate is not None},
    )
    probability = activate(fuse_studies(logits, measured), task)
    return measured.model_copy(
        update={
            "operating_points": measure_points(probability, studies, task=task),
            "confidence": measure_confidence(probability, studies, task=task),
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Tuned:
    """What was measured of one view: calibrated `logits` (m, labels) of its films, calibration, maybe the gate."""

    logits: FloatArray
    calibration: dict[str, Calibration]
    gate: Gate | None


def _tune_view(
    network: Network,
    *,
    task: Task,
    films: Films,
    accepted: Mapping[str, list[Path]],
    gated: bool,
    progress: Progress,
) -> _Tuned:
    logits, upright = answer_films(network, films.files, preprocess=task.preprocess, progress=progress)
    calibration = calibrate_labels(logits, films.truth, task=task)
    return _Tuned(
        logits=apply_calibration(logits, calibration, task=task),
        calibration=calibration,
        gate=_gate(network, upright, task=task, films=films, accepted=accepted, progress=progress) if gated else None,
    )


def _gate(
    network: Network,
    upright: FloatArray,
    *,
    task: Task,
    films: Films,
    accepted: Mapping[str, list[Path]],
    progress: Progress,
) -> Gate:
    """The limits of a view: `upright` (m, d) are the embeddings of its films as they should lie."""
    by_posture = {
        kind: answer_films(network, films.files, preprocess=task.preprocess, progress=progress, change=change)[1]
        for kind, change in postures(task).items()
        if kind != UPRIGHT
    }
    groups = {f"source {px} px": upright[films.source_px == px] for px in np.unique(films.source_px)}
    for name, files in accepted.items():
        groups[name] = answer_films(network, files, preprocess=task.preprocess, progress=progress)[1]
    return measure_gate({UPRIGHT: upright, **by_posture}, groups)


def calibrate_labels(logits: FloatArray, truth: BoolArray, *, task: Task) -> dict[str, Calibration]:
    """Logits (n, labels) and truth bool (n, labels) -> slope and intercept per label.

    Platt scaling of each label on its own; where exactly one label holds, one temperature for all.
    """
    if task.activation == "softmax":
        fits = [(fit_temperature(logits, truth), 0.0)] * len(task.labels)
    else:
        fits = [fit_platt(logits[:, axis], truth[:, axis]) for axis in range(len(task.labels))]
    return {
        label.name: Calibration(slope=round(slope, 6), intercept=round(intercept, 6))
        for label, (slope, intercept) in zip(task.labels, fits, strict=True)
    }


def measure_confidence(probability: FloatArray, studies: Studies, *, task: Task) -> Confidence | None:
    """From which probability of the likeliest label on an answer is given: (n, labels) in 0..1; None without a rule."""
    if task.abstention is None:
        return None
    likeliest = probability.max(1).astype(np.float64)
    right = studies.truth[np.arange(len(studies)), probability.argmax(1)]
    at_least = confidence_for(likeliest, right, at_most_error=task.abstention.at_most_error)
    given = likeliest >= at_least
    wrong = proportion_interval(~right[given], groups=studies.patients[given])
    if not given.any():
        raise UsageError(
            f"No validation study is answered rightly often enough to keep the errors under "
            f"{task.abstention.at_most_error:.0%}; allow more in the task's [abstention], or train on."
        )
    return Confidence(
        at_least=at_least,
        coverage=Interval.model_validate(to_json(proportion_interval(given, groups=studies.patients))),
        error=Interval.model_validate(to_json(wrong)),
    )


def measure_points(probability: FloatArray, studies: Studies, *, task: Task) -> dict[str, dict[str, Threshold]]:
    """The threshold of every operating point and label, with what it gives on the same studies: (n, labels) in 0..1."""
    return {
        point.name: {
            label.name: _threshold(
                studies, axis, probability=probability[:, axis], criterion=point.criterion, at_least=point.at_least
            )
            for axis, label in enumerate(task.labels)
        }
        for point in task.operating_points
    }


def _threshold(
    studies: Studies,
    axis: int,
    *,
    probability: FloatArray,
    criterion: Literal["sensitivity", "specificity"],
    at_least: float,
) -> Threshold:
    truth = studies.truth[:, axis]
    threshold = threshold_for(truth, probability, criterion=criterion, at_least=at_least)
    sensitivity, specificity = sensitivity_specificity(truth, probability, threshold=threshold, groups=studies.patients)
    return Threshold(
        threshold=threshold,
        sensitivity=Interval.model_validate(to_json(sensitivity)),
        specificity=Interval.model_validate(to_json(specificity)),
    )


def describe_studies(studies: Studies, task: Task, *, data_set: str) -> dict[str, Any]:
    """What was measured on, as measured.json says it: the data set, counts, and each label's share of the studies."""
    return {
        "data_set": data_set,
        "studies": len(studies),
        "images": {view: len(films) for view, films in studies.films.items()},
        "patients": len(np.unique(studies.patients)),
        "prevalence": {
            label.name: round(float(share), 4) for label, share in zip(task.labels, studies.truth.mean(0), strict=True)
        },
    }
