"""One way of benchmarks/evaluate.py, in a process of its own; tells seconds, films a second, and peak memory as JSON.

cd benchmarks && ../.venv/bin/python -m material.evaluated scores
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from evaluate import FILMS, LABELS, PATIENTS, RESAMPLES, SHARE

Answered = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32], npt.NDArray[np.int64]]
BATCH = 16


def answered(*, seed: int) -> Answered:
    """Truth and probability (films, labels), labels from rare to frequent, and whose each film is."""
    generator = np.random.default_rng(0)
    patients = generator.integers(0, PATIENTS, FILMS)
    truth = generator.random((FILMS, LABELS)) < np.geomspace(0.002, 0.18, LABELS)
    noise = np.random.default_rng(seed).normal(size=truth.shape)
    return truth, (1 / (1 + np.exp(3 - 2 * truth - noise))).astype(np.float32), patients


def scores() -> dict[str, float]:
    from rakurs.evaluation.scores import score_labels  # noqa: PLC0415 - a way pays for its own imports only

    truth, probability, patients = answered(seed=1)
    names = [f"label {number}" for number in range(LABELS)]
    began = time.perf_counter()
    score_labels(truth, probability, labels=names, patients=patients, thresholds={}, samples=RESAMPLES, seed=2)
    return {"seconds": time.perf_counter() - began}


def paired_differences() -> dict[str, float]:
    from rakurs.evaluation.comparison import differences  # noqa: PLC0415

    truth, probability, patients = answered(seed=1)
    answers = {"one": probability, "two": answered(seed=3)[1]}
    names = [f"label {number}" for number in range(LABELS)]
    began = time.perf_counter()
    differences(truth, answers, labels=names, patients=patients, samples=RESAMPLES, seed=2)
    return {"seconds": time.perf_counter() - began}


def scikit_learn() -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415

    from rakurs.evaluation.areas import resampled_areas  # noqa: PLC0415
    from rakurs.evaluation.resamples import draw_resamples  # noqa: PLC0415

    truth, probability, patients = answered(seed=1)
    resamples = draw_resamples(patients, samples=SHARE, seed=2)
    films = [np.repeat(np.arange(FILMS), counts[resamples.place]) for counts in resamples.counts]
    began = time.perf_counter()
    theirs = [
        [
            [measure(truth[index, column], probability[index, column]) for column in range(LABELS)]
            for measure in (roc_auc_score, average_precision_score)
        ]
        for index in films
    ]
    seconds = time.perf_counter() - began
    apart = float(np.abs(resampled_areas(truth, probability, resamples=resamples)[:, :, :-1] - theirs).max())
    if apart > 1e-9:
        raise SystemExit(f"Areas differ from scikit-learn's by {apart}.")
    return {"seconds": seconds, "apart": apart}


def reading(folder: str, pack_folder: str, *, jobs: int) -> dict[str, float]:
    """Films a second; with 0 `jobs` all threads work on one batch after another."""
    from rakurs.evaluation.films import answer_films  # noqa: PLC0415
    from rakurs.inference.images import read_image  # noqa: PLC0415
    from rakurs.inference.network import load_network  # noqa: PLC0415
    from rakurs.inference.preprocess import prepare  # noqa: PLC0415
    from rakurs.pack import read_pack  # noqa: PLC0415

    pack, files = read_pack(Path(pack_folder)), sorted(Path(folder).iterdir())
    view, preprocess = pack.task.main_view.name, pack.task.preprocess
    network = load_network(pack.networks[view], pack.task, threads=1 if jobs else None)

    def answer(some: list[Path]) -> None:
        if jobs:
            answer_films(network, some, preprocess=preprocess, progress=lambda *_: None, jobs=jobs)
            return
        for begin in range(0, len(some), BATCH):
            network.run(np.stack([prepare(read_image(file), preprocess)[0] for file in some[begin : begin + BATCH]]))

    answer(files[:BATCH])
    began, busy = time.perf_counter(), time.process_time()
    answer(files)
    seconds, busy_seconds = time.perf_counter() - began, time.process_time() - busy
    return {"rate": len(files) / seconds, "rate_of_busy": len(files) / busy_seconds}


def main() -> None:
    way, *said = sys.argv[1:]
    if way == "reading":
        told = reading(said[0], said[1], jobs=int(said[2]))
    else:
        told = {"scores": scores, "differences": paired_differences, "scikit-learn": scikit_learn}[way]()
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss: getrusage(2)
    print(json.dumps({**told, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20}))


if __name__ == "__main__":
    main()
