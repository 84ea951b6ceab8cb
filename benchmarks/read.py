"""How fast is a film read, beside a peer with the same weights, and how far is the network from the machine's limit?

    .venv/bin/python benchmarks/read.py --rounds 30

One DenseNet-121 at 224 px with random weights is read by Rakurs and by TorchXRayVision, from the file's bytes on:
- film to probabilities (Rakurs gives the heat maps of all labels with them; TorchXRayVision gives none);
- film to heat maps of all labels (the peer: TorchXRayVision and the library grad-cam);
- the network alone: ONNX Runtime, torch, and the floor: its operations at the measured rate of the fastest matrix
  product of three libraries (numpy and torch alone may take kernels of half the machine's rate);
- JPEG 2000 decoded only as far as the network needs, and in full: the time, and the largest change of a probability.

Before anything is measured, both answers are held against each other. `x` is the row's time over that of the row
marked 1: the median over turns of the ratio within one turn. A ratio to a row marked UNSTEADY is not to be used.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from material.films import JPEG_2000, LOSSLESS, PNG, RAW, Films, write_films
from material.networks import peer_network, save_weights, write_pack
from material.peer import Peer, heat_maps_of
from material.products import Products, fastest, operations_of, products
from threadpoolctl import threadpool_limits
from timing import Times, alternate, arguments, machine, median_ms, median_ratio, shipped_pack, spread_ms, table
from torch.utils.flop_counter import FlopCounterMode

from rakurs.inference.heatmaps import onto_image, stretch
from rakurs.inference.images import read_image
from rakurs.inference.preprocess import prepare
from rakurs.inference.read import Reader, load_reader, read_files
from rakurs.pack import read_pack
from rakurs.study import FloatArray, HeatMap

PACKAGES = ("rakurs", "onnxruntime", "torch", "torchxrayvision", "grad-cam", "opencv-python-headless", "imagecodecs")
HEAD = ("question", "way", "median ms [quartiles]", "x", "target", "stages, ms")
TARGET_MS = {PNG: 50, RAW: 60, LOSSLESS: 110, JPEG_2000: 80}
"""Of the median, at two threads."""

RAKURS, PEER = "Rakurs, with the heat maps of all labels", "TorchXRayVision, probabilities alone"
ONE_BY_ONE = "TorchXRayVision and grad-cam, a label at a time"
AT_ONCE = "TorchXRayVision and grad-cam, all labels as one batch"
ONNX, TORCH, CHANNELS_LAST = "ONNX Runtime, as Rakurs calls it", "torch", "torch, channels last"
FLOOR = "the floor"
SAME_INPUT, SAME_MAPS, SAME_FILM = 1e-4, 0.999, 0.05
"""From one input array: the largest difference of a probability, the smallest correlation of a heat map. From one film,
which the two resize differently: the largest difference of a probability."""

Row = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """Both readers with the same weights, and the films."""

    reader: Reader
    peer: Peer
    films: Films
    threads: int
    rounds: int

    def read(self, film: str, *, full_size: bool = False) -> Callable[[], FloatArray]:
        """Rakurs from a film's file to probabilities (labels,), with heat maps."""
        return lambda: probabilities(self.reader, self.films[film], full_size=full_size)


def main() -> None:
    asked = arguments(__doc__, rounds=30).parse_args()
    torch.set_num_threads(asked.threads)
    print(machine(PACKAGES, threads=asked.threads))
    with TemporaryDirectory() as folder, threadpool_limits(asked.threads):
        bench = prepared_bench(Path(folder), threads=asked.threads, rounds=asked.rounds)
        alike = check_alike(bench)
        rows = [row for film in bench.films for row in to_probabilities(bench, film)]
        rows += to_heat_maps(bench) + network_alone(bench) + resolution_levels(bench)
    print(table(HEAD, rows))
    print(f"\n{alike}")


def prepared_bench(folder: Path, *, threads: int, rounds: int) -> Bench:
    network = peer_network()
    pack = read_pack(write_pack(save_weights(network, folder / "weights.pt"), folder / "pack"))
    return Bench(
        reader=load_reader(pack, threads=threads),
        peer=Peer(network),
        films=write_films(folder),
        threads=threads,
        rounds=rounds,
    )


