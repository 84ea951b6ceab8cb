"""The order of findings and the scale of the bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rakurs.inference.weight import by_weight, number, place
from rakurs.pack import read_pack
from tests.packs import write_pack


def finding(label: str, probability: float) -> dict[str, Any]:
    reached = {"sensitive": probability >= 0.1, "specific": probability >= 0.5}
    return {"label": label, "probability": probability, "operating_points": reached}


def test_findings_that_reach_more_points_come_first_then_the_likelier(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "tiny")
    findings = [finding("effusion", 0.05), finding("mass", 0.2), finding("pneumothorax", 0.7), finding("other", 0.3)]
    assert [each["label"] for each in by_weight(findings, read_pack(pack))] == [
        "pneumothorax", "other", "mass", "effusion",
    ]  # fmt: skip


def test_the_scale_rises_and_stays_within_its_ends() -> None:
    places = [place(probability) for probability in (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999, 1.0)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.0, "<0.1%"), (0.0004, "<0.1%"), (0.0256, "2.6%"), (0.5, "50.0%"), (1.0, ">99.9%")]
)
def test_a_probability_is_never_shown_as_certain(probability: float, shown: str) -> None:
    assert number(probability, calibrated=True) == shown


def test_what_is_not_calibrated_has_no_per_cent() -> None:
    assert number(0.25, calibrated=False) == "0.250"
