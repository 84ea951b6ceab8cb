"""Heat maps against boxes: hand-counted cells, controls, and boxes in the original image's fractions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from rakurs.evaluation.answers import Float64Array
from rakurs.evaluation.index import Box, Studies, read_index, split_of, write_index
from rakurs.evaluation.localisation import ALL, Located, boxed_of, cover, hit, locate, score_located
from rakurs.pack import Pack, read_pack
from rakurs.study import FloatArray
from tests.films import png
from tests.labelled import silent
from tests.packs import LABELS, as_model, write_pack

POINTING, IOBB, IOU = range(3)
MAP, RANDOM, CENTRE = range(3)


def box(*, left: float, top: float, width: float, height: float, label: str = "mass") -> Box:
    return Box(view="frontal", label=label, left=left, top=top, width=width, height=height)


def heat(rows: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(rows, np.float32)


TOP_LEFT = [box(left=0, top=0, width=0.5, height=0.5)]
MAP_4 = heat([[4, 2, 0, 0], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]])
"""Its region, from 2 on, is four cells, of which three lie in the top left quarter."""


def test_overlaps_are_those_counted_by_hand() -> None:
    own = hit(MAP_4, TOP_LEFT)[MAP]

    assert own == pytest.approx([1, 3 / 4, 3 / (4 + 4 - 3)])


def test_a_highest_point_outside_every_box_is_a_miss() -> None:
    own = hit(MAP_4[::-1], TOP_LEFT)[MAP]

    assert own[POINTING] == 0


def test_any_box_of_the_label_counts_and_their_union_is_what_is_covered() -> None:
    boxes = [box(left=0, top=0, width=0.25, height=0.5), box(left=0, top=0, width=0.5, height=0.25), *TOP_LEFT]

    np.testing.assert_allclose(hit(MAP_4, boxes), hit(MAP_4, TOP_LEFT))


def test_of_several_highest_cells_the_share_that_hits_counts() -> None:
    corner = [box(left=0, top=0, width=0.4, height=0.4)]

    assert hit(heat([[1, 1, 1], [0, 0, 1], [0, 0, 0]]), corner)[MAP, POINTING] == pytest.approx(1 / 4)


def test_a_box_covers_parts_of_cells() -> None:
    covered = cover([box(left=0.125, top=0, width=0.25, height=0.75)], rows=2, columns=4)

    np.testing.assert_allclose(covered, [[0.5, 0.5, 0, 0], [0.25, 0.25, 0, 0]])


@pytest.mark.parametrize("seed", range(4))
def test_overlapping_boxes_cover_what_a_fine_raster_says(seed: int) -> None:
    generator = np.random.default_rng(seed)
    boxes = [
        box(left=left, top=top, width=width, height=height)
        for left, top, width, height in generator.uniform(0, 0.5, (3, 4))
    ]
    place = (np.arange(1200) + 0.5) / 1200
    raster = np.zeros((1200, 1200), bool)
    for one in boxes:
        rows = (one.top <= place) & (place <= one.top + one.height)
        raster |= np.outer(rows, (one.left <= place) & (place <= one.left + one.width))

    covered = cover(boxes, rows=6, columns=8)

    np.testing.assert_allclose(covered, raster.reshape(6, 200, 8, 150).mean((1, 3)), atol=0.01)


def test_the_random_control_is_the_mean_over_every_place_of_the_map() -> None:
    covered = cover(TOP_LEFT, rows=4, columns=4)
    shared = [
        covered[np.roll(MAP_4 >= 2, (down, right), (0, 1))].sum() for down in range(4) for right in range(4)
    ]  # fmt: skip

    chance = hit(MAP_4, TOP_LEFT)[RANDOM]

    assert chance == pytest.approx([1 / 4, np.mean(shared) / 4, np.mean([s / (8 - s) for s in shared])])


def test_the_centre_control_is_the_middle_cells_as_many_as_the_map_has() -> None:
    middle = [box(left=0.25, top=0.25, width=0.5, height=0.25)]

    centre = hit(MAP_4, middle)[CENTRE]

    assert centre == pytest.approx([1, 2 / 4, 2 / 4])


def test_an_empty_map_finds_nothing_but_chance_and_centre_are_still_counted() -> None:
    found = hit(np.zeros((4, 4), np.float32), TOP_LEFT)

    assert found[MAP].tolist() == [0, 0, 0]
    assert found[:, POINTING].tolist() == [0, 0.25, 1]


SIDE = 64


def bright_spot_network() -> onnx.ModelProto:
    """A network whose heat map of every label is the image itself, averaged over cells of 8 pixels."""
    ones = np.ones((len(LABELS), 1, 1, 1), np.float32)
    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Relu", ["cells"], ["bright"]),
        helper.make_node("Conv", ["bright", "ones"], ["heat_maps"]),
        helper.make_node("GlobalAveragePool", ["heat_maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    outputs: dict[str, list[str | int]] = {
        "logits": ["n", len(LABELS)],
        "heat_maps": ["n", len(LABELS), 8, 8],
        "embedding": ["n", len(LABELS)],
    }
    return as_model(nodes, inputs={"image": ["n", 1, SIDE, SIDE]}, outputs=outputs, constants={"ones": ones})


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = write_pack(tmp_path_factory.mktemp("pack") / "spots", measured=False)
    (folder / "frontal.onnx").write_bytes(bright_spot_network().SerializeToString(deterministic=True))
    return read_pack(folder)


def spotted(folder: Path, pack: Pack, *, boxes: Sequence[Box | None]) -> Studies:
    """Wide films, 40 x 160 pixels, that are bright where the box is; without a box, dark."""
    folder.mkdir()
    columns: dict[str, list[object]] = {
        "study": [], "patient": [], "view": [], "path": [], "labels": [], "split": [], "boxes": []
    }  # fmt: skip
    for number, one in enumerate(boxes):
        film = np.zeros((40, 160), np.uint8)
        if one is not None:
            rows = slice(round(40 * one.top), round(40 * (one.top + one.height)))
            film[rows, round(160 * one.left) : round(160 * (one.left + one.width))] = 255
        (folder / f"{number}.png").write_bytes(png(film))
        row = {"study": f"{number}", "patient": f"{number}", "view": "frontal", "path": f"{number}.png"}
        held = [{name: getattr(one, name) for name in ("label", "left", "top", "width", "height")}] if one else None
        row |= {"labels": [one.label] if one else [], "split": "test", "boxes": held}  # type: ignore[dict-item]
        for name, value in row.items():
            columns[name].append(value)
    index = read_index(write_index(columns, images=folder, path=folder / "index.parquet"))
    return split_of(index, pack.task, split="test")


CORNER = box(left=0.8, top=0.6, width=0.2, height=0.4)


def test_a_map_is_held_against_the_box_where_it_lies_in_the_original_film(pack: Pack, tmp_path: Path) -> None:
    """A film that is wider than the input is padded above and below: without its frame the map would be squeezed."""
    studies = spotted(tmp_path / "films", pack, boxes=[CORNER, None])

    found = locate(pack, studies, view="frontal", progress=silent)

    assert found is not None
    assert found.hit[0, MAP, POINTING] == 1
    assert found.hit[0, MAP, IOU] > 0.4
    assert found.hit[0, MAP, IOBB] > 2 * found.hit[0, RANDOM, IOBB]
    assert found.empty == 0


def test_only_films_with_boxes_of_the_tasks_labels_are_located(pack: Pack, tmp_path: Path) -> None:
    studies = spotted(tmp_path / "films", pack, boxes=[None, CORNER, None])

    boxed = boxed_of(studies, pack.task, view="frontal")

    assert [(each.film, each.axis, each.patient) for each in boxed] == [(1, list(LABELS).index("mass"), 1)]


def test_without_boxes_there_is_nothing_to_locate(pack: Pack, tmp_path: Path) -> None:
    studies = spotted(tmp_path / "films", pack, boxes=[None, None])

    assert locate(pack, studies, view="frontal", progress=silent) is None


def located(hits: Float64Array, *, axis: Sequence[int], patient: Sequence[int]) -> Located:
    return Located(axis=np.array(axis), patient=np.array(patient), hit=hits, empty=0)


def test_labels_without_boxes_are_left_out_and_all_count_alike(pack: Pack) -> None:
    hits = np.zeros((6, 3, 3))
    hits[:4, MAP, POINTING] = [1, 1, 0, 1]

    rows = score_located(located(hits, axis=[1, 1, 1, 1, 2, 2], patient=range(6)), pack.task, samples=50, seed=0)

    assert [(row["label"], row["images"]) for row in rows] == [("mass", 4), ("pneumothorax", 2), (ALL, 6)]
    assert [row["map"]["pointing"]["value"] for row in rows] == pytest.approx([0.75, 0, 0.5])


def test_too_few_patients_have_no_interval(pack: Pack) -> None:
    hits = np.random.default_rng(0).random((6, 3, 3))

    few, many = (
        score_located(located(hits, axis=[1] * 6, patient=patient), pack.task, samples=50, seed=0)[0]["map"]["iou"]
        for patient in ([0, 0, 1, 1, 2, 2], range(6))
    )

    assert few["low"] is None
    assert many["low"] < many["value"] < many["high"]
