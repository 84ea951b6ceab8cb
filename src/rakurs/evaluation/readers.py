"""Several packs, and another network, read the same studies, each by its own task; then they are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from rakurs.errors import UsageError
from rakurs.evaluation.answers import BoolArray
from rakurs.evaluation.assessment import PEER, SAMPLES, SEED
from rakurs.evaluation.choices import right
from rakurs.evaluation.comparison import Comparison, SharedLabel, differences, share_difference, shared_labels
from rakurs.evaluation.films import Progress
from rakurs.evaluation.index import Index, Studies, split_of
from rakurs.evaluation.peers import peer_answers
from rakurs.evaluation.resamples import draw_resamples
from rakurs.evaluation.scores import to_json
from rakurs.evaluation.views import study_probabilities
from rakurs.pack import Pack
from rakurs.study import FloatArray
from rakurs.task import title_of

MOST_READERS = 6
"""More curves cannot be told apart in one figure."""


def compare_packs(
    packs: Sequence[Pack],
    index: Index,
    *,
    split: str,
    data_set: str,
    peer: Path | None,
    progress: Progress,
    seed: int = SEED,
) -> Comparison:
    """Read one split with every pack and compare the labels that all share.

    Raises:
        UsageError: there are fewer than two or too many readers, no label is shared, or an index, image or peer
            cannot be used (see `split_of`, `answer_studies`, `peer_answers`).
        PackError: a network breaks the contract.
    """
    names = reader_names([pack.folder for pack in packs])
    readers = [*names, *([PEER] if peer is not None else [])]
    if not 2 <= len(readers) <= MOST_READERS:
        raise UsageError(f"Got {len(readers)} readers; expected 2 to {MOST_READERS}: packs, and a CSV with --peer.")
    shared, left_out = shared_labels([pack.task for pack in packs])
    studies = [split_of(index, pack.task, split=split) for pack in packs]
    answers = {
        name: study_probabilities(pack, of_pack, progress=progress)[:, [one.axes[place] for one in shared]]
        for place, (name, pack, of_pack) in enumerate(zip(names, packs, studies, strict=True))
    }
    labels = [one.label for one in shared]
    if peer is not None:
        answers[PEER] = peer_answers(peer, studies[0], labels=labels)
    truth = studies[0].truth[:, [one.axes[0] for one in shared]]
    progress("comparing", 0, 0)
    return Comparison(
        data_set=data_set,
        labels=labels,
        truth=truth,
        patients=studies[0].patients,
        answers=answers,
        left_out={name: [title_of(label) for label in out] for name, out in zip(names, left_out, strict=True)},
        differences=differences(
            truth,
            answers,
            labels=[label.name for label in labels],
            patients=studies[0].patients,
            samples=SAMPLES,
            seed=seed,
        ),
        accuracy=_accuracy(packs, shared, truth=truth, answers=answers, studies=studies[0], seed=seed),
    )


def reader_names(folders: Sequence[Path]) -> list[str]:
    """What the packs are called beside each other: their folders' names, with the parent's where two are alike.

    Raises:
        UsageError: a pack is named twice.
    """
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise UsageError("Got the same pack twice; expected different ones.")
    alike = Counter(folder.name for folder in resolved)
    names = [folder.name if alike[folder.name] == 1 else f"{folder.parent.name}/{folder.name}" for folder in resolved]
    still = Counter(names)
    return [name if still[name] == 1 else str(folder) for name, folder in zip(names, resolved, strict=True)]


def _accuracy(
    packs: Sequence[Pack],
    shared: Sequence[SharedLabel],
    *,
    truth: BoolArray,
    answers: Mapping[str, FloatArray],
    studies: Studies,
    seed: int,
) -> list[dict[str, Any]]:
    """How much more often the second of each pair is right, where exactly one label holds and all share all of them."""
    if any(pack.task.activation != "softmax" or len(pack.task.labels) != len(shared) for pack in packs):
        return []
    resamples = draw_resamples(studies.patients, samples=SAMPLES, seed=seed)
    correct = {name: right(truth, np.asarray(of_reader)) for name, of_reader in answers.items()}
    return [
        {
            "first": first,
            "second": second,
            "first_accuracy": float(correct[first].mean()),
            "second_accuracy": float(correct[second].mean()),
            "gain": to_json(share_difference(correct[first], correct[second], resamples=resamples)),
        }
        for first, second in combinations(answers, 2)
    ]
