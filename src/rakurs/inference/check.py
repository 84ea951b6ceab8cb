"""What a pack must keep, a sentence per rule, so that anyone can check a pack of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from rakurs.errors import RakursError
from rakurs.inference.network import Answers, Network, load_network
from rakurs.inference.preprocess import normalise
from rakurs.pack import Measured, Pack, read_pack
from rakurs.study import FloatArray
from rakurs.task import Task, read_task

CLOSE: Final = 1e-4
"""What the answers in a batch may differ from those alone: the sums are in another order, nothing else is."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a pack keeps one rule, and what was seen."""

    rule: str
    passed: bool
    detail: str


def check_pack(folder: Path) -> list[Check]:
    """Every rule, as far as the ones before it allow it to be looked at; nothing is raised."""
    return list(_checks(folder))


def _checks(folder: Path) -> Iterator[Check]:
    declared, task = _tried("The task file is valid.", lambda: read_task(folder / "task.toml"))
    yield declared
    yield _card(folder)
    if task is None:
        return
    yield from (_titles(task), _codes(task), _networks(folder, task))
    agreeing, pack = _tried("Task, networks and measurements agree, checksums included.", lambda: read_pack(folder))
    yield agreeing
    if pack is not None:
        yield from (_measurements(pack), _size(pack))
        for view in pack.networks:
            yield from _network_checks(pack, view)


def _tried(rule: str, action: Callable[[], _Part]) -> tuple[Check, _Part | None]:
    try:
        return Check(rule, True, ""), action()
    except RakursError as error:
        return Check(rule, False, error.message), None


def _found(rule: str, faults: list[str], *, detail: str = "") -> Check:
    return Check(rule, not faults, "; ".join(faults) or detail)


def _card(folder: Path) -> Check:
    faults = [] if (folder / "README.md").is_file() else ["there is no README.md"]
    return _found("A model card, README.md, says what the pack is for and how well it does it.", faults)


def _titles(task: Task) -> Check:
    named = [("the task", task.title), ("the intended use", task.intended_use)]
    named += [(f"the view {view.name}", view.title) for view in task.views]
    named += [(f"the label {label.name}", label.title) for label in task.labels]
    faults = [f"{name} has no English title" for name, titles in named if not titles.get("en")]
    return _found("Task, views and labels have titles in English.", faults)


def _codes(task: Task) -> Check:
    coded = [(label.name, label.code) for label in task.labels if label.code]
    faults = [f"{name}: {code[1]} is no SNOMED CT concept" for name, code in coded if not _is_sound(code)]
    without = len(task.labels) - len(coded)
    return _found(
        "SNOMED CT codes have a valid check digit.", faults, detail=f"{len(coded)} codes, {without} labels without"
    )


def _is_sound(code: list[str]) -> bool:
    return code[0] != "SCT" or is_snomed_concept(code[1])


def _networks(folder: Path, task: Task) -> Check:
    missing = [view.name for view in task.views if view.required and not (folder / f"{view.name}.onnx").is_file()]
    there = [view.name for view in task.views if (folder / f"{view.name}.onnx").is_file()]
    if not there and not missing:
        missing = [task.main_view.name]
    faults = [f"{view}.onnx is missing" for view in missing]
    return _found("Every required view has a network.", faults, detail=f"networks for {', '.join(there)}")


def _measurements(pack: Pack) -> Check:
    rule = "Calibration, thresholds, fusion and gate cover every view, label and operating point."
    if pack.measured is None:
        return Check(rule, True, "nothing was measured: readings will say calibrated: false")
    faults = _uncovered(pack, pack.measured)
    return _found(rule, faults, detail=f"measured on {pack.measured.date}")


def _uncovered(pack: Pack, measured: Measured) -> list[str]:
    """What `read_pack` lets pass, because a pack can be read without it."""
    faults = [] if measured.calibration is not None else ["there is no calibration"]
    faults += [f"the view {view} has no gate" for view in pack.networks if view not in measured.gate]
    missing = [point.name for point in pack.task.operating_points if point.name not in measured.operating_points]
    return faults + [f"the operating point {point} has no thresholds" for point in missing]


def _size(pack: Pack) -> Check:
    total = sum(file.path.stat().st_size for file in pack.networks.values())
    return Check("The size of the pack is known.", True, f"{total / 2**20:.1f} MiB in {len(pack.networks)} networks")


def _network_checks(pack: Pack, view: str) -> Iterator[Check]:
    contract, network = _tried(
        f"{view}: the network's names, types, axes, labels and input size are those of the contract.",
        lambda: load_network(pack.networks[view], pack.task, threads=1),
    )
    yield contract
    if network is None:
        return
    for rule, faults_of in _RULES.items():
        try:
            faults = faults_of(network, pack.task)
        except Exception as error:  # the runtime's own error types share no base class
            faults = [f"running it failed with {type(error).__name__}"]
        yield _found(f"{view}: {rule}", faults)


