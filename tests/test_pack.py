"""A pack's parts agree with each other, or it is refused by the name of what does not."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rakurs.errors import PackError, TaskError
from rakurs.pack import digest_of, find_pack, pack_folders, read_pack, write_measured
from tests.packs import write_pack

VIEWS = ("frontal", "lateral")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole pack of two views."""
    return write_pack(tmp_path / "tiny", views=VIEWS, gate={"distance": 1.5, "reach": 3.0, "posture": posture()})


def posture(**changes: Any) -> dict[str, Any]:
    """A probe of two answers for an embedding of two numbers."""
    return {"kinds": ["upright", "inverted"], "weights": [[1, 0], [0, 1]], "bias": [0, 0], "limit": 0.5, **changes}


def remeasure(folder: Path, change: Change) -> Path:
    """Change what measured.json says."""
    path = folder / "measured.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_pack_whose_parts_agree_is_read(folder: Path) -> None:
    pack = read_pack(folder)

    assert pack.task.name == "tiny"
    assert list(pack.networks) == ["frontal", "lateral"]
    assert pack.measured is not None
    assert pack.calibrated


def test_a_network_is_known_by_the_digest_of_its_bytes(folder: Path) -> None:
    pack = read_pack(folder)

    expected = hashlib.sha256((folder / "lateral.onnx").read_bytes()).hexdigest()
    assert pack.networks["lateral"].path == folder / "lateral.onnx"
    assert pack.networks["lateral"].digest == f"sha256:{expected}" == digest_of(folder / "lateral.onnx")


def test_a_pack_of_which_nothing_was_measured_is_read_as_uncalibrated(tmp_path: Path) -> None:
    pack = read_pack(write_pack(tmp_path / "tiny", measured=False))

    assert pack.measured is None
    assert not pack.calibrated


def test_a_pack_without_calibration_is_read_as_uncalibrated(folder: Path) -> None:
    pack = read_pack(remeasure(folder, lambda content: content.pop("calibration")))

    assert pack.measured is not None
    assert not pack.calibrated


@pytest.mark.parametrize("view", VIEWS)
def test_a_network_of_other_bytes_than_were_measured_is_refused(folder: Path, view: str) -> None:
    network = folder / f"{view}.onnx"
    network.write_bytes(network.read_bytes() + b"\0")

    with pytest.raises(PackError, match=rf"{view}\.onnx is sha256:.* but measured\.json .* measure again"):
        read_pack(folder)


def test_a_required_view_without_a_network_is_refused(folder: Path) -> None:
    (folder / "frontal.onnx").unlink()

    with pytest.raises(PackError, match=r"lacks the network frontal\.onnx of a required view"):
        read_pack(folder)


def test_an_optional_view_needs_no_network(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", views=VIEWS, measured=False)
    (folder / "lateral.onnx").unlink()

    pack = read_pack(folder)

    assert list(pack.networks) == ["frontal"]
    assert [view.name for view in pack.task.views] == ["frontal", "lateral"]


def test_measurements_of_a_network_that_is_gone_are_refused(folder: Path) -> None:
    (folder / "lateral.onnx").unlink()

    with pytest.raises(PackError, match="disagree in networks: lateral"):
        read_pack(folder)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("networks: side", lambda content: content["networks"].update(side="sha256:0")),
        ("gate: side", lambda content: content["gate"].update(side={"distance": 1, "reach": 1})),
        ("operating_points: often", lambda content: content["operating_points"].update(often={})),
        (
            "operating_points.specific: hernia",
            lambda content: _name_hernia(content["operating_points"]["specific"]),
        ),
        ("calibration: side", lambda content: content["calibration"].update(side={})),
        ("calibration.lateral: hernia", lambda content: _name_hernia(content["calibration"]["lateral"])),
        ("fusion: side", lambda content: content["fusion"].update(side=1.0)),
    ],
)
def test_a_name_that_the_pack_does_not_have_is_refused_in_each_part(folder: Path, part: str, *, change: Change) -> None:
    remeasure(folder, change)

    with pytest.raises(PackError, match=f"disagree in {re.escape(part)} stands in only one of them"):
        read_pack(folder)


def _name_hernia(of_labels: dict[str, Any]) -> None:
    of_labels["hernia"] = of_labels["mass"]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("operating_points.sensitive: mass", lambda content: content["operating_points"]["sensitive"].pop("mass")),
        ("calibration: lateral", lambda content: content["calibration"].pop("lateral")),
        ("calibration.frontal: other", lambda content: content["calibration"]["frontal"].pop("other")),
        ("fusion: frontal", lambda content: content["fusion"].pop("frontal")),
    ],
)
def test_a_name_that_the_measurements_lack_is_refused(folder: Path, part: str, *, change: Change) -> None:
    remeasure(folder, change)

    with pytest.raises(PackError, match=f"disagree in {re.escape(part)} stands in only one of them"):
        read_pack(folder)


def test_a_network_that_was_not_measured_is_refused(folder: Path) -> None:
    remeasure(folder, lambda content: content["networks"].pop("lateral"))

    with pytest.raises(PackError, match=r"measured\.json was measured of None"):
        read_pack(folder)


