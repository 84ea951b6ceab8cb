"""A folder per label: ROOT/[split/]label/[view/]image, or another order of folders that is named."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from rakurs.errors import UsageError
from rakurs.training.datasets.boxes import stem_of
from rakurs.training.datasets.delimited import Texts, texts
from rakurs.training.datasets.gathered import Gathered, is_image, number_studies, table_of
from rakurs.training.datasets.splits import SEED, SPELLINGS, decide_splits, named_splits

LEVELS: Final[Sequence[str]] = ("split", "label", "view", "patient", "study", "-")
"""What a folder may say; "-" says nothing."""

_GUESSES: Final[Mapping[tuple[int, bool], Sequence[str]]] = {  # (how deep images lie, whether splits come first)
    (1, False): ("label",),
    (2, True): ("split", "label"),
    (2, False): ("label", "view"),
    (3, True): ("split", "label", "view"),
}
_SHAPE = "ROOT/[split/]label/[view/]image"


@dataclass(frozen=True, slots=True)
class Layout:
    """What folders and file names say; None: the folders are read as `ROOT/[split/]label/[view/]image`.

    `levels` are the folders from ROOT on, each one of `LEVELS`. `patient` and `study` are regular expressions
    that are searched in the path from ROOT on; their groups, or the whole match, name the patient and the study.
    `view` is that of all images where no folder says it; `views` are those of the task, which tell
    view/label from label/view. `random` draws splits even where folders say them.
    """

    levels: Sequence[str] | None = None
    patient: str | None = None
    study: str | None = None
    view: str | None = None
    views: Collection[str] = ()
    source_px: int | None = None
    measure: bool = False
    random: bool = False
    val_share: float | None = None
    seed: int = SEED


def gather_folder(root: Path, layout: Layout) -> Gathered:
    """The images below `root`, labelled by the folders that they lie in.

    A study is, unless it is named, the images of one name in the folders of all views; a patient is a study.

    Raises:
        UsageError: there are no images, folders cannot be understood, a path does not match, or one patient that
            nothing names would stand in two splits.
    """
    paths, others = _images(root)
    folders = [path.split("/")[:-1] for path in paths]
    levels = _levels(folders, layout)
    said = {
        level: texts("/".join(parts) for parts in zip(*parts_of, strict=True))
        for level, parts_of in _by_level(folders, levels).items()
    }
    if len(other := set(levels) - set(LEVELS)) or "label" not in levels:
        raise UsageError(
            f"Got --layout {'/'.join(levels)}{_among(other)}; expected label and, in the order of the folders, any "
            f"of {', '.join(LEVELS)}."
        )
    views = said["view"] if "view" in said else _one_view(layout, n=len(paths))
    study, patient = _subjects(paths, said, levels=levels, layout=layout)
    known = bool(layout.patient or layout.study or {"patient", "study"} & set(said))
    if not known:
        others.append("Nothing names the patient: each name of an image counts as another (--patient REGEX).")
    named = None
    if "split" in said and not layout.random:
        named = named_splits(said["split"], of=str(root), remedy='Name that folder "-" in --layout to draw splits.')
        if not known:
            _refuse_same_names(patient, named)
    splits, drawn = decide_splits(named, patient, of=str(root), val_share=layout.val_share, seed=layout.seed)
    table = table_of(
        study=number_studies(study.tolist(), views.tolist()),
        patient=patient.tolist(),
        view=views.tolist(),
        path=paths,
        labels=[[label] for label in said["label"].tolist()],
        split=splits.tolist(),
        source_px=None if layout.source_px is None else [layout.source_px] * len(paths),
    )
    remarks = [f"Folders are read as ROOT/{'/'.join(levels)}/image.", *others, *drawn]
    return Gathered(table, root, remarks=remarks, measure=layout.measure)


def _images(root: Path) -> tuple[list[str], list[str]]:
    """The images below `root` by path, in order, and how many other files there are."""
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.")
    files = sorted(_files(root))
    paths = [path for path in files if is_image(path.rpartition("/")[2])]
    if not paths:
        raise UsageError(f"There are no images below {root}; expected {_SHAPE}.")
    others = len(files) - len(paths)
    return paths, [f"{others} files do not have the name of an image and are left out."] if others else []


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root, followlinks=True):
        head = Path(folder).relative_to(root).as_posix()
        yield from (name if head == "." else f"{head}/{name}" for name in names)


def _levels(folders: Sequence[Sequence[str]], layout: Layout) -> Sequence[str]:
    """What each folder says, as it is named or by how deep images lie."""
    depths = Counter(map(len, folders))
    wanted = len(layout.levels) if layout.levels else None
    if len(depths) > 1 or (wanted is not None and wanted not in depths):
        held = ", ".join(f"{n} are {depth} folders deep" for depth, n in sorted(depths.items()))
        expected = f"{wanted}, as --layout says" if wanted else "all to be equally deep"
        raise UsageError(f"Of the images {held}; expected {expected}. Move the others out of ROOT.")
    if layout.levels:
        return layout.levels
    depth, first = len(folders[0]), {folder[0] for folder in folders if folder}
    splits_first = bool(first) and {name.lower() for name in first} <= set(SPELLINGS)
    if depth == 2 and first and first <= set(layout.views):
        return ("view", "label")
    if (depth, splits_first) not in _GUESSES:
        raise UsageError(
            f"Images lie {depth} folders deep, which is not {_SHAPE}; say what the folders are with --layout, as in "
            "--layout split/label/patient."
        )
    return _GUESSES[depth, splits_first]


def _by_level(folders: Sequence[Sequence[str]], levels: Sequence[str]) -> dict[str, list[list[str]]]:
    """The names of the folders of each level; two of one level, such as label/label, name it together."""
    held: dict[str, list[list[str]]] = defaultdict(list)
    for place, level in enumerate(levels):
        held[level].append([folder[place] for folder in folders])
    return held


def _among(other: Collection[str]) -> str:
    return f" with {', '.join(sorted(other))}" if other else " without label"


def _one_view(layout: Layout, *, n: int) -> Texts:
    if layout.view is None:
        raise UsageError("No folder says the view; name it with --view NAME, or the task with --task.")
    return np.full(n, layout.view, object)


def _subjects(
    paths: Sequence[str], said: Mapping[str, Texts], *, levels: Sequence[str], layout: Layout
) -> tuple[Texts, Texts]:
    """The study and the patient of each image: by expression, else by folder, else by its own name."""
    own = texts(_own_name(path, levels) for path in paths)
    study = _matches(paths, layout.study, option="--study") if layout.study else said.get("study", own)
    if layout.patient:
        return study, _matches(paths, layout.patient, option="--patient")
    return study, said.get("patient", study)


def _own_name(path: str, levels: Sequence[str]) -> str:
    """The path without what does not belong to the subject: the split, the view, the file's ending."""
    *folders, name = path.split("/")
    kept = [folder for folder, level in zip(folders, levels, strict=True) if level not in ("split", "view")]
    return "/".join([*kept, stem_of(name)])


def _matches(paths: Sequence[str], expression: str, *, option: str) -> Texts:
    """What the expression finds in each path: its groups, joined by strokes, or the whole match."""
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise UsageError(f"Got {option} {expression}, which is no regular expression: {error}.") from None
    found = [pattern.search(path) for path in paths]
    failed = [path for path, match in zip(paths, found, strict=True) if match is None]
    if failed:
        raise UsageError(f"{len(failed)} paths do not match {option} {expression}; the first is {failed[0]}.")
    return texts("/".join(filter(None, match.groups())) or match[0] for match in found if match)


def _refuse_same_names(patient: Texts, splits: Texts) -> None:
    """Where nothing names patients, files of one name in two splits may be one subject or two: a person must say."""
    sides = Counter(name for name, _ in set(zip(patient.tolist(), splits.tolist(), strict=True)))
    both = sorted(name for name, n in sides.items() if n > 1)
    if both:
        raise UsageError(
            f"{len(both)} names stand in more than one split, {both[0]} among them. If they are the same subjects, "
            "draw splits anew with --split random; if not, let the path name them: --patient '.+'."
        )
