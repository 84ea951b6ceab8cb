"""A pack's answers to studies of several views: each view by its own network, then fused as in reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.evaluation.films import Progress, answer_films
from rakurs.evaluation.index import Studies
from rakurs.inference.fusion import activate, calibrate, fuse
from rakurs.inference.network import load_network
from rakurs.pack import Measured, Pack
from rakurs.study import FloatArray


def answer_studies(pack: Pack, studies: Studies, *, progress: Progress) -> dict[str, FloatArray]:
    """The calibrated logits of each view that has a network: (n, labels), NaN where a study lacks the view.

    Raises:
        UsageError: an image cannot be read, or studies have none of the views that the pack reads.
        PackError: a network breaks the contract.
    """
    answers = {}
    for view, file in pack.networks.items():
        if view in studies.films:
            network = load_network(file, pack.task, threads=1)
            films = studies.films[view]
            logits, _ = answer_films(network, films.files, preprocess=pack.task.preprocess, progress=progress)
            calibrated = calibrate(logits, view=view, task=pack.task, measured=pack.measured)
            answers[view] = per_study(calibrated, studies.rows[view], n=len(studies))
    _refuse_unread(answers, pack, n=len(studies))
    return answers


def per_study(of_films: FloatArray, rows: npt.NDArray[np.int64], *, n: int) -> FloatArray:
    """Answers of films (m, labels) at the place of their studies: (n, labels), NaN for the others."""
    spread = np.full((n, of_films.shape[1]), np.nan, np.float32)
    spread[rows] = of_films
    return spread


def _refuse_unread(answers: Mapping[str, FloatArray], pack: Pack, *, n: int) -> None:
    read = np.zeros(n, np.bool_)
    for of_view in answers.values():
        read |= _answered(of_view)
    if not read.all():
        raise UsageError(
            f"{int((~read).sum())} of {n} studies have no image of a view that the pack reads "
            f"({', '.join(pack.networks)}); leave them out of the index."
        )


def _answered(of_view: FloatArray) -> npt.NDArray[np.bool_]:
    return np.asarray(~np.isnan(of_view).any(1))


def fuse_studies(answers: Mapping[str, FloatArray], measured: Measured | None) -> FloatArray:
    """The fused logits of n studies (n, labels), each over the views that it has; as `answer_studies` gives them."""
    n, labels = next(iter(answers.values())).shape
    fused = np.full((n, labels), np.nan, np.float32)
    for rows, views in _by_presence(answers):
        fused[rows] = fuse({view: answers[view][rows] for view in views}, measured)
    return fused


def _by_presence(answers: Mapping[str, FloatArray]) -> Iterator[tuple[npt.NDArray[np.int64], list[str]]]:
    """The rows that have the same views, and those views."""
    presence = np.stack([_answered(of_view) for of_view in answers.values()], 1)  # (n, views)
    for pattern in np.unique(presence, axis=0):
        views = [view for view, present in zip(answers, pattern, strict=True) if present]
        if views:
            yield np.flatnonzero((presence == pattern).all(1)), views


def study_probabilities(pack: Pack, studies: Studies, *, progress: Progress) -> FloatArray:
    """The pack's probabilities for n studies: (n, labels) in 0..1, as `rakurs read` gives them.

    Raises:
        UsageError, PackError: as `answer_studies`.
    """
    return activate(fuse_studies(answer_studies(pack, studies, progress=progress), pack.measured), pack.task)
