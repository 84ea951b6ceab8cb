"""Readings as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rakurs.errors import Refusal, RefusalCode
from rakurs.inference.document import pack_document, reading_document, refused_document, shown_path, whole_document
from rakurs.pack import digest_of, read_pack
from rakurs.study import Finding, HeatMap, Reading, ReadingWarning
from tests.packs import write_pack

FILES = {"frontal": Path("a.png")}


def reading(*, probability: float = 0.125) -> Reading:
    finding = Finding(
        label="mass",
        title="Mass",
        code=("SCT", "309529002", "Lung mass"),
        logit=float(np.float32(-1.9459101)),
        probability=probability,
        operating_points={"sensitive": True, "specific": False},
        heat_maps={"frontal": HeatMap(values=np.ones((2, 2), np.float32), rows=8, columns=8)},
    )
    warning = ReadingWarning("ungated", "No limits.")
    return Reading(calibrated=True, findings=(finding,), warnings=(warning,), seconds={"decode": 0.123456})


def test_a_reading_has_the_agreed_shape() -> None:
    assert reading_document(reading(), files=FILES) == {
        "state": "read",
        "files": {"frontal": "a.png"},
        "calibrated": True,
        "answer": None,
        "warnings": [{"code": "ungated", "message": "No limits."}],
        "findings": [
            {
                "label": "mass",
                "title": "Mass",
                "code": ["SCT", "309529002", "Lung mass"],
                "probability": 0.125,
                "logit": -1.94591,
                "operating_points": {"sensitive": True, "specific": False},
                "heat_maps": {"frontal": None},
            }
        ],
        "seconds": {"decode": 0.1235},
    }


def test_a_map_has_the_name_of_its_picture() -> None:
    document = reading_document(reading(), files=FILES, overlays={("frontal", "mass"): "frontal-mass.png"})
    assert document["findings"][0]["heat_maps"] == {"frontal": "frontal-mass.png"}


def test_numbers_of_numpy_become_plain_ones() -> None:
    document = reading_document(reading(probability=np.float32(0.1)), files=FILES)  # type: ignore[arg-type]
    assert json.loads(json.dumps(document)) == document
    assert document["findings"][0]["probability"] == 0.1


def test_a_refusal_has_its_code_and_sentence() -> None:
    refusal = Refusal(RefusalCode.BLANK, got="one grey value", expected="a film", remedy="Look.")
    assert refused_document(refusal, files=FILES) == {
        "state": "refused",
        "files": {"frontal": "a.png"},
        "refusal": {"code": "blank", "message": "Got one grey value; expected a film. Look."},
    }


def test_a_pack_is_named_with_the_digest_of_each_network(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", views=("frontal", "lateral"))
    assert pack_document(read_pack(folder)) == {
        "name": "tiny",
        "version": "1",
        "networks": {view: digest_of(folder / f"{view}.onnx") for view in ("frontal", "lateral")},
    }


def test_a_whole_document_says_its_schema(tmp_path: Path) -> None:
    pack = read_pack(write_pack(tmp_path / "tiny"))
    assert whole_document(pack, [{"state": "read"}]) == {
        "schema": 1,
        "pack": pack_document(pack),
        "readings": [{"state": "read"}],
    }


def test_a_file_name_that_is_no_unicode_becomes_one() -> None:
    assert shown_path(Path("b\udcff.png")) == "b\N{REPLACEMENT CHARACTER}.png"
