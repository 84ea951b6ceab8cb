"""Readings as documents: the one shape of the JSON that the command line prints and the service answers with.

A document is made of dict, list, str, float, bool and None alone, so that any JSON writer takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rakurs.errors import RakursError
from rakurs.pack import Pack
from rakurs.study import Finding, Reading

SCHEMA = 1
SIGNIFICANT_DIGITS = 7
"""As many as float32 has: more would print noise."""

Document = dict[str, Any]


def pack_document(pack: Pack) -> Document:
    """What answered: the pack's name and version, and the digest of each view's network."""
    return {
        "name": pack.task.name,
        "version": pack.task.version,
        "networks": {view: file.digest for view, file in pack.networks.items()},
    }


def reading_document(
    reading: Reading,
    *,
    files: Mapping[str, Path],
    overlays: Mapping[tuple[str, str], str] | None = None,
) -> Document:
    """A study that was read; `overlays` names the picture of (view, label) where there is one."""
    return {
        "state": "read",
        "files": _shown_files(files),
        "calibrated": reading.calibrated,
        "answer": reading.answer,
        "warnings": [{"code": warning.code, "message": warning.message} for warning in reading.warnings],
        "findings": [_finding_document(finding, overlays or {}) for finding in reading.findings],
        "seconds": {stage: round(seconds, 4) for stage, seconds in reading.seconds.items()},
    }


def refused_document(error: RakursError, *, files: Mapping[str, Path]) -> Document:
    """A study that was not read, and why."""
    return {
        "state": "refused",
        "files": _shown_files(files),
        "refusal": {"code": str(error.code), "message": error.message},
    }


def whole_document(pack: Pack, readings: Sequence[Document]) -> Document:
    """Everything that a pack said of some studies."""
    return {"schema": SCHEMA, "pack": pack_document(pack), "readings": list(readings)}


def shown_path(path: Path) -> str:
    """A path as valid Unicode: bytes of a file name that are none become U+FFFD, which every JSON reader takes."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _shown_files(files: Mapping[str, Path]) -> dict[str, str]:
    return {view: shown_path(path) for view, path in files.items()}


def _finding_document(finding: Finding, overlays: Mapping[tuple[str, str], str]) -> Document:
    return {
        "label": finding.label,
        "title": finding.title,
        "code": list(finding.code) if finding.code else None,
        "probability": _rounded(finding.probability),
        "logit": _rounded(finding.logit),
        "operating_points": {name: bool(reached) for name, reached in finding.operating_points.items()},
        "heat_maps": {view: overlays.get((view, finding.label)) for view in finding.heat_maps},
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