@pytest.mark.parametrize(("part", "name"), [("gate", "lateral"), ("operating_points", "specific")])
def test_gates_and_operating_points_may_be_measured_in_part(folder: Path, part: str, *, name: str) -> None:
    pack = read_pack(remeasure(folder, lambda content: content[part].pop(name)))

    assert name not in getattr(pack.measured, part)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda content: content.update(schema=2), "schema"),
        (lambda content: content.update(remarks="none"), "remarks"),
        (lambda content: content.pop("date"), "date"),
        (lambda content: content["calibration"]["frontal"]["mass"].update(slope=-0.5), "mass.slope"),
        (lambda content: content["calibration"]["frontal"]["mass"].update(intercept=float("nan")), "mass.intercept"),
        (lambda content: content["operating_points"]["specific"]["mass"].update(threshold=1.5), "mass.threshold"),
        (lambda content: content["fusion"].update(lateral=0.0), "fusion.lateral"),
        (lambda content: content["gate"]["frontal"].update(distance=0), "frontal.distance"),
        (lambda content: content["gate"]["frontal"].update(reach=float("inf")), "frontal.reach"),
        (lambda content: content["gate"]["frontal"].update(posture=posture(kinds=["upright"])), "posture.kinds"),
        (lambda content: content["gate"]["frontal"].update(posture=posture(limit=1.5)), "posture.limit"),
        (lambda content: content["gate"]["frontal"].update(posture=posture(bias=[0])), "2 rows of one length"),
        (lambda content: content["gate"]["frontal"].update(posture=posture(weights=[[1], [0, 1]])), "2 rows of one"),
    ],
)
def test_a_measurement_that_cannot_be_is_refused_by_its_place(folder: Path, change: Change, *, field: str) -> None:
    remeasure(folder, change)

    with pytest.raises(PackError, match=rf"measured\.json is not valid: .*{re.escape(field)}"):
        read_pack(folder)


@pytest.mark.parametrize("content", ["", "not JSON", "[]", "null"])
def test_a_file_of_measurements_that_is_none_is_refused(folder: Path, content: str) -> None:
    (folder / "measured.json").write_text(content, encoding="utf-8")

    with pytest.raises(PackError, match=r"measured\.json is not valid"):
        read_pack(folder)


def test_a_broken_task_is_said_as_such(folder: Path) -> None:
    (folder / "task.toml").write_text("name = 'tiny'", encoding="utf-8")

    with pytest.raises(TaskError, match="not a valid task"):
        read_pack(folder)


def test_measurements_are_read_back_as_they_were_written(folder: Path) -> None:
    pack = read_pack(folder)
    assert pack.measured is not None
    third = {label: each.model_copy(update={"slope": 1 / 3}) for label, each in _calibration(folder).items()}
    measured = pack.measured.model_copy(update={"calibration": dict.fromkeys(VIEWS, third)})

    write_measured(measured, folder)

    assert read_pack(folder).measured == measured
    assert json.loads((folder / "measured.json").read_text(encoding="utf-8"))["schema"] == 1


def _calibration(folder: Path) -> dict[str, Any]:
    measured = read_pack(folder).measured
    assert measured is not None
    assert measured.calibration is not None
    return measured.calibration["frontal"]


def test_writing_measurements_leaves_nothing_beside_them(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    measured = read_pack(folder).measured
    assert measured is not None

    write_measured(measured, folder)

    assert sorted(path.name for path in folder.iterdir()) == before


def test_measurements_that_cannot_be_written_leave_the_old_ones_whole(folder: Path) -> None:
    measured, before = read_pack(folder).measured, (folder / "measured.json").read_bytes()
    assert measured is not None
    (folder / "measured.json.partial").mkdir()  # so that writing there fails, whoever runs the test

    with pytest.raises(IsADirectoryError):
        write_measured(measured.model_copy(update={"date": "2026-01-01"}), folder)

    assert (folder / "measured.json").read_bytes() == before


def test_a_pack_is_found_by_its_path(folder: Path) -> None:
    assert find_pack(str(folder)) == folder


def test_a_pack_is_found_by_name_in_the_folders_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for parent, name in (("hospital", "chest"), ("forest", "mushroom")):
        write_pack(tmp_path / parent / name, measured=False)
    monkeypatch.setenv("RAKURS_PACKS", os.pathsep.join([str(tmp_path / "hospital"), str(tmp_path / "forest")]))

    found = find_pack("mushroom")

    assert found == tmp_path / "forest" / "mushroom"


def test_packs_of_the_environment_stand_before_those_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write_pack(tmp_path / "chest-xray", measured=False)
    monkeypatch.setenv("RAKURS_PACKS", str(tmp_path))

    found = find_pack("chest-xray")

    assert found == own
    assert pack_folders()[0] == own
    assert len(pack_folders()) > 1


def test_a_pack_that_ships_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAKURS_PACKS", raising=False)

    found = find_pack("chest-xray")

    assert (found / "task.toml").is_file()


def test_an_unknown_pack_is_refused_with_the_names_of_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pack(tmp_path / "mushroom", measured=False)
    monkeypatch.setenv("RAKURS_PACKS", str(tmp_path))

    with pytest.raises(PackError, match=r"no pack 'chess', .*among: .*mushroom"):
        find_pack("chess")


def test_a_folder_without_a_task_is_no_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("RAKURS_PACKS", str(tmp_path))

    with pytest.raises(PackError, match="no pack 'empty'"):
        find_pack("empty")
