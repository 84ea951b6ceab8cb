"""A training that is cut off goes on as if it had not been, and one that cannot go on says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.evaluation.index import Films
from rakurs.task import Preprocess, Task
from rakurs.training.loop import Data, prior_offsets, start_or_resume, train, validate
from rakurs.training.networks import build_network
from rakurs.training.recipe import Recipe, Stage
from tests.labelled import labelled_films, silent, write_task

N, BATCH = 24, 4
SMALL = Stage(rows_columns=32, epochs=1, batch=BATCH, learning_rate=1e-3)
LARGE = Stage(rows_columns=64, epochs=2, batch=BATCH, learning_rate=1e-3)
RECIPE = Recipe(network="efficientnet-lite0", seed=7, stages=[SMALL, LARGE])
PLAIN = Preprocess(channels=1, rows=32, columns=32, fit="pad", mean=[0.0], std=[1.0])


class CutOffError(Exception):
    """What ends a training from outside."""


@dataclass(slots=True)
class Killer:
    """Progress that ends a training after so many epochs, and so many steps of the next one."""

    epochs: int
    steps: int = 0

    def __call__(self, what: str, done: int, total: int, /) -> None:  # noqa: PLR0917 - as it is called
        self.epochs -= total == 0
        self.steps -= self.epochs <= 0 and "epoch" in what and total > 0
        if self.epochs <= 0 and self.steps <= 0:
            raise CutOffError


@dataclass(frozen=True, slots=True)
class Trained:
    """The data of a training, and the checkpoint of one that nothing interrupted."""

    task: Task
    splits: dict[str, Films]
    checkpoint: Path


@pytest.fixture(scope="module")
def trained(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("trained")
    task = write_task(root / "task")
    splits = labelled_films(root / "films", task, splits=[("train", N), ("val", 12)])
    checkpoint = train(RECIPE, task=task, splits=splits, out=root / "whole", progress=silent)
    return Trained(task=task, splits=splits, checkpoint=checkpoint)


def held(checkpoint: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return content


def run(trained: Trained, out: Path, *, recipe: Recipe = RECIPE, progress: Killer | None = None) -> Path:
    return train(recipe, task=trained.task, splits=trained.splits, out=out, progress=progress or silent)


def assert_same_tensors(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert list(one) == list(other)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def without_seconds(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]


def films_of(truth: Sequence[Sequence[bool]], *, sources: Sequence[int] | None = None) -> Films:
    n = len(truth)
    return Films(
        files=[Path()] * n,
        truth=np.array(truth, bool),
        patients=np.arange(n),
        source_px=np.array(sources or [64] * n),
    )


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [(1, 0), (2, 0), (1, 2)],
    ids=["after the first epoch and stage", "between two epochs of a stage", "within an epoch"],
)
def test_a_training_that_was_cut_off_ends_in_exactly_the_same_weights(
    trained: Trained, tmp_path: Path, *, epochs: int, steps: int
) -> None:
    with pytest.raises(CutOffError):
        run(trained, tmp_path / "cut", progress=Killer(epochs, steps=steps))

    resumed = held(run(trained, tmp_path / "cut"))

    whole = held(trained.checkpoint)
    assert_same_tensors(resumed["network"], whole["network"])
    assert without_seconds(resumed["history"]) == without_seconds(whole["history"])


def test_a_finished_training_is_left_as_it_is(trained: Trained) -> None:
    before = trained.checkpoint.read_bytes()

    again = run(trained, trained.checkpoint.parent, progress=Killer(0))

    assert again == trained.checkpoint
    assert trained.checkpoint.read_bytes() == before


def test_the_checkpoint_tells_every_epoch(trained: Trained) -> None:
    history = held(trained.checkpoint)["history"]

    assert [(epoch["size"], epoch["epoch"]) for epoch in history] == [(32, 0), (64, 0), (64, 1)]
    for epoch in history:
        assert math.isfinite(epoch["loss"])
        assert 0 <= epoch["auroc"] <= 1
        assert epoch["auroc"] == pytest.approx((epoch["auroc_64"] + epoch["auroc_256"]) / 2)


def test_the_checkpoint_knows_its_recipe_and_task(trained: Trained) -> None:
    content = held(trained.checkpoint)

    assert Recipe.model_validate(content["recipe"]) == RECIPE
    assert Task.model_validate(content["task"]) == trained.task


def test_training_moves_the_weights(trained: Trained) -> None:
    torch.manual_seed(RECIPE.seed)
    start = build_network(RECIPE.network, trained.task).state_dict()["head.weight"]
    assert (held(trained.checkpoint)["network"]["head.weight"] - start).norm() > 0


def test_the_learning_rate_has_fallen_along_half_a_cosine_at_the_last_step(trained: Trained) -> None:
    """Of 12 steps in the stage (6 batches by 2 epochs) the last begins at 11/12, after 5 % of warm-up."""
    rate = held(trained.checkpoint)["optimizer"]["param_groups"][0]["lr"]

    fallen = (11 / 12 - 0.05) / 0.95
    assert rate == pytest.approx(1e-3 * (0.02 + 0.98 * (1 + math.cos(math.pi * fallen)) / 2))


@pytest.mark.parametrize(("share", "batches"), [(0.0, 3), (0.5, 4), (1.0, 6)])
def test_a_stage_draws_its_share_of_the_films_that_are_smaller_than_its_input(
    trained: Trained, tmp_path: Path, *, share: float, batches: int
) -> None:
    """Of the 24 films 12 are smaller than 96 pixels; what is left of a batch of 4 is not trained."""
    stage = LARGE.model_copy(update={"rows_columns": 96, "upsampled_share": share})
    totals = []

    def progress(what: str, done: int, total: int, /) -> None:  # noqa: PLR0917 - as it is called
        if "epoch" in what:
            totals.append(total)
            raise CutOffError

    with pytest.raises(CutOffError):
        train(
            RECIPE.model_copy(update={"stages": [stage]}),
            task=trained.task,
            splits=trained.splits,
            out=tmp_path,
            progress=progress,
        )

    assert totals == [batches]


def test_a_checkpoint_of_another_recipe_is_refused(trained: Trained) -> None:
    other = RECIPE.model_copy(update={"seed": 8})

    with pytest.raises(TrainingError, match="belongs to another recipe or task; choose another --out"):
        start_or_resume(other, task=trained.task, checkpoint=trained.checkpoint)


def test_a_checkpoint_of_another_task_is_refused(trained: Trained) -> None:
    other = trained.task.model_copy(update={"version": "2"})

    with pytest.raises(TrainingError, match="belongs to another recipe or task"):
        start_or_resume(RECIPE, task=other, checkpoint=trained.checkpoint)


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_index_without_a_split_is_refused(trained: Trained, tmp_path: Path, *, split: str) -> None:
    splits = {name: films for name, films in trained.splits.items() if name != split}

    with pytest.raises(TrainingError, match=f"no films in the split '{split}'"):
        train(RECIPE, task=trained.task, splits=splits, out=tmp_path, progress=silent)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("every", [False, True], ids=["no film", "every film"])
def test_a_label_that_cannot_be_learned_is_refused_by_its_name(
    trained: Trained, tmp_path: Path, *, split: str, every: bool
) -> None:
    truth = trained.splits[split].truth.copy()
    truth[:, [1, 3]] = every
    splits = {**trained.splits, split: replace(trained.splits[split], truth=truth)}

    with pytest.raises(TrainingError, match=f"of the split '{split}' has the labels mass, other; leave them out"):
        train(RECIPE, task=trained.task, splits=splits, out=tmp_path, progress=silent)


def test_a_stage_without_a_whole_batch_is_refused(trained: Trained, tmp_path: Path) -> None:
    stages = [SMALL.model_copy(update={"batch": N + 1})]

    with pytest.raises(TrainingError, match=f"less than one batch of {N + 1} films"):
        run(trained, tmp_path, recipe=RECIPE.model_copy(update={"stages": stages}))


def test_a_loss_that_is_no_number_stops_the_training(trained: Trained, tmp_path: Path) -> None:
    stages = [SMALL.model_copy(update={"learning_rate": 1e30})]

    with pytest.raises(TrainingError, match="not a number any more; lower the stage's learning_rate"):
        run(trained, tmp_path, recipe=RECIPE.model_copy(update={"stages": stages}))

    assert not (tmp_path / "checkpoint.pt").exists()


def test_films_that_cannot_be_read_stop_the_training(trained: Trained, tmp_path: Path) -> None:
    films = trained.splits["val"]
    splits = {**trained.splits, "val": replace(films, files=[*films.files[:-1], tmp_path / "gone.png"])}

    with pytest.raises(TrainingError, match=r"1 of 12 images cannot be read; the first is gone\.png"):
        train(RECIPE, task=trained.task, splits=splits, out=tmp_path, progress=silent)


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

    scores = validate(Brightness(2), Data(films=films, pixels=pixels), preprocess=PLAIN)

    greys = pixels[:, 0, 0, 0]
    sources = (slice(40), slice(40, 100))
    expected = [np.mean([roc_auc_score(truth[rows, k], greys[rows]) for k in (0, 1)]) for rows in sources]
    assert scores == pytest.approx({"auroc": np.mean(expected), "auroc_128": expected[0], "auroc_1024": expected[1]})


def test_a_source_that_ranks_nothing_is_left_out_of_the_validation() -> None:
    films = films_of([[True], [False], [False], [False]], sources=[128] * 2 + [1024] * 2)

    scores = validate(Brightness(1), Data(films=films, pixels=shades(4)), preprocess=PLAIN)

    assert list(scores) == ["auroc", "auroc_128"]


def test_a_validation_in_which_no_source_ranks_anything_has_no_area() -> None:
    films = films_of([[True], [False]], sources=[128, 1024])

    scores = validate(Brightness(1), Data(films=films, pixels=shades(2)), preprocess=PLAIN)

    assert list(scores) == ["auroc"]
    assert math.isnan(scores["auroc"])


def test_validation_switches_dropout_off() -> None:
    network = nn.Sequential(nn.Dropout(0.9), Brightness(1)).train()
    films = films_of([[False], [True], [True]])
    pixels = np.broadcast_to(np.array([10, 20, 30], np.uint8)[:, None, None, None], (3, 1, 32, 32)).copy()

    scores = validate(network, Data(films=films, pixels=pixels), preprocess=PLAIN)

    assert scores["auroc"] == 1