def _typed(network: Network, task: Task) -> list[str]:
    answers = network.run(_noise(task))
    parts = {"logits": answers.logits, "heat_maps": answers.heat_maps, "embedding": answers.embedding}
    faults = [f"{name} is {part.dtype}" for name, part in parts.items() if part.dtype != np.float32]
    shapes = {"logits": answers.logits.shape[1], "heat_maps": answers.heat_maps.shape[1]}
    return faults + [
        f"{name} has {labels} labels, the task {len(task.labels)}"
        for name, labels in shapes.items()
        if labels != len(task.labels)
    ]


def _batched(network: Network, task: Task) -> list[str]:
    images = np.concatenate([_noise(task), _ramp(task)])
    together, alone = network.run(images), [network.run(images[at : at + 1]) for at in range(2)]
    return [
        f"{name} differs by {difference:.2g}"
        for name in ("logits", "heat_maps", "embedding")
        if not (difference := _difference(getattr(together, name), [getattr(one, name) for one in alone])) <= CLOSE
    ]


def _difference(together: FloatArray, alone: list[FloatArray]) -> float:
    return float(np.abs(together - np.concatenate(alone)).max())


def _mapped(network: Network, task: Task) -> list[str]:
    maps = network.run(_noise(task)).heat_maps
    faults = [] if np.isfinite(maps).all() else ["some values are not finite"]
    faults += ["some values are negative"] if (maps < 0).any() else []
    return faults + ([f"a map has {maps[0, 0].size} cell"] if maps[0, 0].size < 2 else [])


def _embedded(network: Network, task: Task) -> list[str]:
    embeddings = [network.run(image).embedding for image in (_noise(task), _ramp(task))]
    faults = [] if np.isfinite(embeddings).all() else ["some values are not finite"]
    widths = {embedding.shape[1] for embedding in embeddings}
    return faults + ([f"its width is {sorted(widths)}"] if len(widths) > 1 else [])


def _repeated(network: Network, task: Task) -> list[str]:
    first, second = (network.run(_noise(task)) for _ in range(2))
    same = np.array_equal(first.logits, second.logits) and np.array_equal(first.heat_maps, second.heat_maps)
    return [] if same else ["the second answer differs from the first"]


def _extreme(network: Network, task: Task) -> list[str]:
    answers = {"black": network.run(_plain(task, 0.0)), "white": network.run(_plain(task, 1.0))}
    return [f"the answer to a {name} image is not finite" for name, answer in answers.items() if not _finite(answer)]


def _sane(network: Network, task: Task) -> list[str]:
    return [] if np.isfinite(network.run(_noise(task)).logits).all() else ["some values are not finite"]


def _finite(answers: Answers) -> bool:
    return all(bool(np.isfinite(part).all()) for part in (answers.logits, answers.heat_maps, answers.embedding))


_RULES: Final[dict[str, Callable[[Network, Task], list[str]]]] = {
    "the answers are float32, one per label.": _typed,
    "two images in one batch get the answers that they get alone.": _batched,
    "logits are finite.": _sane,
    "heat maps are finite, not negative, and have more than one cell.": _mapped,
    "the embedding is finite and always of the same width.": _embedded,
    "the same image gets the same answer twice.": _repeated,
    "a black and a white image are answered with finite numbers.": _extreme,
}


def _plain(task: Task, grey: float) -> FloatArray:
    """A prepared image (1, channels, rows, columns) of one grey value 0..1."""
    wanted = task.preprocess
    return _prepared(np.full((wanted.channels, wanted.rows, wanted.columns), grey, np.float32), task)


def _ramp(task: Task) -> FloatArray:
    wanted = task.preprocess
    ramp = np.linspace(0, 1, wanted.columns, dtype=np.float32)
    return _prepared(np.broadcast_to(ramp, (wanted.channels, wanted.rows, wanted.columns)), task)


def _noise(task: Task) -> FloatArray:
    wanted = task.preprocess
    values = np.random.default_rng(0).random((wanted.channels, wanted.rows, wanted.columns), np.float32)
    return _prepared(values, task)


def _prepared(fitted: FloatArray, task: Task) -> FloatArray:
    return normalise(fitted, task.preprocess)[None]


# Verhoeff's dihedral check (1969), as SNOMED CT's identifiers use it (Release File Specification, section 6.5).
_MULTIPLIED: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTED: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)
_CONCEPT_PARTITIONS: Final = ("00", "10")


def is_snomed_concept(identifier: str) -> bool:
    """Whether this may be a concept of SNOMED CT: 6 to 18 digits, a concept's partition, a valid check digit."""
    if not (identifier.isascii() and identifier.isdigit() and 6 <= len(identifier) <= 18 and identifier[0] != "0"):
        return False
    remainder = 0
    for position, digit in enumerate(reversed(identifier)):
        remainder = _MULTIPLIED[remainder][_PERMUTED[position % 8][int(digit)]]
    return remainder == 0 and identifier[-3:-1] in _CONCEPT_PARTITIONS
