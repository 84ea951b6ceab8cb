"""What is read and what is answered: frozen values over numpy arrays, without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image came from, without anything that names a person.

    `rows` and `columns` are those of the original file, which `Image.pixels` may be smaller than
    when only some resolution levels were decoded. `bits` is the depth of a grey value as stored.
    """

    format: str
    rows: int
    columns: int
    bits: int
    sha256: str
    modality: str | None = None
    body_part: str | None = None
    view_position: str | None = None
    transfer_syntax: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image: `pixels` float32 in 0..1 with dark = 0; `spacing_mm` (between rows, between columns).

    Grey images are (rows, columns), colour images (rows, columns, 3).
    """

    pixels: FloatArray
    source: Source
    view: str | None = None
    spacing_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """How an image lies in the network's input.

    The original's `rows` x `columns` pixels cover the rectangle (`top`, `left`, `height`, `width`),
    in fractions of the input, which it may exceed where the fit cropped.
    """

    rows: int
    columns: int
    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Where in a view a finding comes from.

    `values` float32 (h, w), not negative, in the unit of the logit: its grid covers the original
    image of `rows` x `columns` pixels exactly, so that it fits when stretched over it. All zero
    means that nothing in this view speaks for the finding (Grad-CAM's ReLU left nothing).
    """

    values: FloatArray
    rows: int
    columns: int

    @property
    def empty(self) -> bool:
        """Whether no place in this view speaks for the finding."""
        return not bool(self.values.any())


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One label's answer for a study; `probability` in 0..1 is calibrated only if the reading says so."""

    label: str
    title: str
    code: tuple[str, str, str] | None
    logit: float
    probability: float
    operating_points: Mapping[str, bool]
    heat_maps: Mapping[str, HeatMap]


@dataclass(frozen=True, slots=True)
class ReadingWarning:
    """Something that a person must know beside the findings."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The images of one subject from one visit, keyed by view."""

    images: Mapping[str, Image]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One pack applied to one study; `seconds` per stage.

    `answer` names the likeliest label where exactly one holds and the pack is sure enough of it.
    """

    calibrated: bool
    findings: tuple[Finding, ...]
    answer: str | None = None
    warnings: tuple[ReadingWarning, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
