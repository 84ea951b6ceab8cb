"""Films to try with: those of the package pydicom-data, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Sample:
    """A film: its title by language, and a file's name by view."""

    title: Mapping[str, str]
    views: Mapping[str, str]


SAMPLES: Final[Mapping[str, Sample]] = {
    "chest-pa": Sample(
        title={"en": "A chest, frontal (PA)", "ru": "Грудная клетка, прямая проекция"},
        views={"frontal": "RG1_UNCI.dcm"},
    ),
}


@cache
def sample_file(name: str, view: str) -> Path | None:
    """Where a sample's file lies; None where there is none."""
    # Not at the top: it imports pydicom, which serving has no need of until a DICOM file comes.
    from pydicom.data import get_testdata_file  # noqa: PLC0415

    sample = SAMPLES.get(name)
    if sample is None or view not in sample.views:
        return None
    found = get_testdata_file(sample.views[view], download=False)
    return Path(found) if isinstance(found, str) else None
