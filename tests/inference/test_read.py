"""A study is read as the design says: gate, network, fusion, calibration, heat maps, and nothing is hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit  # type: ignore[import-untyped]

from rakurs.errors import PackError, Refusal, UsageError
from rakurs.inference.heatmaps import onto_image, stretch
from rakurs.inference.images import decode_image, read_image
from rakurs.inference.preprocess import prepare
from rakurs.inference.read import Reader, load_reader, read_files, read_study, view_of
from rakurs.pack import digest_of, read_pack
from rakurs.study import FloatArray, Image, Reading, Study
from tests.films import dicom, film, photograph, png
from tests.packs import LABELS, random_network, write_pack

VIEWS = ("frontal", "lateral")
SLOPE, INTERCEPT = 0.5, -1.0  # what tests.packs writes as calibration
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A whole pack of two views, whose lateral network counts twice what the frontal one does."""
    return reader_of(write_pack(tmp_path_factory.mktemp("packs") / "both", views=VIEWS))


@pytest.fixture(scope="module")
def frontal_reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A pack of the frontal view alone, with the same network."""
    return reader_of(write_pack(tmp_path_factory.mktemp("packs") / "one"))


def reader_of(folder: Path, change: Change | None = None) -> Reader:
    """Load a pack, after a change of what was measured of it."""
    if change is not None:
        path = folder / "measured.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")
    return load_reader(read_pack(folder), threads=1)


def frontal() -> Image:
    return decode_image(png(film()))


def lateral() -> Image:
    return decode_image(png(np.ascontiguousarray(film()[::-1, ::-1])))


def read(reader: Reader, **images: Image) -> Reading:
    return read_study(reader, Study(images=images))


def raw_logits(reader: Reader, **images: Image) -> FloatArray:
    """What the network of a view says of an image of that view, before anything else."""
    ((view, image),) = images.items()
    prepared, _ = prepare(image, reader.pack.task.preprocess)
    return np.asarray(reader.networks[view].run(np.ascontiguousarray(prepared[None])).logits[0], np.float32)


def logits_of(reading: Reading) -> list[float]:
    return [finding.logit for finding in reading.findings]


def test_findings_come_in_the_order_of_the_task_with_title_and_code(reader: Reader) -> None:
    reading = read(reader, frontal=frontal())

    assert [(finding.label, finding.title, finding.code) for finding in reading.findings] == [
        (name, title, code) for name, (title, _, code) in LABELS.items()
    ]


def test_the_calibration_is_applied_before_the_activation(reader: Reader) -> None:
    reading = read(reader, frontal=frontal())

    expected = SLOPE * raw_logits(reader, frontal=frontal()) + INTERCEPT
    assert reading.calibrated
    assert logits_of(reading) == pytest.approx(expected.tolist(), rel=1e-6)
    assert [finding.probability for finding in reading.findings] == pytest.approx(expit(expected).tolist(), rel=1e-6)


def test_without_measurements_the_logits_are_those_of_the_network_and_the_reading_says_so(tmp_path: Path) -> None:
    unmeasured = reader_of(write_pack(tmp_path / "tiny", measured=False))

    reading = read(unmeasured, frontal=frontal())

    assert not reading.calibrated
    assert [warning.code for warning in reading.warnings] == ["uncalibrated", "ungated"]
    assert logits_of(reading) == pytest.approx(raw_logits(unmeasured, frontal=frontal()).tolist())
    assert all(finding.operating_points == {} for finding in reading.findings)


def test_a_whole_pack_warns_of_nothing(reader: Reader) -> None:
    assert read(reader, frontal=frontal(), lateral=lateral()).warnings == ()


def test_a_pack_without_calibration_warns_of_it_and_still_calls_by_its_thresholds(tmp_path: Path) -> None:
    uncalibrated = reader_of(write_pack(tmp_path / "tiny"), lambda content: content.pop("calibration"))

    reading = read(uncalibrated, frontal=frontal())

    assert not reading.calibrated
    assert [warning.code for warning in reading.warnings] == ["uncalibrated"]
    assert set(reading.findings[0].operating_points) == {"sensitive", "specific"}


def test_a_view_without_measured_limits_is_warned_of_only_where_it_is_read(tmp_path: Path) -> None:
    half_gated = reader_of(write_pack(tmp_path / "tiny", views=VIEWS), lambda content: content["gate"].pop("lateral"))

    alone, both = read(half_gated, frontal=frontal()), read(half_gated, frontal=frontal(), lateral=lateral())

    assert alone.warnings == ()
    assert [warning.code for warning in both.warnings] == ["ungated"]


def test_an_operating_point_is_reached_from_its_threshold_on(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    mass = read(reader_of(folder), frontal=frontal()).findings[1].probability

    def set_thresholds(content: dict[str, Any]) -> None:
        content["operating_points"]["sensitive"]["mass"]["threshold"] = mass
        content["operating_points"]["specific"]["mass"]["threshold"] = np.nextafter(mass, 1)

    reading = read(reader_of(folder, set_thresholds), frontal=frontal())

    assert reading.findings[1].operating_points == {"sensitive": True, "specific": False}


def test_operating_points_are_called_by_each_labels_own_threshold(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    thresholds = {"effusion": 0.0, "mass": 1.0, "pneumothorax": 0.0, "other": 1.0}

    def set_thresholds(content: dict[str, Any]) -> None:
        for label, threshold in thresholds.items():
            content["operating_points"]["specific"][label]["threshold"] = threshold

    reading = read(reader_of(folder, set_thresholds), frontal=frontal())

    assert [finding.operating_points["specific"] for finding in reading.findings] == [True, False, True, False]


def test_two_views_are_fused_by_their_measured_weights(reader: Reader) -> None:
    reading = read(reader, frontal=frontal(), lateral=lateral())

    of_frontal = SLOPE * raw_logits(reader, frontal=frontal()) + INTERCEPT
    of_lateral = SLOPE * raw_logits(reader, lateral=lateral()) + INTERCEPT
    assert logits_of(reading) == pytest.approx(((of_frontal + 2 * of_lateral) / 3).tolist(), rel=1e-5)


def test_one_view_absent_gives_exactly_the_answer_of_the_other_alone(reader: Reader, frontal_reader: Reader) -> None:
    of_two_views, of_one_view = read(reader, frontal=frontal()), read(frontal_reader, frontal=frontal())

    assert logits_of(of_two_views) == logits_of(of_one_view)
    assert [finding.probability for finding in of_two_views.findings] == [
        finding.probability for finding in of_one_view.findings
    ]


def test_an_image_of_a_view_without_a_network_is_named_as_not_read(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", views=VIEWS, measured=False)
    (folder / "lateral.onnx").unlink()
    blind = reader_of(folder)

    reading = read(blind, frontal=frontal(), lateral=lateral())

    assert [warning.code for warning in reading.warnings] == ["uncalibrated", "ungated", "view_not_read"]
    assert "lateral" in reading.warnings[-1].message
    assert logits_of(reading) == logits_of(read(blind, frontal=frontal()))
    assert list(reading.findings[0].heat_maps) == ["frontal"]


def test_a_study_without_a_required_view_is_refused(reader: Reader) -> None:
    with pytest.raises(Refusal) as caught:
        read(reader, lateral=lateral())

    assert caught.value.code == "wrong_view"
    assert caught.value.message == (
        "Got only the views lateral; expected the view frontal. Add the frontal image of the same study."
    )


def test_a_study_of_nothing_is_refused(reader: Reader) -> None:
    with pytest.raises(Refusal, match=r"Got only the views \(none\)"):
        read(reader)


def test_a_view_that_the_task_does_not_have_is_a_wrong_call(reader: Reader) -> None:
    with pytest.raises(UsageError, match="no view 'oblique'; it has: frontal, lateral"):
        read(reader, frontal=frontal(), oblique=lateral())


@pytest.mark.parametrize("view", VIEWS)
def test_one_refused_image_refuses_the_whole_study(reader: Reader, view: str) -> None:
    images = {"frontal": frontal(), "lateral": lateral(), view: decode_image(png(photograph()))}

    with pytest.raises(Refusal) as caught:
        read(reader, **images)

    assert caught.value.code == "colour"


def test_a_lateral_film_sent_as_frontal_is_refused_by_its_header(reader: Reader) -> None:
    with pytest.raises(Refusal) as caught:
        read(reader, frontal=decode_image(dicom(film(), ViewPosition="LL")))

    assert caught.value.code == "wrong_view"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"distance": 1e-6, "reach": 1e6}, "wrong_view"),
        ({"distance": 1e-6, "reach": 1e-6}, "unlike_training"),
        ({"distance": 1e6, "reach": 1e6, "posture": "turned-90"}, "rotated"),
        ({"distance": 1e6, "reach": 1e6, "posture": "inverted"}, "unlike_training"),
    ],
)
def test_an_embedding_beyond_the_measured_limits_is_refused(
    tmp_path: Path, limits: dict[str, Any], *, code: str
) -> None:
    posture = {"kinds": ["upright", limits.get("posture")], "weights": [[0.0] * 8] * 2, "bias": [0, 9], "limit": 0.9}
    measured = {**limits, "posture": posture} if "posture" in limits else limits
    folder = write_pack(tmp_path / "tiny", views=VIEWS)
    gated = reader_of(folder, lambda content: content["gate"].update(frontal=measured))

    with pytest.raises(Refusal) as caught:
        read(gated, frontal=frontal())

    assert caught.value.code == code


def test_the_limits_of_one_view_are_not_those_of_another(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", views=VIEWS)
    limits = {"distance": 1e-6, "reach": 1e-6}
    gated = reader_of(folder, lambda content: content["gate"].update(lateral=limits))

    with pytest.raises(Refusal, match="learned from"):
        read(gated, frontal=frontal(), lateral=lateral())

    assert read(gated, frontal=frontal()).findings


def test_every_finding_has_a_heat_map_of_each_view_that_covers_its_own_image(reader: Reader) -> None:
    wide = decode_image(png(np.ascontiguousarray(film()[20:60])))

    reading = read(reader, frontal=frontal(), lateral=wide)

    for finding in reading.findings:
        assert list(finding.heat_maps) == ["frontal", "lateral"]
        assert stretch(finding.heat_maps["frontal"]).shape == (96, 80)
        assert stretch(finding.heat_maps["lateral"]).shape == (40, 80)
        assert all(heat_map.values.min() >= 0 for heat_map in finding.heat_maps.values())


def test_heat_maps_belong_to_their_labels(reader: Reader) -> None:
    reading = read(reader, frontal=frontal())

    prepared, frame = prepare(frontal(), reader.pack.task.preprocess)
    maps = onto_image(reader.networks["frontal"].run(np.ascontiguousarray(prepared[None])).heat_maps[0], frame)
    assert len({heat_map.values.tobytes() for heat_map in maps}) == 4
    for finding, expected in zip(reading.findings, maps, strict=True):
        np.testing.assert_array_equal(finding.heat_maps["frontal"].values, expected.values)


def test_files_are_read_as_the_images_they_hold(reader: Reader, tmp_path: Path) -> None:
    paths = {"frontal": tmp_path / "one.dcm", "lateral": tmp_path / "two.png"}
    paths["frontal"].write_bytes(dicom(film()))
    paths["lateral"].write_bytes(png(np.ascontiguousarray(film()[::-1, ::-1])))

    reading = read_files(reader, paths)

    expected = read(reader, **{view: read_image(path) for view, path in paths.items()})
    assert logits_of(reading) == logits_of(expected)
    assert list(reading.seconds) == ["decode", "prepare", "network", "heat_maps"]
    assert all(seconds >= 0 for seconds in reading.seconds.values())


def test_a_file_that_is_no_image_refuses_the_study(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(film()))
    (tmp_path / "two.png").write_bytes(b"no film")

    with pytest.raises(Refusal) as caught:
        read_files(reader, {"frontal": tmp_path / "one.png", "lateral": tmp_path / "two.png"})

    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    ("position", "view"),
    [
        ("PA", "frontal"),
        ("AP", "frontal"),
        ("LL", "lateral"),
        ("LATERAL", "lateral"),
        ("RLO", "frontal"),
        (None, "frontal"),
    ],
)
def test_the_view_of_an_image_is_what_its_header_names_or_else_the_required_one(
    reader: Reader, position: str | None, *, view: str
) -> None:
    image = decode_image(dicom(film(), ViewPosition=position))

    assert view_of(image, reader.pack.task) == view


def test_a_pack_whose_network_breaks_the_contract_is_not_loaded(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)
    (folder / "frontal.onnx").write_bytes(random_network(3).SerializeToString())

    with pytest.raises(PackError, match="3 labels, the task 4"):
        load_reader(read_pack(folder))


def test_reading_changes_neither_the_image_nor_the_pack(reader: Reader) -> None:
    image = frontal()
    before, digest = image.pixels.copy(), digest_of(reader.pack.networks["frontal"].path)

    read(reader, frontal=image)

    np.testing.assert_array_equal(image.pixels, before)
    assert digest_of(reader.pack.networks["frontal"].path) == digest


def exclusive_reader(folder: Path, *, at_least: float | None, caution: bool = False) -> Reader:
    """A pack of one label per study, that answers from this confidence on."""
    write_pack(folder)
    text = (folder / "task.toml").read_text(encoding="utf-8").replace('"sigmoid"', '"softmax"')
    if caution:
        text = text.replace("activation =", 'caution = { en = "Not for deciding what to eat." }\nactivation =')
    (folder / "task.toml").write_text(text, encoding="utf-8")
    share = {"value": 0.5, "low": 0.4, "high": 0.6}

    def change(content: dict[str, Any]) -> None:
        if at_least is not None:
            content["confidence"] = {"at_least": at_least, "coverage": share, "error": share}

    return reader_of(folder, change)


@pytest.mark.parametrize("at_least", [None, 0.0], ids=["no rule", "sure enough"])
def test_where_one_label_holds_the_likeliest_is_the_answer(tmp_path: Path, at_least: float | None) -> None:
    reading = read(exclusive_reader(tmp_path / "pack", at_least=at_least), frontal=frontal())

    likeliest = max(reading.findings, key=lambda finding: finding.probability)
    assert reading.answer == likeliest.label
    assert sum(finding.probability for finding in reading.findings) == pytest.approx(1)


def test_a_pack_that_is_not_sure_enough_gives_no_answer_and_says_why(tmp_path: Path) -> None:
    reading = read(exclusive_reader(tmp_path / "pack", at_least=1.0), frontal=frontal())

    assert reading.answer is None
    assert [warning.code for warning in reading.warnings] == ["unsure"]
    assert "under 100% this pack was wrong too often" in reading.warnings[0].message


def test_a_chest_film_has_findings_but_no_answer(reader: Reader) -> None:
    assert read(reader, frontal=frontal()).answer is None


def test_a_packs_caution_stands_beside_every_reading(tmp_path: Path) -> None:
    reading = read(exclusive_reader(tmp_path / "pack", at_least=0.0, caution=True), frontal=frontal())

    assert [(warning.code, warning.message) for warning in reading.warnings] == [
        ("caution", "Not for deciding what to eat.")
    ]


def test_where_no_view_is_required_any_one_is_read(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack", views=VIEWS)
    task = folder / "task.toml"
    task.write_text(task.read_text(encoding="utf-8").replace("required = true", "required = false"), encoding="utf-8")
    either = reader_of(folder)

    assert len(read(either, lateral=lateral()).findings) == len(read(either, frontal=frontal()).findings) == len(LABELS)
    with pytest.raises(Refusal, match="expected the view frontal"):
        read(either)
