"""Losses are those of their papers and of torch; weights and priors follow from counts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

pytest.importorskip("torch")

import torch
from torch import Tensor
from torch.nn import functional

from rakurs.task import Task
from rakurs.training.losses import label_weights, loss_of, prior_offsets, sigmoid_loss, softmax_loss, sources_of
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import write_task
from tests.training.networks import films_of

pytestmark = pytest.mark.usefixtures("one_thread")

N, LABELS = 40, 4
STAGE = Stage(rows_columns=32, epochs=1, batch=4, learning_rate=1e-3)
RECIPE = Recipe(network="small", stages=[STAGE])
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return write_task(tmp_path_factory.mktemp("task"))


def one_holds(task: Task) -> Task:
    return task.model_copy(update={"activation": "softmax"})


def logits(seed: int = 0) -> Tensor:
    return 3 * torch.randn(N, LABELS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def truths() -> Tensor:
    return (torch.rand(N, LABELS, generator=torch.Generator().manual_seed(1)) < 0.3).double()


def classes() -> Tensor:
    return torch.arange(N) * 7 % 13 % LABELS


def test_the_sigmoid_loss_is_the_weighted_binary_cross_entropy_of_torch() -> None:
    expected = functional.binary_cross_entropy_with_logits(logits(), truths(), pos_weight=WEIGHTS)

    torch.testing.assert_close(sigmoid_loss(logits(), truths(), weights=WEIGHTS), expected)


def test_the_softmax_loss_is_the_weighted_cross_entropy_of_torch() -> None:
    expected = functional.cross_entropy(logits(), classes(), weight=WEIGHTS.double(), reduction="none").mean()
    truth = functional.one_hot(classes(), LABELS).double()

    torch.testing.assert_close(softmax_loss(logits(), truth, weights=WEIGHTS.double()), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_of_independent_labels_is_that_of_the_paper(gamma: float) -> None:
    p = torch.sigmoid(logits())
    right = torch.where(truths() == 1, p, 1 - p)
    expected = (-((1 - right) ** gamma) * right.log()).mean()

    torch.testing.assert_close(sigmoid_loss(logits(), truths(), weights=torch.ones(LABELS), gamma=gamma), expected)


def test_the_focal_loss_where_one_label_holds_is_that_of_the_paper() -> None:
    right = logits().softmax(1)[torch.arange(N), classes()]
    expected = (-((1 - right) ** 2) * right.log()).mean()
    truth = functional.one_hot(classes(), LABELS).double()

    torch.testing.assert_close(softmax_loss(logits(), truth, weights=torch.ones(LABELS), gamma=2.0), expected)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("loss", ["cross-entropy", "focal"])
def test_certainty_gives_a_finite_loss_and_gradient(task: Task, *, activation: str, loss: str) -> None:
    films = films_of(np.eye(LABELS, dtype=bool)[classes()].tolist())
    certain = torch.full((N, LABELS), -200.0).scatter(1, classes()[:, None], 200.0).requires_grad_()
    asked = RECIPE.model_copy(update={"loss": loss})
    truth = functional.one_hot(classes(), LABELS).float()

    value = loss_of(asked, task.model_copy(update={"activation": activation}), films=films)(certain, truth)
    value.backward()  # type: ignore[no-untyped-call]

    assert value.item() == pytest.approx(0)
    assert certain.grad is not None
    assert torch.isfinite(certain.grad).all()


def test_label_smoothing_is_that_of_torch(task: Task) -> None:
    films = films_of(np.eye(LABELS, dtype=bool)[classes()].tolist())
    asked = RECIPE.model_copy(update={"label_smoothing": 0.1})
    truth = functional.one_hot(classes(), LABELS).float()

    value = loss_of(asked, one_holds(task), films=films)(logits().float(), truth)

    torch.testing.assert_close(value, functional.cross_entropy(logits().float(), classes(), label_smoothing=0.1))


def test_balanced_weights_of_labels_of_which_one_holds_are_those_of_scikit_learn(task: Task) -> None:
    labels = classes().numpy()
    films = films_of(np.eye(LABELS, dtype=bool)[labels].tolist())

    weights = label_weights(RECIPE.model_copy(update={"label_weights": "balanced"}), one_holds(task), films=films)

    np.testing.assert_allclose(
        weights, compute_class_weight("balanced", classes=np.arange(LABELS), y=labels), rtol=1e-6
    )


def test_balanced_positives_weigh_as_much_as_their_negatives(task: Task) -> None:
    """1, 2, 5 and 8 positives of ten; and never more than a hundred times."""
    truth = np.arange(10)[:, None] < np.array([1, 2, 5, 8])

    weights = label_weights(
        RECIPE.model_copy(update={"label_weights": "balanced"}), task, films=films_of(truth.tolist())
    )

    np.testing.assert_allclose(weights, [9, 4, 1, 0.25], rtol=1e-6)


def test_weights_by_name_leave_the_other_labels_at_one(task: Task) -> None:
    asked = RECIPE.model_copy(update={"label_weights": {"mass": 3.0}})

    assert label_weights(asked, task, films=films_of([[True] * LABELS])).tolist() == [1, 3, 1, 1]


def test_sizes_of_few_films_are_one_source() -> None:
    films = films_of([[True]] * 100, sources=[1024] * 50 + [128] * 5 + list(range(2000, 2045)))

    assert np.unique(sources_of(films), return_counts=True)[1].tolist() == [45, 5, 50]


def test_the_prior_of_a_source_of_labels_of_which_one_holds_is_the_logarithm_of_its_share() -> None:
    """6 of 10 and 6 of 30, shrunk by 20 films of 0.3: 0.4 and 0.24."""
    truth = [[n < 6, n >= 6] for n in range(10)] + [[n < 6, n >= 6] for n in range(30)]

    offsets = prior_offsets(films_of(truth, sources=[128] * 10 + [1024] * 30), one_holds=True)

    assert offsets[0].tolist() == pytest.approx([np.log(0.4 / 0.3), np.log(0.6 / 0.7)], abs=1e-5)
    assert offsets[-1].tolist() == pytest.approx([np.log(0.24 / 0.3), np.log(0.76 / 0.7)], abs=1e-5)


def test_the_prior_of_a_source_is_the_log_odds_of_its_share_over_that_of_all() -> None:
    """5 of 10 films and 3 of 30: shrunk by 20 films of the overall 0.2, the shares are 9/30 and 7/50."""
    truth = [[number < 5] for number in range(10)] + [[number < 3] for number in range(30)]

    offsets = prior_offsets(films_of(truth, sources=[128] * 10 + [1024] * 30))

    # ln(3/7) - ln(1/4) = 0.538997 and ln(7/43) - ln(1/4) = -0.428996
    assert offsets.shape == (40, 1)
    assert offsets[:10, 0].tolist() == pytest.approx([0.538997] * 10, abs=1e-5)
    assert offsets[10:, 0].tolist() == pytest.approx([-0.428996] * 30, abs=1e-5)


def test_one_source_alone_has_no_prior_of_its_own() -> None:
    offsets = prior_offsets(films_of([[True, False], [False, True], [False, True], [False, False]]))

    torch.testing.assert_close(offsets, torch.zeros(4, 2))


def test_a_label_that_a_source_lacks_has_a_finite_prior() -> None:
    offsets = prior_offsets(films_of([[False]] * 6 + [[True], [False]], sources=[128] * 6 + [1024] * 2))

    assert torch.isfinite(offsets).all()
    assert (offsets[:6] < 0).all()
    assert (offsets[6:] > 0).all()
