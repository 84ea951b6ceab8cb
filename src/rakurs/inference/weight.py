"""In which order findings are shown, and where a probability lies on the scale that they are drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rakurs.inference.document import Document
from rakurs.pack import Pack, Threshold
from rakurs.task import OperatingPoint

TICKS = (0.01, 0.1, 0.5, 0.9)
"""Probabilities that the scale names."""

_ENDS = (0.003, 0.97)
"""The scale is of log-odds between these probabilities, because findings are rare: at a threshold of 2 % a linear
bar shows nothing, and the way from 1 % to 2 % means as much as that from 10 % to 18 %."""


def place(probability: float) -> float:
    """Where a probability lies on the scale, 0..1."""
    low, high = map(_log_odds, _ENDS)
    return min(1.0, max(0.0, (_log_odds(probability) - low) / (high - low)))


def points_of(pack: Pack, label: str) -> list[tuple[OperatingPoint, Threshold]]:
    """The operating points that were measured for a label, in the order of the task."""
    if pack.measured is None:
        return []
    measured = pack.measured.operating_points
    return [(point, measured[point.name][label]) for point in pack.task.operating_points if point.name in measured]


def by_weight(findings: Sequence[Document], pack: Pack) -> list[Document]:
    """Findings with more operating points reached first, then those nearer to (or farther above) the highest one."""

    def weight(finding: Document) -> tuple[int, float, float]:
        highest = max((measured.threshold for _, measured in points_of(pack, finding["label"])), default=0.5)
        margin = _log_odds(finding["probability"]) - _log_odds(highest)
        return sum(finding["operating_points"].values()), margin, finding["probability"]

    return sorted(findings, key=weight, reverse=True)


def number(probability: float, *, calibrated: bool) -> str:
    """A calibrated probability in per cent; what is not calibrated as a bare number, since it is none."""
    if not calibrated:
        return f"{probability:.3f}"
    if probability < 0.001:
        return "<0.1%"
    return ">99.9%" if probability > 0.999 else f"{probability:.1%}"


def tick_name(probability: float, *, calibrated: bool) -> str:
    """A tick of the scale, in the unit of `number`."""
    return f"{probability:.0%}" if calibrated else f"{probability:g}"


def _log_odds(probability: float) -> float:
    held = min(1 - 1e-9, max(1e-9, probability))
    return math.log(held / (1 - held))