def probabilities(reader: Reader, path: Path, *, full_size: bool = False) -> FloatArray:
    reading = read_files(reader, {"frontal": path}, full_size=full_size)
    return np.array([finding.probability for finding in reading.findings], np.float32)


def check_alike(bench: Bench) -> str:
    """Hold both readers against each other, on one input array and on one film.

    Raises:
        AssertionError: they answer differently, so that their times must not be compared.
    """
    film = bench.films[PNG]
    prepared, frame = prepare(read_image(film), bench.reader.pack.task.preprocess)
    answers = bench.reader.networks["frontal"].run(prepared[None])
    image = torch.from_numpy(prepared[None].copy())
    with torch.inference_mode():
        expected = bench.peer.network(image)[0].numpy()
    same_input = float(np.abs(1 / (1 + np.exp(-answers.logits[0])) - expected).max())
    theirs = heat_maps_of(bench.peer.network, image, labels=len(expected))
    same_maps = lowest_correlation(onto_image(answers.heat_maps[0], frame), theirs)
    same_film = float(np.abs(probabilities(bench.reader, film) - bench.peer.probabilities(film)).max())
    assert same_input < SAME_INPUT, f"one input array gives probabilities that differ by {same_input:.1e}"
    assert same_maps > SAME_MAPS, f"one input array gives heat maps that correlate by only {same_maps:.4f}"
    assert same_film < SAME_FILM, f"one film gives probabilities that differ by {same_film:.1e}"
    return (
        f"Both answer alike: from one input array probabilities differ by at most {same_input:.0e} and heat maps "
        f"correlate by at least {same_maps:.4f}; from one film, which they resize differently, probabilities differ "
        f"by at most {same_film:.0e}."
    )


def lowest_correlation(ours: Sequence[HeatMap], theirs: FloatArray) -> float:
    """Of the maps of a square film that are not empty, ours (rows, columns) and theirs (labels, 224, 224)."""
    side = theirs.shape[1]
    centres = ((np.arange(side) + 0.5) * ours[0].rows / side).astype(int)  # of their pixels, in the film's
    pairs = [
        (stretch(heat_map)[np.ix_(centres, centres)], other)
        for heat_map, other in zip(ours, theirs, strict=True)
        if not heat_map.empty
    ]
    return min(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for one, other in pairs)


def to_probabilities(bench: Bench, film: str) -> list[Row]:
    """Rakurs against TorchXRayVision, where that can read the film."""
    path, question = bench.films[film], f"{film}: film to probabilities"
    stages: list[Mapping[str, float]] = []

    def read() -> None:
        stages.append(read_files(bench.reader, {"frontal": path}).seconds)

    ways: dict[str, Callable[[], object]] = {RAKURS: read}
    refused = fault_of(lambda: bench.peer.probabilities(path))
    if refused is None:
        ways[PEER] = lambda: bench.peer.probabilities(path)
    times = alternate(ways, rounds=bench.rounds)
    notes = {RAKURS: stage_medians(stages[-bench.rounds :], times[RAKURS])}
    rows = rows_of(question, times, targets={RAKURS: f"{TARGET_MS[film]} ms", PEER: "2"}, notes=notes)
    return rows if refused is None else [*rows, (question, PEER, "-", "-", "2", refused)]


def stage_medians(stages: Sequence[Mapping[str, float]], seconds: Sequence[float]) -> str:
    """The median of every stage that Rakurs itself times, and of the rest, in the runs that were measured."""
    rest = [whole - sum(one.values()) for one, whole in zip(stages, seconds, strict=True)]
    named = {stage: [one[stage] for one in stages] for stage in stages[0]} | {"rest": rest}
    return ", ".join(f"{stage} {median_ms(of_stage):.1f}" for stage, of_stage in named.items())


def fault_of(way: Callable[[], object]) -> str | None:
    """What a library raises, by the name of its type."""
    try:
        way()
    except Exception as error:  # of any library below it
        return f"cannot read it: {type(error).__name__}"
    return None


