"""Would a pack gain by a second network file in int8?

    .venv/bin/python benchmarks/int8.py --index runs/nih.parquet

The network of the pack that ships (or a DenseNet-121 with random weights, where it is not there yet) is quantised in
two ways: by NNCF, mixed int8, to be run by OpenVINO; and statically by ONNX Runtime. The layers that give logits, heat
maps and embedding stay as they are. Films of the index's split `val` calibrate the ranges; the answers are compared on
films of that split's other patients: the mean AUROC over the labels, and the correlation of each label's heat map with
that of float32 on the same film. `x` is the time over that of ONNX Runtime in float32, the median over turns.

The rule: an int8 file is kept only if the mean AUROC falls by less than 0.005 and heat maps correlate by more than 0.98
(the median; the 5th percentile stands beside it). Without --index one film calibrates, and only times are measured.
"""

from __future__ import annotations

import shutil
import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from material.films import write_png
from material.networks import peer_network, save_weights, write_pack
from material.quantised import FLOAT_OF, ONNX, Network, onnx_networks, openvino_networks
from timing import Times, alternate, arguments, machine, median_ratio, shipped_pack, spread_ms, table

from rakurs.evaluation.index import Films, films_of, read_index
from rakurs.evaluation.intervals import bootstrap_interval
from rakurs.evaluation.ranking import auroc
from rakurs.inference.images import read_image
from rakurs.inference.preprocess import prepare
from rakurs.pack import Pack, read_pack
from rakurs.study import FloatArray

PACKAGES = ("rakurs", "onnxruntime", "openvino", "nncf", "numpy")
HEAD = ("network", "MB", "ms [quartiles]", "x", "mean AUROC", "fall", "heat maps: median, 5th percentile", "verdict")
CALIBRATING = 300
"""Films that calibrate, as NNCF takes by default."""

LARGEST_FALL, LOWEST_CORRELATION = 0.005, 0.98
SAMPLES = 300
"""Of the bootstrap."""

SEED = 0
BATCH = 16
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a network said of n films: logits (n, labels), heat maps (n, labels, h, w)."""

    logits: FloatArray
    heat_maps: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """The pack, the films that calibrate, and those that are measured, if there are any."""

    pack: Pack
    calibrating: Sequence[Path]
    measured: Films | None
    told: dict[str, Told] = field(default_factory=dict)


def main() -> None:
    parser = arguments(__doc__, rounds=50)
    parser.add_argument("--index", type=Path, help="the index of `rakurs dataset`")
    parser.add_argument("--films", type=int, help="at most so many films of the split, for a trial")
    asked = parser.parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    with TemporaryDirectory() as name:
        folder = Path(name)
        question = posed(folder, asked.index, films=asked.films)
        images = [prepared(path, question.pack) for path in question.calibrating]
        networks = all_networks(question.pack, images, folder=folder, threads=asked.threads)
        ways = {way: (lambda run=network.run: run(images[0][None])) for way, network in networks.items()}
        times = alternate(ways, rounds=asked.rounds)
        if question.measured is not None:
            question.told.update(ask(networks, question.measured, pack=question.pack))
    print(table(HEAD, [row_of(way, network, times=times, question=question) for way, network in networks.items()]))
    print(f"\n{told_of(question)}")


def posed(folder: Path, index: Path | None, *, films: int | None) -> Question:
    pack = read_pack(shipped_pack() or write_pack(save_weights(peer_network(), folder / "weights.pt"), folder / "pack"))
    if index is None:
        return Question(pack, [write_png(folder / "film.png", seed=0)], measured=None)
    held = films_of(read_index(index), pack.task, view="frontal", split="val")
    patients, patient = np.unique(held.patients, return_inverse=True)
    place = np.random.default_rng(SEED).permutation(len(patients))[patient]
    rows = np.argsort(place, kind="stable")[:films]  # patients in random order, the films of each together
    calibrating = rows[: min(CALIBRATING, len(rows) // 3)]
    others = rows[~np.isin(held.patients[rows], held.patients[calibrating])]
    if not len(others):
        raise SystemExit("No film of another patient is left to measure on; give more --films.")
    return Question(pack, [held.files[row] for row in calibrating], measured=some(held, others))


def some(films: Films, rows: npt.NDArray[np.int64]) -> Films:
    """The films at these rows."""
    files = [films.files[row] for row in rows]
    return Films(files, truth=films.truth[rows], patients=films.patients[rows], source_px=films.source_px[rows])


def prepared(path: Path, pack: Pack) -> FloatArray:
    """(channels, rows, columns)."""
    return np.ascontiguousarray(prepare(read_image(path), pack.task.preprocess)[0], np.float32)


def all_networks(pack: Pack, images: Sequence[FloatArray], *, folder: Path, threads: int) -> dict[str, Network]:
    """The network in every form that can be made here."""
    file = Path(shutil.copy(pack.networks["frontal"].path, folder / "network.onnx"))
    networks = onnx_networks(file, images, task=pack.task, threads=threads)
    try:
        return networks | openvino_networks(file, images, threads=threads)
    except ImportError as error:
        print(
            f"{error.name} is not installed: only ONNX Runtime is measured. `make bench` installs OpenVINO and NNCF.\n"
        )
        return networks


def ask(networks: Mapping[str, Network], films: Films, *, pack: Pack) -> dict[str, Told]:
    """Every network's answers to every film."""
    parts: dict[str, list[tuple[FloatArray, FloatArray]]] = {way: [] for way in networks}
    for start in range(0, len(films), BATCH):
        images = np.stack([prepared(path, pack) for path in films.files[start : start + BATCH]])
        for way, network in networks.items():
            parts[way].append(network.run(images))
    return {way: Told(*(np.concatenate(part) for part in zip(*of_way, strict=True))) for way, of_way in parts.items()}


