"""The gate refuses what is no image of the task's subject, each with its code, and lets a film pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax  # type: ignore[import-untyped]
from sklearn.covariance import EmpiricalCovariance

from rakurs.errors import Refusal
from rakurs.inference.gate import check_embedding, check_source, distance_to_training, posture_probabilities
from rakurs.inference.images import decode_image
from rakurs.pack import Gate, Probe
from rakurs.study import Image, Source
from rakurs.task import Task
from tests.films import dicom, film, photograph, png

SIDE, WIDTH = 64, 6
KINDS = ["upright", "turned-90", "turned-180", "turned-270", "inverted"]


def task_with(**changes: Any) -> Task:
    declared = {
        "schema": 1,
        "name": "chest",
        "version": "1",
        "title": {"en": "Chest"},
        "intended_use": {"en": "Tests"},
        "modalities": ["CR", "DX"],
        "body_parts": ["CHEST", "THORAX"],
        "activation": "sigmoid",
        "preprocess": {"channels": 1, "rows": SIDE, "columns": SIDE, "fit": "pad", "mean": [0.5], "std": [0.25]},
        "views": [
            {"name": "frontal", "required": True, "dicom": ["PA", "AP"]},
            {"name": "lateral", "dicom": ["LL", "RL"]},
        ],
        "labels": [{"name": "mass"}],
    }
    return Task.model_validate({**declared, **changes})


TASK = task_with()


def image_of(pixels: Any = None, **source: Any) -> Image:
    """A film of the tests, or these pixels, with these entries of its source."""
    shown = np.asarray(film() / 255 if pixels is None else pixels, np.float32)
    known = {"format": "DICOM", "rows": shown.shape[0], "columns": shown.shape[1], "bits": 8, "sha256": "0" * 64}
    return Image(pixels=shown, source=Source(**{**known, **source}))


def check(image: Image, *, task: Task = TASK, view: str = "frontal") -> None:
    check_source(image, task=task, view=task.view(view))


def refused(image: Image, *, task: Task = TASK, view: str = "frontal") -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(image, task=task, view=view)
    return caught.value


@pytest.mark.parametrize("modality", ["CR", "DX", None])
@pytest.mark.parametrize("body_part", ["CHEST", "THORAX", None])
@pytest.mark.parametrize("view_position", ["PA", "AP", "LLO", None])
def test_a_film_passes_with_any_header_that_fits_or_says_nothing(
    modality: str | None, body_part: str | None, *, view_position: str | None
) -> None:
    check(image_of(modality=modality, body_part=body_part, view_position=view_position))


def test_an_image_of_another_modality_is_refused() -> None:
    refusal = refused(image_of(modality="MR"))

    assert refusal.code == "wrong_modality"
    assert refusal.message == "Got the modality MR; expected one of CR, DX. Send an image of that kind."


def test_an_image_of_another_body_part_is_refused() -> None:
    refusal = refused(image_of(modality="DX", body_part="KNEE"))

    assert refusal.code == "wrong_body_part"
    assert refusal.message.startswith("Got another body part in the header; expected one of CHEST, THORAX. ")


@pytest.mark.parametrize("entry", ["modality", "body_part"])
@pytest.mark.parametrize(
    "value", ["IVANOV^IVAN", "ИВАНОВ", "IVANOV IVAN 1970-01-01", "ivanov@clinic.example", "ABDOMEN\nIVANOV", "A" * 17]
)
def test_a_header_value_that_is_no_code_is_refused_without_being_repeated(entry: str, value: str) -> None:
    refusal = refused(image_of(**{entry: value}))

    assert refusal.code == f"wrong_{entry}"
    assert value not in refusal.message


@pytest.mark.parametrize(
    "changes",
    [{"Modality": "MR"}, {"BodyPartExamined": "SKULL"}, {"ViewPosition": "LL"}],
    ids=["wrong_modality", "wrong_body_part", "wrong_view"],
)
def test_the_header_of_a_dicom_file_is_heeded(changes: dict[str, Any], request: pytest.FixtureRequest) -> None:
    image = decode_image(dicom(film(), **changes))

    assert refused(image).code == request.node.callspec.id


def test_a_dicom_file_of_the_task_passes() -> None:
    check(decode_image(dicom(film())))


@pytest.mark.parametrize(("view", "position"), [("frontal", "LL"), ("frontal", "RL"), ("lateral", "PA")])
def test_an_image_whose_header_names_another_view_is_refused(view: str, position: str) -> None:
    refusal = refused(image_of(view_position=position), view=view)

    other = {"frontal": "lateral", "lateral": "frontal"}[view]
    assert refusal.code == "wrong_view"
    assert refusal.message == f"Got an image whose header says {other}; expected the view {view}. Send it as {other}."


def test_a_task_that_names_no_modality_and_no_body_part_takes_any() -> None:
    check(image_of(modality="XC", body_part="HAND"), task=task_with(modalities=[], body_parts=[]))


def test_a_colour_image_is_refused_by_a_grey_task() -> None:
    image = decode_image(png(photograph()))

    assert refused(image).code == "colour"


def test_a_colour_image_passes_where_the_task_is_in_colour() -> None:
    declared = TASK.preprocess.model_dump()
    coloured = task_with(preprocess={**declared, "channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3})

    check(decode_image(png(photograph())), task=coloured)


def test_a_grey_picture_stored_in_colours_passes() -> None:
    check(decode_image(png(np.stack([film()] * 3, axis=-1))))


@pytest.mark.parametrize("size", [(15, 64), (64, 15)])
def test_an_image_with_a_side_under_a_quarter_of_the_input_is_refused(size: tuple[int, int]) -> None:
    refusal = refused(image_of(film()[: size[0], : size[1]] / 255))

    assert refusal.code == "too_small"
    assert refusal.message.startswith(f"Got {size[1]} x {size[0]} pixels; expected at least 16 x 16.")


def test_an_image_of_a_quarter_of_the_input_passes() -> None:
    check(image_of(film()[30:46, 30:46] / 255))


def test_size_is_that_of_the_file_and_not_of_what_was_decoded() -> None:
    check(image_of(film()[30:44, 30:44] / 255, rows=112, columns=112))


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_an_image_of_one_grey_value_is_refused(grey: float) -> None:
    noise = np.random.default_rng(0).uniform(-0.005, 0.005, (96, 80))

    refusal = refused(image_of(np.clip(grey + noise, 0, 1)))

    assert refusal.code == "blank"


def test_a_dead_pixel_is_no_contrast() -> None:
    pixels = np.full((96, 80), 0.4)
    pixels[40, 40] = 1

    assert refused(image_of(pixels)).code == "blank"


def test_a_faint_film_passes() -> None:
    check(image_of(0.4 + 0.1 * film() / 255))


def gate(**changes: Any) -> Gate:
    return Gate(**{"distance": 1.5, "reach": 3.0, **changes})


def probe(limit: float = 0.8) -> Probe:
    """Each kind but the first answers to one dimension of the embedding."""
    weights = np.zeros((len(KINDS), WIDTH))
    for kind in range(1, len(KINDS)):
        weights[kind, kind] = 4
    return Probe(kinds=KINDS, weights=weights.tolist(), bias=[2.0, 0, 0, 0, 0], limit=limit)


def embedding(values: Mapping[int, float] | None = None, *, distance: float | None = None) -> npt.NDArray[np.float32]:
    """An embedding with these values by dimension, 0 elsewhere; scaled to the `distance` where it is given."""
    whole = np.zeros(WIDTH, np.float32)
    for dimension, value in (values or {0: 1.0}).items():
        whole[dimension] = value
    if distance is not None:
        whole *= np.float32(distance / np.sqrt(np.mean(whole**2)))
    return whole


def refused_embedding(whole: npt.NDArray[np.float32], *, measured: Gate, task: Task = TASK) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_embedding(whole, gate=measured, task=task, view=task.view("frontal"))
    return caught.value


@pytest.mark.parametrize("posture", [None, probe()])
def test_an_embedding_near_those_of_training_passes(posture: Probe | None) -> None:
    check_embedding(embedding(distance=1.4), gate=gate(posture=posture), task=TASK, view=TASK.view("frontal"))


@pytest.mark.parametrize(
    ("kind", "code"),
    [("turned-90", "rotated"), ("turned-180", "rotated"), ("turned-270", "rotated"), ("inverted", "unlike_training")],
)
def test_a_film_that_lies_wrong_is_refused_by_its_posture(kind: str, code: str) -> None:
    whole = embedding({KINDS.index(kind): 3.0})

    refusal = refused_embedding(whole, measured=gate(posture=probe()))

    assert refusal.code == code
    assert refusal.message.startswith(f"Got an image that looks {kind}; expected an upright one. ")


def test_posture_is_refused_only_from_its_limit_on() -> None:
    whole = embedding({2: 1.0})
    reached = float(posture_probabilities(whole, probe())[2])

    check_embedding(whole, gate=gate(posture=probe(reached + 1e-6)), task=TASK, view=TASK.view("frontal"))

    assert refused_embedding(whole, measured=gate(posture=probe(reached - 1e-6))).code == "rotated"


def test_an_answer_of_a_probe_without_a_code_of_its_own_is_unlike_training() -> None:
    mirrored = probe().model_copy(update={"kinds": ["upright", "mirrored", *KINDS[2:]]})

    refusal = refused_embedding(embedding({1: 3.0}), measured=gate(posture=mirrored))

    assert refusal.code == "unlike_training"
    assert "looks mirrored" in refusal.message


def test_between_distance_and_reach_an_image_may_be_another_view() -> None:
    refusal = refused_embedding(embedding(distance=2.0), measured=gate())

    assert refusal.code == "wrong_view"
    assert "distance 2.00 from the frontal ones" in refusal.message
    assert "expected at most 1.50" in refusal.message
    assert "lateral" in refusal.message


def test_between_distance_and_reach_an_image_of_a_task_of_one_view_is_unlike_training() -> None:
    alone = task_with(views=[{"name": "frontal", "required": True}])

    assert refused_embedding(embedding(distance=2.0), measured=gate(), task=alone).code == "unlike_training"


def test_beyond_reach_an_image_is_unlike_training() -> None:
    refusal = refused_embedding(embedding(distance=3.1), measured=gate())

    assert refusal.code == "unlike_training"
    assert refusal.message.startswith("Got an image at the distance 3.10 ")


def test_beyond_reach_the_probe_is_not_asked_what_it_never_saw() -> None:
    whole = embedding({1: 1.0}, distance=3.1)

    assert refused_embedding(whole, measured=gate(posture=probe())).code == "unlike_training"


def test_the_limits_themselves_pass() -> None:
    exactly = np.full(WIDTH, 1.5, np.float32)

    check_embedding(exactly, gate=gate(), task=TASK, view=TASK.view("frontal"))

    assert refused_embedding(np.full(WIDTH, 3.0, np.float32), measured=gate()).code == "wrong_view"


def test_an_embedding_that_is_no_number_is_refused() -> None:
    whole = embedding({0: np.nan})

    assert refused_embedding(whole, measured=gate(posture=probe())).code == "unlike_training"


def test_the_distance_is_that_of_mahalanobis_over_the_root_of_the_dimensions() -> None:
    """Whitened by scikit-learn's covariance, the root mean square is its Mahalanobis distance over sqrt(d)."""
    generator = np.random.default_rng(0)
    films = generator.normal(size=(400, WIDTH)) @ generator.normal(size=(WIDTH, WIDTH)) + 3
    covariance = EmpiricalCovariance().fit(films)
    whitening = np.linalg.cholesky(covariance.precision_)
    film_like = films[0] + 1

    distance = distance_to_training(((film_like - covariance.location_) @ whitening).astype(np.float32))

    expected = np.sqrt(covariance.mahalanobis(film_like[None])[0] / WIDTH)
    assert distance == pytest.approx(expected, rel=1e-5)


def test_posture_probabilities_are_the_softmax_of_scipy() -> None:
    wholes = np.random.default_rng(0).normal(size=(7, WIDTH)).astype(np.float32)

    probabilities = posture_probabilities(wholes, probe())

    scores = wholes @ np.array(probe().weights).T + np.array(probe().bias)
    np.testing.assert_allclose(probabilities, softmax(scores, axis=-1), rtol=1e-5)


def test_posture_probabilities_do_not_overflow() -> None:
    probabilities = posture_probabilities(embedding({2: 1e4}), probe())

    np.testing.assert_array_equal(probabilities, [0, 0, 1, 0, 0])