def to_heat_maps(bench: Bench) -> list[Row]:
    path, labels = bench.films[PNG], len(bench.reader.pack.task.labels)
    peer = bench.peer

    def by_library(*, at_once: bool) -> FloatArray:
        image = peer.prepared(path)
        with torch.inference_mode():
            peer.network(image)
        return heat_maps_of(peer.network, image, labels=labels, at_once=at_once)

    times = alternate(
        {
            RAKURS: bench.read(PNG),
            ONE_BY_ONE: lambda: by_library(at_once=False),
            AT_ONCE: lambda: by_library(at_once=True),
        },
        rounds=max(1, bench.rounds // 10),
    )
    return rows_of(f"{PNG}: film to heat maps of {labels} labels", times, targets={ONE_BY_ONE: "50"})


def network_alone(bench: Bench) -> list[Row]:
    prepared = prepare(read_image(bench.films[PNG]), bench.reader.pack.task.preprocess)[0][None].copy()
    image, last = torch.from_numpy(prepared), torch.from_numpy(prepared).to(memory_format=torch.channels_last)
    network = bench.peer.network
    turned = peer_network().to(memory_format=torch.channels_last)
    rate_of = products(threads=bench.threads)

    def torch_way(module: torch.nn.Module, given: torch.Tensor) -> None:
        with torch.inference_mode():
            module(given)

    times = alternate(
        {
            ONNX: lambda: bench.reader.networks["frontal"].run(prepared),
            TORCH: lambda: torch_way(network, image),
            CHANNELS_LAST: lambda: torch_way(turned, last),
            **rate_of,
        },
        rounds=bench.rounds,
    )
    return floor_rows(times, rate_of, operations=operations_in(network, image))


def operations_in(network: torch.nn.Module, image: torch.Tensor) -> int:
    """Additions and multiplications of one forward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    return int(counter.get_total_flops())


def floor_rows(times: Times, rate_of: Products, *, operations: int) -> list[Row]:
    """The networks' rows, over the time that their operations take at the rate of the fastest matrix product."""
    best, rates = fastest(times, rate_of)
    floor = [operations / operations_of(best) * seconds for seconds in times[best]]
    networks = {name: times[name] for name in (ONNX, TORCH, CHANNELS_LAST)}
    listed = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items())
    note = f"{operations / 1e9:.2f} GFLOP at the rate of {best}; GFLOP/s: {listed}"
    if min(map(statistics.median, networks.values())) < statistics.median(floor):
        note = f"NOT A FLOOR: a network ran faster than every product. {note}"
    return rows_of("the network alone", {FLOOR: floor, **networks}, targets={ONNX: "1.5"}, notes={FLOOR: note})


def resolution_levels(bench: Bench) -> list[Row]:
    """JPEG 2000 as far as the network needs, and in full."""
    times = alternate(
        {RAKURS: bench.read(JPEG_2000), "Rakurs, every resolution level": bench.read(JPEG_2000, full_size=True)},
        rounds=max(1, bench.rounds // 3),
    )
    readers = {"random weights": bench.reader}
    if (shipped := shipped_pack()) is not None:
        readers["the pack that ships"] = load_reader(read_pack(shipped), threads=bench.threads)
    note = "; ".join(
        f"{largest_change(reader, bench.films[JPEG_2000]):.1e} with {name}" for name, reader in readers.items()
    )
    notes = {RAKURS: f"largest change of a probability: {note}"}
    return rows_of(f"{JPEG_2000}: what leaving levels out gains", times, notes=notes)


def largest_change(reader: Reader, path: Path) -> float:
    return float(np.abs(probabilities(reader, path) - probabilities(reader, path, full_size=True)).max())


def rows_of(
    question: str,
    times: Times,
    *,
    targets: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """A row per way; the first one is 1, and the others are so many times as slow."""
    first: Sequence[float] = next(iter(times.values()))
    return [
        (
            question,
            way,
            spread_ms(seconds),
            "1" if seconds is first else f"{median_ratio(seconds, first):.2f}",
            (targets or {}).get(way, ""),
            (notes or {}).get(way, ""),
        )
        for way, seconds in times.items()
    ]


if __name__ == "__main__":
    main()