def row_of(way: str, network: Network, *, times: Times, question: Question) -> Row:
    seconds = times[way]
    ratio = "1" if way == ONNX else f"{median_ratio(seconds, times[ONNX]):.2f}"
    row = (way, f"{network.size / 1e6:.1f}", spread_ms(seconds), ratio)
    return (*row, *quality(way, question))


def quality(way: str, question: Question) -> Row:
    """Mean AUROC, its fall and the correlation of heat maps against float32, and the verdict of the rule."""
    films, told = question.measured, question.told
    if films is None:
        return ("not measured", "", "", "")
    truth, logits = films.truth, told[way].logits
    mean = f"{mean_auroc(truth, logits):.4f}"
    if way not in FLOAT_OF:
        return (mean, "", "", "")
    wide = told[FLOAT_OF[way]]
    fall = bootstrap_interval(
        lambda rows: mean_auroc(truth[rows], wide.logits[rows]) - mean_auroc(truth[rows], logits[rows]),
        groups=films.patients,
        samples=SAMPLES,
        seed=SEED,
    )
    alike = correlations(wide.heat_maps, told[way].heat_maps)
    median, lowest = statistics.median(alike), float(np.percentile(alike, 5))
    kept = fall.value < LARGEST_FALL and median > LOWEST_CORRELATION
    interval = f"{fall.value:+.4f} [{fall.low:+.4f}, {fall.high:+.4f}]"
    return (mean, interval, f"{median:.4f}, {lowest:.4f}", "kept by the rule" if kept else "not kept")


def mean_auroc(truth: npt.NDArray[np.bool_], logits: FloatArray) -> float:
    """Over the labels that have both classes; NaN where none has."""
    areas = [auroc(*pair) for pair in zip(truth.T, logits.T, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mean of nothing
        return float(np.nanmean(areas))


def correlations(wide: FloatArray, small: FloatArray) -> list[float]:
    """Of each film's and label's two maps, (n, labels, h, w): 0 where only one is flat; two flat ones are left out."""
    one, other = (maps.reshape(-1, maps.shape[-2] * maps.shape[-1]).astype(np.float64) for maps in (wide, small))
    one, other = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    lengths = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    flat = np.minimum(*lengths) == 0
    both_flat = np.maximum(*lengths) == 0
    products = np.where(flat, 0, (one * other).sum(1) / np.where(flat, 1, lengths[0] * lengths[1]))
    return [float(product) for product in products[~both_flat]]


def told_of(question: Question) -> str:
    shipped = shipped_pack() is not None
    name = "chest-xray" if shipped else "DenseNet-121 with random weights, whose AUROC says nothing of int8"
    films = "one film" if question.measured is None else f"{len(question.calibrating)} films"
    measured = "nothing" if question.measured is None else f"{len(question.measured)} films of other patients"
    return f"Network: {name}. Calibrated on {films}, measured on {measured}."


if __name__ == "__main__":
    main()
