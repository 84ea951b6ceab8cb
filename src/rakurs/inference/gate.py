"""The gate: what is no image of the task's subject is refused, by header, by pixels, by the network's embedding."""

from __future__ import annotations

import re

import numpy as np

from rakurs.errors import Refusal, RefusalCode
from rakurs.pack import Gate, Probe
from rakurs.study import FloatArray, Image, Source
from rakurs.task import Task, View

SMALLEST_SHARE_OF_INPUT = 0.25
"""An image with a side under this share of the network's input holds too little to read."""

SMALLEST_CONTRAST = 0.02
"""Between the 1st and the 99th percentile of grey values, 0..1; a film's is above 0.5."""

POSTURE_CODES = {
    "turned-90": RefusalCode.ROTATED,
    "turned-180": RefusalCode.ROTATED,
    "turned-270": RefusalCode.ROTATED,
    "inverted": RefusalCode.UNLIKE_TRAINING,
}
"""What each answer of a posture probe but the first means; the answer is the refusal's `got`."""


def check_source(image: Image, *, task: Task, view: View) -> None:
    """Refuse by what the header and the pixels say, before any network runs.

    Raises:
        Refusal: wrong_modality, wrong_body_part, wrong_view, colour, too_small or blank.
    """
    _check_header(image.source, task)
    _check_view_position(image.source, task=task, view=view)
    _check_pixels(image, task)


def _check_header(source: Source, task: Task) -> None:
    if source.modality and task.modalities and source.modality not in task.modalities:
        raise Refusal(
            RefusalCode.WRONG_MODALITY,
            got=f"the modality {_shown(source.modality)}",
            expected=f"one of {', '.join(task.modalities)}",
            remedy="Send an image of that kind.",
        )
    if source.body_part and task.body_parts and source.body_part not in task.body_parts:
        raise Refusal(
            RefusalCode.WRONG_BODY_PART,
            got="another body part in the header",
            expected=f"one of {', '.join(task.body_parts)}",
            remedy="Send an image of that region, or correct Body Part Examined (0018,0015).",
        )


def _shown(modality: str) -> str:
    """A modality as it may be logged: the defined terms have two to eight letters (PS3.3 C.7.3.1.1.1); no name does."""
    return modality if re.fullmatch("[A-Z]{2,3}|RTIMAGE|FUSION", modality) else "(none of the standard's)"


def _check_view_position(source: Source, *, task: Task, view: View) -> None:
    others = [other for other in task.views if other.name != view.name and source.view_position in other.dicom]
    if others:
        raise Refusal(
            RefusalCode.WRONG_VIEW,
            got=f"an image whose header says {others[0].name}",
            expected=f"the view {view.name}",
            remedy=f"Send it as {others[0].name}.",
        )


def _check_pixels(image: Image, task: Task) -> None:
    wanted = task.preprocess
    source = image.source
    if image.pixels.ndim == 3 and wanted.channels == 1:
        raise Refusal(
            RefusalCode.COLOUR, got="a colour image", expected="a grey one", remedy="Send the film itself, not a photo."
        )
    rows, columns = round(wanted.rows * SMALLEST_SHARE_OF_INPUT), round(wanted.columns * SMALLEST_SHARE_OF_INPUT)
    if source.rows < rows or source.columns < columns:
        raise Refusal(
            RefusalCode.TOO_SMALL,
            got=f"{source.columns} x {source.rows} pixels",
            expected=f"at least {columns} x {rows}",
            remedy="Send the image in its original size.",
        )
    dark, bright = np.percentile(image.pixels[::4, ::4], (1, 99))
    if bright - dark < SMALLEST_CONTRAST:
        raise Refusal(
            RefusalCode.BLANK,
            got="an image of one grey value",
            expected="a film with contrast",
            remedy="Check that the file holds the film, and its window.",
        )


def check_embedding(embedding: FloatArray, *, gate: Gate, task: Task, view: View) -> None:
    """Refuse by where the network's embedding (d,) of an image lies.

    Raises:
        Refusal: rotated, wrong_view or unlike_training.
    """
    distance = distance_to_training(embedding)
    if gate.posture is not None and distance <= gate.reach:
        _check_posture(embedding, gate.posture)
    if distance <= gate.distance:
        return
    others = [other.name for other in task.views if other.name != view.name]
    if others and distance <= gate.reach:
        raise Refusal(
            RefusalCode.WRONG_VIEW,
            got=f"an image at the distance {distance:.2f} from the {view.name} ones that the network learned from",
            expected=f"at most {gate.distance:.2f}",
            remedy=f"It may be another view ({', '.join(others)}) or another region: send a {view.name} image.",
        )
    raise Refusal(
        RefusalCode.UNLIKE_TRAINING,
        got=f"an image at the distance {distance:.2f} from those that the network learned from",
        expected=f"at most {gate.distance:.2f}",
        remedy="Check that it is the kind of image that this pack reads.",
    )


def distance_to_training(embedding: FloatArray) -> float:
    """Root mean square of a whitened embedding (d,): the Mahalanobis distance (Lee et al. 2018) over sqrt(d)."""
    return float(np.sqrt(np.mean(np.square(embedding, dtype=np.float64))))


def posture_probabilities(embedding: FloatArray, probe: Probe) -> FloatArray:
    """The probe's answers (…, kinds), which sum to 1, for embeddings (…, d)."""
    scores = embedding @ np.array(probe.weights, np.float32).T + np.array(probe.bias, np.float32)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def _check_posture(embedding: FloatArray, probe: Probe) -> None:
    probabilities = posture_probabilities(embedding, probe)
    kind = probe.kinds[int(probabilities[1:].argmax()) + 1]
    if probabilities[1:].max() >= probe.limit:
        raise Refusal(
            POSTURE_CODES.get(kind, RefusalCode.UNLIKE_TRAINING),
            got=f"an image that looks {kind}",
            expected=f"an {probe.kinds[0]} one",
            remedy="Turn it, or correct its grey scale, and send it again.",
        )
