"""A recipe is strict, and the one that ships trains the size that its pack reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from rakurs.errors import TrainingError
from rakurs.task import read_task
from rakurs.training.recipe import default_recipe, read_recipe
from tests.labelled import write_task

REPOSITORY = Path(__file__).parents[2]
RECIPES = sorted(REPOSITORY.glob("packs/*/recipe.toml"))
VALID = """network = "efficientnet-lite0"
seed = 7
dropout = 0.1

[[stages]]
rows_columns = 64
epochs = 2
batch = 4
learning_rate = 1e-3

[[stages]]
rows_columns = 96
epochs = 1
batch = 2
learning_rate = 5e-4
upsampled_share = 0.2
degrade = 0.0
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    """The valid recipe with the first occurrence of `old` replaced."""
    assert old in VALID
    return VALID.replace(old, new, 1)


def test_a_recipe_is_read_as_it_was_written(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, VALID))

    assert (recipe.network, recipe.seed, recipe.dropout) == ("efficientnet-lite0", 7, 0.1)
    assert [stage.rows_columns for stage in recipe.stages] == [64, 96]
    assert [stage.upsampled_share for stage in recipe.stages] == [1.0, 0.2]
    assert [stage.degrade for stage in recipe.stages] == [0.5, 0.0]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("seed = 7", "seed = 7\nepochs = 3", "epochs"),
        ("epochs = 2", "epochs = 2\nmomentum = 0.9", "stages.0.momentum"),
        ('network = "efficientnet-lite0"', "network = 3", "network"),
        ("seed = 7", "seed = 7.0", "seed"),
        ("seed = 7", 'seed = "7"', "seed"),
        ("dropout = 0.1", "dropout = 1.0", "dropout"),
        ("dropout = 0.1", "weight_decay = -0.1", "weight_decay"),
        ("dropout = 0.1", 'loss = "hinge"', "loss"),
        ("dropout = 0.1", "label_weights = { mass = 0.0 }", "label_weights.dict[str,constrained-float].mass"),
        ("dropout = 0.1", "average = 1.0", "average"),
        ("epochs = 2", "epochs = 2\nfrozen_share = 1.0", "stages.0.frozen_share"),
        ("rows_columns = 64", "rows_columns = 64.0", "stages.0.rows_columns"),
        ("rows_columns = 64", "rows_columns = 0", "stages.0.rows_columns"),
        ("epochs = 2", "epochs = 0", "stages.0.epochs"),
        ("batch = 4", "batch = 1", "stages.0.batch"),
        ("learning_rate = 1e-3", "learning_rate = 0.0", "stages.0.learning_rate"),
        ("upsampled_share = 0.2", "upsampled_share = 1.1", "stages.1.upsampled_share"),
        ("degrade = 0.0", "degrade = -0.1", "stages.1.degrade"),
    ],
)
def test_a_fault_is_refused_by_its_place(tmp_path: Path, old: str, *, new: str, field: str) -> None:
    path = written(tmp_path, changed(old, new))

    with pytest.raises(TrainingError, match=re.escape(f"{field}: ")):
        read_recipe(path)


def test_a_recipe_without_stages_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'network = "efficientnet-lite0"\nseed = 7\nstages = []\n')

    with pytest.raises(TrainingError, match="stages: "):
        read_recipe(path)


def test_a_network_that_the_caller_names_is_the_one(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, VALID), network="densenet-121").network == "densenet-121"
    assert read_recipe(written(tmp_path, changed('network = "efficientnet-lite0"\n', "")), network="x").network == "x"


def test_a_recipe_and_a_caller_that_name_no_network_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, changed('network = "efficientnet-lite0"\n', ""))

    with pytest.raises(TrainingError, match=r"recipe\.toml names no network; give --network"):
        read_recipe(path)


def test_a_missing_recipe_is_said_by_name_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"The recipe recipe\.toml is not in"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("content", [b"network = efficientnet", b'network = "\xff"'], ids=["no TOML", "no text"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)

    with pytest.raises(TrainingError, match="not valid TOML"):
        read_recipe(path)


def test_a_recipe_cannot_be_changed(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, VALID))

    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 8


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_a_recipe_that_ships_ends_at_the_size_that_its_pack_reads(path: Path) -> None:
    last, preprocess = read_recipe(path).stages[-1], read_task(path.parent / "task.toml").preprocess

    assert (last.rows_columns, last.rows_columns) == (preprocess.rows, preprocess.columns)


@pytest.mark.parametrize("films", [30, 500, 10_000, 112_120])
@pytest.mark.parametrize(("side", "sizes"), [(64, [64]), (128, [128]), (224, [128, 224]), (512, [256, 512])])
def test_the_default_recipe_ends_at_the_size_of_the_task(
    tmp_path: Path, side: int, *, sizes: list[int], films: int
) -> None:
    recipe = default_recipe("small", write_task(tmp_path, side=side), films=films)

    assert [stage.rows_columns for stage in recipe.stages] == sizes
    assert 6 <= sum(stage.epochs for stage in recipe.stages) <= 40
    assert all(2 <= stage.batch <= min(64, films // 4) and stage.batch % 2 == 0 for stage in recipe.stages)


@pytest.mark.parametrize(("channels", "kind"), [(1, "film"), (3, "photograph")])
def test_images_are_changed_by_their_channels_unless_it_is_said(tmp_path: Path, *, channels: int, kind: str) -> None:
    recipe, task = read_recipe(written(tmp_path, VALID)), write_task(tmp_path)
    seen = task.model_copy(update={"preprocess": task.preprocess.model_copy(update={"channels": channels})})

    assert recipe.changes(seen) == kind
    assert recipe.weighs_sources(seen) == (channels == 1)
    assert recipe.model_copy(update={"augment": "none"}).changes(seen) == "none"
    assert recipe.model_copy(update={"by_source": channels == 3}).weighs_sources(seen) == (channels == 3)
