"""Validation ranks films within their source, and says how often the label that holds is the likeliest."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from rakurs.task import Task
from rakurs.training.epoch import Data
from rakurs.training.validation import validate
from tests.training.networks import films_of

pytestmark = pytest.mark.usefixtures("one_thread")


def task_of(labels: int, activation: str = "sigmoid") -> Task:
    """A task of grey films of 32 pixels, normalised by nothing."""
    return Task.model_validate(
        {
            "schema": 1,
            "name": "plain",
            "version": "1",
            "title": {"en": "Plain"},
            "intended_use": {"en": "For tests."},
            "activation": activation,
            "preprocess": {"channels": 1, "rows": 32, "columns": 32, "fit": "pad", "mean": [0.0], "std": [1.0]},
            "views": [{"name": "frontal"}],
            "labels": [{"name": f"label-{number}"} for number in range(labels)],
        }
    )


class Brightness(nn.Module):
    """Answers every label with the mean grey value of a film."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels

    def forward(self, films: Tensor) -> Tensor:
        return films.mean((1, 2, 3))[:, None].repeat(1, self.labels)


def shades(n: int) -> npt.NDArray[np.uint8]:
    """`n` films of one random grey value each."""
    greys = np.random.default_rng(0).permutation(n).astype(np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (n, 1, 32, 32)).copy()


def test_validation_is_the_mean_area_over_labels_within_each_source() -> None:
    truth = np.random.default_rng(1).random((100, 2)) < 0.4
    films = films_of(truth.tolist(), sources=[128] * 40 + [1024] * 60)
    pixels = shades(100)

    scores = validate(Brightness(2), Data(films=films, pixels=pixels), task=task_of(2))

    greys = pixels[:, 0, 0, 0]
    sources = (slice(40), slice(40, 100))
    expected = [np.mean([roc_auc_score(truth[rows, k], greys[rows]) for k in (0, 1)]) for rows in sources]
    assert scores == pytest.approx({"auroc": np.mean(expected), "auroc_128": expected[0], "auroc_1024": expected[1]})


def test_a_source_that_ranks_nothing_is_left_out_of_the_validation() -> None:
    films = films_of([[True], [False], [False], [False]], sources=[128] * 2 + [1024] * 2)

    scores = validate(Brightness(1), Data(films=films, pixels=shades(4)), task=task_of(1))

    assert list(scores) == ["auroc", "auroc_128"]


def test_a_validation_in_which_no_source_ranks_anything_has_no_area() -> None:
    films = films_of([[True], [False]], sources=[128, 1024])

    scores = validate(Brightness(1), Data(films=films, pixels=shades(2)), task=task_of(1))

    assert list(scores) == ["auroc"]
    assert math.isnan(scores["auroc"])


def test_validation_switches_dropout_off() -> None:
    network = nn.Sequential(nn.Dropout(0.9), Brightness(1)).train()
    films = films_of([[False], [True], [True]])
    pixels = np.broadcast_to(np.array([10, 20, 30], np.uint8)[:, None, None, None], (3, 1, 32, 32)).copy()

    scores = validate(network, Data(films=films, pixels=pixels), task=task_of(1))

    assert scores["auroc"] == 1


class Corner(nn.Module):
    """Answers each label with the grey value of a pixel of its own."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels

    def forward(self, films: Tensor) -> Tensor:
        return 9 * films[:, 0, 0, : self.labels]


def test_where_one_label_holds_each_is_ranked_against_the_rest_by_its_share() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 3, 90)
    pixels = generator.integers(0, 256, (90, 1, 32, 32), np.uint8)
    films = films_of(np.eye(3, dtype=bool)[labels].tolist())

    scores = validate(Corner(3), Data(films=films, pixels=pixels), task=task_of(3, "softmax"), by_source=False)

    shares = torch.tensor(pixels[:, 0, 0, :3] / 255 * 9).softmax(1).numpy()
    assert scores == pytest.approx(
        {
            "auroc": roc_auc_score(labels, shares, multi_class="ovr", average="macro"),
            "accuracy": accuracy_score(labels, shares.argmax(1)),
        }
    )


def test_sizes_that_few_films_have_count_as_one_source() -> None:
    truth = np.random.default_rng(1).random((100, 1)) < 0.4
    sources = [1024] * 60 + list(range(2000, 2040))
    pixels = shades(100)

    scores = validate(
        Brightness(1), Data(films=films_of(truth.tolist(), sources=sources), pixels=pixels), task=task_of(1)
    )

    assert scores["auroc_0"] == pytest.approx(roc_auc_score(truth[60:, 0], pixels[60:, 0, 0, 0]))
    assert list(scores) == ["auroc", "auroc_0", "auroc_1024"]
