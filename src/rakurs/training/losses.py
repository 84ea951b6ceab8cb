"""What a training minimises: cross-entropy or focal loss, weighted by label, adjusted by the source of a film."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from rakurs.evaluation.index import Films
from rakurs.task import Task
from rakurs.training.recipe import Recipe

SMALLEST_SOURCE = 0.05
"""A source is a size in which at least this share of the films was published; the others count as one."""

SHRUNK_BY = 20
"""Films of the overall shares that are added to each source's own."""

HEAVIEST = 100.0
"""No label weighs more by itself: a dozen positives in ten thousand films would be all that is learned."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits and truth, float (n, labels) each, to the mean loss; the truth may lie between 0 and 1."""


def loss_of(recipe: Recipe, task: Task, *, films: Films) -> Loss:
    """The loss that a recipe asks for; balanced weights are those of `films`."""
    weights = torch.from_numpy(label_weights(recipe, task, films=films))
    gamma = recipe.focal_gamma if recipe.loss == "focal" else 0.0
    one_holds, smoothing = task.activation == "softmax", recipe.label_smoothing

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        of_labels = weights.to(logits.device)
        if smoothing:
            truth = truth * (1 - smoothing) + smoothing / (truth.shape[1] if one_holds else 2)
        entropy = softmax_loss if one_holds else sigmoid_loss
        return entropy(logits.float(), truth, weights=of_labels, gamma=gamma)

    return loss


def sigmoid_loss(logits: Tensor, truth: Tensor, *, weights: Tensor, gamma: float = 0.0) -> Tensor:
    """Mean over films and labels of the binary cross-entropy; the positives of each label weigh `weights` (labels,).

    With `gamma` it is the focal loss of Lin et al. 2017 (equation 4): what is known already weighs less.
    """
    positive = -functional.logsigmoid(logits) * weights
    negative = -functional.logsigmoid(-logits)
    if gamma:
        positive = positive * (gamma * functional.logsigmoid(-logits)).exp()
        negative = negative * (gamma * functional.logsigmoid(logits)).exp()
    return (truth * positive + (1 - truth) * negative).mean()


def softmax_loss(logits: Tensor, truth: Tensor, *, weights: Tensor, gamma: float = 0.0) -> Tensor:
    """Mean over films of the cross-entropy, where exactly one label holds; each label weighs `weights` (labels,).

    With `gamma` it is the focal loss of Lin et al. 2017, of the probability of the label that holds.
    """
    log_share = functional.log_softmax(logits, 1)
    if gamma:
        log_share = log_share * (1 - log_share.exp()).clamp(min=1e-6) ** gamma
    return -(truth * weights * log_share).sum(1).mean()


def label_weights(recipe: Recipe, task: Task, *, films: Films) -> npt.NDArray[np.float32]:
    """The weight of each label, (labels,).

    "balanced" gives a label's positives the weight of its negatives, or, where exactly one label
    holds, every label the same weight in sum; the mean weight of a film is then 1.
    """
    names = [label.name for label in task.labels]
    if isinstance(recipe.label_weights, dict):
        return np.array([recipe.label_weights.get(name, 1.0) for name in names], np.float32)
    if recipe.label_weights == "none":
        return np.ones(len(names), np.float32)
    share = films.truth.mean(0)
    odds = 1 / (share * len(names)) if task.activation == "softmax" else (1 - share) / share
    balanced: npt.NDArray[np.float32] = np.minimum(odds, HEAVIEST).astype(np.float32)
    return balanced


def sources_of(films: Films) -> npt.NDArray[np.int64]:
    """The source of each film (n,): its published size, or 0 where few films have that size."""
    sizes, places, counts = np.unique(films.source_px, return_inverse=True, return_counts=True)
    large = counts >= SMALLEST_SOURCE * len(films)
    return np.where(large, sizes, 0)[places]


def prior_offsets(films: Films, *, one_holds: bool = False) -> Tensor:
    """What the origin of a film alone says of each label, as logits (n, labels).

    Films of one source size were selected alike, so their share of each label differs from the
    others'. Added to the logits in training, this offset answers for the difference, so that the
    network gains nothing by recognising the source (logit adjustment, Menon et al. 2021). Of labels
    of which exactly one holds, it is the difference of the logarithms of the shares.
    """
    offsets = np.zeros(films.truth.shape, np.float32)
    overall = films.truth.mean(0)
    sources = sources_of(films)
    for source in np.unique(sources):
        of_source = sources == source
        shrunk = (films.truth[of_source].sum(0) + SHRUNK_BY * overall) / (of_source.sum() + SHRUNK_BY)
        offsets[of_source] = np.log(shrunk / overall)
        if not one_holds:
            offsets[of_source] -= np.log((1 - shrunk) / (1 - overall))
    return torch.from_numpy(offsets)
