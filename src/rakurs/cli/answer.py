"""One study of `rakurs read`, from its files to its document."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rakurs.cli.sources import BY_HEADER, Files
from rakurs.errors import RakursError, Refusal
from rakurs.inference.document import Document, reading_document, refused_document
from rakurs.inference.images import read_image
from rakurs.inference.read import Reader, read_study, view_of
from rakurs.study import Image, Reading, Study
from rakurs.task import Task


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of a study: its files and images by view, and a reading or the reason why there is none."""

    files: Files
    outcome: Reading | Refusal
    images: Mapping[str, Image] = field(default_factory=dict)


def answer(reader: Reader, files: Files) -> Answer:
    """Read one study; a refusal is its outcome."""
    task = reader.pack.task
    named = {_known_view(view, task): path for view, path in files.items()}
    images: dict[str, Image] = {}
    try:
        began = time.perf_counter()
        images = _images(files, task)
        decoded = time.perf_counter() - began
        named = dict(zip(images, files.values(), strict=True))
        reading = read_study(reader, Study(images=images))
    except Refusal as refusal:
        return Answer(files=named, outcome=refusal, images=images)
    return Answer(files=named, outcome=replace(reading, seconds={"decode": decoded, **reading.seconds}), images=images)


def document_of(answered: Answer, *, overlays: Mapping[tuple[str, str], str] | None = None) -> Document:
    """The document of an answer; `overlays` names the picture of (view, label) where there is one."""
    if isinstance(answered.outcome, Reading):
        return reading_document(answered.outcome, files=answered.files, overlays=overlays)
    return refused_document(answered.outcome, files=answered.files)


def full_images(answered: Answer) -> dict[str, Image]:
    """The images with every pixel of their files, of which reading may have left some out."""
    return {view: _full_image(image, answered.files[view]) for view, image in answered.images.items()}


def _full_image(image: Image, path: Path) -> Image:
    if image.pixels.shape[:2] == (image.source.rows, image.source.columns):
        return image
    return read_image(path)


def _images(files: Files, task: Task) -> dict[str, Image]:
    at_least = (task.preprocess.rows, task.preprocess.columns)
    images = [(view, read_image(path, at_least=at_least)) for view, path in files.items()]
    return {view_of(image, task) if view == BY_HEADER else view: image for view, image in images}


def _known_view(view: str, task: Task) -> str:
    return task.main_view.name if view == BY_HEADER else view


def fault_document(error: Exception, files: Files, *, task: Task) -> Document:
    """A study on which the program failed; where it did is told on stderr.

    The exception's own words are told nowhere, since they may quote the file.
    """
    place = "".join(traceback.format_tb(error.__traceback__))
    print(f"{type(error).__name__} in\n{place}", end="", file=sys.stderr, flush=True)
    fault = RakursError(f"Reading failed with {type(error).__name__}, a fault of Rakurs; its place stands on stderr.")
    return refused_document(fault, files={_known_view(view, task): path for view, path in files.items()})
