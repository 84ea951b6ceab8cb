"""From the bytes of a study's films to everything that is kept of its reading."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from rakurs.errors import Refusal
from rakurs.inference.document import reading_document
from rakurs.inference.images import decode_image
from rakurs.inference.overlay import film_jpeg
from rakurs.inference.read import FINER, Reader, read_study
from rakurs.inference.weight import points_of
from rakurs.pack import Pack
from rakurs.service.readings.maps import pack_maps
from rakurs.study import Image, Reading, Study

THUMBNAIL_SIDE = 192
"""Pixels of the longer side of the picture in a list."""


@dataclass(frozen=True, slots=True)
class ReadView:
    """What is kept of one image: its size, and pictures as base64, so that the whole is plain JSON."""

    rows: int
    columns: int
    spacing_mm: list[float] | None
    thumbnail: str
    heat_maps: str | None = None

    def binary(self, name: str) -> bytes | None:
        """One of the pictures as bytes."""
        text = getattr(self, name)
        return None if text is None else base64.b64decode(text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a study: `state` read or refused, and what goes with it; plain values alone."""

    state: str
    refusal_code: str = ""
    refusal_message: str = ""
    calibrated: bool | None = None
    answer: str = ""
    warnings: list[dict[str, str]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    urgency: float = 0.0
    views: dict[str, ReadView] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain JSON, for the cache."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Self:
        """The outcome that `as_json` gave."""
        return cls(**{**held, "views": {view: ReadView(**kept) for view, kept in held["views"].items()}})


def read_films(reader: Reader, films: Mapping[str, bytes]) -> Outcome:
    """Read the films of a study, by view; a refusal is an outcome too."""
    preprocess = reader.pack.task.preprocess
    at_least = (FINER * preprocess.rows, FINER * preprocess.columns)
    images: dict[str, Image] = {}
    began = time.perf_counter()
    try:
        for view, content in films.items():
            images[view] = decode_image(content, at_least=at_least)
        decoded = time.perf_counter() - began
        reading = read_study(reader, Study(images=images))
    except Refusal as refusal:
        return Outcome(
            state="refused",
            refusal_code=str(refusal.code),
            refusal_message=refusal.message,
            views={view: _kept(image) for view, image in images.items()},
        )
    return _outcome(reading, reader.pack, images=images, decoded=decoded)


def _outcome(reading: Reading, pack: Pack, *, images: Mapping[str, Image], decoded: float) -> Outcome:
    document = reading_document(reading, files={})
    empty = {
        finding.label: {view: not heat_map.empty for view, heat_map in finding.heat_maps.items()}
        for finding in reading.findings
    }
    return Outcome(
        state="read",
        calibrated=reading.calibrated,
        answer=reading.answer or "",
        warnings=document["warnings"],
        findings=[{**finding, "heat_maps": empty[finding["label"]]} for finding in document["findings"]],
        seconds={"decode": round(decoded, 4), **document["seconds"]},
        urgency=urgency_of(document["findings"], pack),
        views={view: _kept(image, view, reading=reading) for view, image in images.items()},
    )


def _kept(image: Image, view: str = "", *, reading: Reading | None = None) -> ReadView:
    maps = {
        finding.label: finding.heat_maps[view]
        for finding in (reading.findings if reading else ())
        if view in finding.heat_maps
    }
    return ReadView(
        rows=image.source.rows,
        columns=image.source.columns,
        spacing_mm=list(image.spacing_mm) if image.spacing_mm else None,
        thumbnail=_text(film_jpeg(_thinned(image), longest=THUMBNAIL_SIDE)),
        heat_maps=_text(pack_maps(maps)) if maps else None,
    )


def _thinned(image: Image) -> Image:
    """The image with only some of its pixels, twice as many a side as a thumbnail needs."""
    step = max(1, max(image.pixels.shape[:2]) // (2 * THUMBNAIL_SIDE))
    return replace(image, pixels=np.ascontiguousarray(image.pixels[::step, ::step]))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def urgency_of(findings: list[dict[str, Any]], pack: Pack) -> float:
    """How much a study's strongest finding stands out: operating points reached, and then (0..1) how far above.

    The whole part counts the points that a finding reached; the rest is where its probability lies
    about the highest threshold, on the scale of odds, so that 0.5 is exactly at it.
    """
    return max((_weight(finding, pack) for finding in findings), default=0.0)


def _weight(finding: dict[str, Any], pack: Pack) -> float:
    highest = max((held.threshold for _, held in points_of(pack, finding["label"])), default=0.5)
    margin = _log_odds(finding["probability"]) - _log_odds(highest)
    return float(sum(finding["operating_points"].values())) + 1 / (1 + math.exp(-margin))


def _log_odds(probability: float) -> float:
    held = min(1 - 1e-6, max(1e-6, probability))
    return math.log(held / (1 - held))
