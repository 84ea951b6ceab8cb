"""Everything that is measured of a pack on one split, from its ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rakurs.evaluation.answers import IntArray
from rakurs.evaluation.areas import measurable
from rakurs.evaluation.choices import confusion, score_choices
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Studies
from rakurs.evaluation.localisation import locate, score_located
from rakurs.evaluation.peers import peer_answers
from rakurs.evaluation.scores import score_labels, to_json
from rakurs.evaluation.subgroups import groups_of, score_groups
from rakurs.evaluation.view_readers import compare_views
from rakurs.evaluation.views import answer_studies, fuse_studies
from rakurs.inference.fusion import activate
from rakurs.pack import Pack
from rakurs.study import FloatArray
from rakurs.task import Task

PEER = "peer"
SEED = 20261123
SAMPLES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What was measured of `pack` on `studies`, ready for JSON but for the arrays.

    `answers[reader]` (n, labels) in 0..1, the pack first; `scores` a table of `score_labels` per reader; `groups` rows
    of `score_groups`; `located[view]` rows of `score_located`, and `empty_maps[view]` how many maps were empty;
    `choices[reader]` and `confusion` where exactly one label holds; `views` a row per way to use several views.
    """

    pack: Pack
    studies: Studies
    data_set: str
    answers: Mapping[str, FloatArray]
    scores: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    located: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    empty_maps: Mapping[str, int] = field(default_factory=dict)
    choices: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    confusion: IntArray | None = None
    views: list[dict[str, Any]] = field(default_factory=list)

    @property
    def not_measurable(self) -> list[str]:
        """The labels that lack one of their classes, so that nothing can be ranked."""
        both = measurable(self.studies.truth)
        return [label.name for label, kept in zip(self.pack.task.labels, both, strict=True) if not kept]


def assess(
    pack: Pack, studies: Studies, *, data_set: str, peer: Path | None, progress: Progress, seed: int = SEED
) -> Assessment:
    """Measure a pack, and another network's answers beside it, on the studies of one split.

    Raises:
        UsageError: an image cannot be read, or the peer's answers are not usable (see `peer_answers`).
        PackError: a network breaks the contract.
    """
    task, truth = pack.task, studies.truth
    of_views = answer_studies(pack, studies, progress=progress)
    fused = fuse_studies(of_views, pack.measured)
    answers = {task.name: activate(fused, task)}
    if peer is not None:
        answers[PEER] = peer_answers(peer, studies, labels=task.labels)
    located = {view: found for view in studies.films if (found := locate(pack, studies, view=view, progress=progress))}
    progress("measuring", 0, 0)
    one_holds = task.activation == "softmax"
    return Assessment(
        pack=pack,
        studies=studies,
        data_set=data_set,
        answers=answers,
        scores=score_answers(answers, studies=studies, pack=pack, data_set=data_set, seed=seed),
        groups=score_groups(
            truth,
            answers[task.name],
            labels=[label.name for label in task.labels],
            patients=studies.patients,
            groups=groups_of(studies),
            samples=SAMPLES,
            seed=seed,
        ),
        located={view: score_located(found, task, samples=SAMPLES, seed=seed) for view, found in located.items()},
        empty_maps={view: found.empty for view, found in located.items()},
        choices=_choices(answers, studies=studies, pack=pack, seed=seed) if one_holds else {},
        confusion=confusion(truth, answers[task.name]) if one_holds else None,
        views=_views(of_views, fused, studies=studies, task=task, seed=seed),
    )


def score_answers(
    answers: Mapping[str, FloatArray], *, studies: Studies, pack: Pack, data_set: str, seed: int
) -> list[dict[str, Any]]:
    """One table of `score_labels` per reader; operating points only for the first, the pack itself.

    Raises:
        UsageError: as `score_labels`.
    """
    labels = [label.name for label in pack.task.labels]
    points = pack.measured.operating_points if pack.measured else {}
    thresholds = {point: {label: each[label].threshold for label in labels} for point, each in points.items()}
    return [
        {
            "reader": reader,
            "data_set": data_set,
            "studies": len(studies),
            "patients": len(np.unique(studies.patients)),
            **score_labels(
                studies.truth,
                probability,
                labels=labels,
                patients=studies.patients,
                thresholds=thresholds if place == 0 else {},
                samples=SAMPLES,
                seed=seed,
            ),
        }
        for place, (reader, probability) in enumerate(answers.items())
    ]


def _choices(
    answers: Mapping[str, FloatArray], *, studies: Studies, pack: Pack, seed: int
) -> dict[str, dict[str, Any]]:
    confidence = pack.measured.confidence if pack.measured else None
    return {
        reader: score_choices(
            studies.truth,
            probability,
            patients=studies.patients,
            at_least=confidence.at_least if confidence and place == 0 else None,
            samples=SAMPLES,
            seed=seed,
        )
        for place, (reader, probability) in enumerate(answers.items())
    }


def _views(
    of_views: Mapping[str, FloatArray], fused: FloatArray, *, studies: Studies, task: Task, seed: int
) -> list[dict[str, Any]]:
    """A row per view alone and per way to join them, on the studies that have all; none where that says nothing."""
    everywhere = ~np.any([np.isnan(of_view).any(axis=1) for of_view in of_views.values()], axis=0)
    if len(of_views) < 2 or not everywhere.any():
        return []
    rows, readers = compare_views(
        of_views,
        fused=fused,
        truth=studies.truth,
        patients=studies.patients,
        task=task,
        samples=SAMPLES,
        seed=seed,
    )
    return [
        {"way": one.name, "studies": len(rows), "error": to_json(one.error), "saved": to_json(one.saved)}
        for one in readers
    ]
