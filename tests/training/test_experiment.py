"""An experiment runs by itself from its file to its report, goes on where it was cut off, and answers its questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rakurs.errors import TaskError, TrainingError
from rakurs.evaluation.index import Index, read_index, write_index
from rakurs.pack import read_pack
from rakurs.training.architectures import ARCHITECTURES, Architecture
from rakurs.training.experiment import (
    Experiment,
    Laboratory,
    Outcome,
    at_size,
    fold_index,
    read_experiment,
    run_experiment,
)
from rakurs.training.experiment_report import write_report
from rakurs.training.machine import Machine
from tests.films import png
from tests.labelled import silent
from tests.packs import LABELS, task_text

pytestmark = pytest.mark.usefixtures("one_thread")

N = 110  # more than the directions that the gate's embedding is measured in
SCHEMES = {"both": ("effusion", "mass"), "one": ("effusion",)}
ARMS = """
[[arms]]
name = "two-labels"
network = "tiny"
task = "both.toml"
recipe = "recipe.toml"

[[arms]]
name = "one-label"
network = "tiny"
task = "one.toml"
recipe = "recipe.toml"

[[questions]]
ask = "Is one label better than two?"
first = "two-labels"
second = "one-label"
"""
RECIPE = """
seed = 1
pretrained = false

[[stages]]
rows_columns = 32
epochs = 1
batch = 16
learning_rate = 1e-3
"""


class TinyClassifier(nn.Module):
    """A network as a library would have it: three channels, ten labels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, kernel_size=5, stride=4, padding=2)
        self.classifier = nn.Linear(32, 10)


class TinyFeatures(nn.Module):
    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.stem = stem

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        return torch.relu(self.stem(image)), []


TINY = Architecture(
    title="Tiny",
    make=TinyClassifier,
    features=lambda made: TinyFeatures(made.stem),
    stem="stem",
    classifier="classifier",
    smallest_px=8,
)


@pytest.fixture(scope="module", autouse=True)
def tiny_architecture() -> Iterator[None]:
    """A network beside those of the libraries, whose export takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "tiny", TINY)
        yield


def write_experiment(folder: Path, *, text: str = ARMS, head: str = "input_px = 32\n") -> Experiment:
    folder.mkdir(exist_ok=True)
    for name, labels in SCHEMES.items():
        task = task_text(("frontal", "lateral"), labels, side=64).replace('"No Finding"', '"No Finding", "mass"')
        task = task if name == "one" else task_text(("frontal", "lateral"), labels, side=64)
        (folder / f"{name}.toml").write_text(task, encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "experiment.toml").write_text(f'title = "A trial"\ndata_set = "made up"\n{head}{text}', encoding="utf-8")
    return read_experiment(folder / "experiment.toml")


def write_images(folder: Path, *, views: Sequence[str] = ("frontal",), splits: Sequence[int] = (N, 24, 24)) -> Index:
    """Grey squares, brighter where there is an effusion; every second study has a mass as well."""
    generator = np.random.default_rng(0)
    columns: dict[str, list[object]] = {name: [] for name in ("study", "patient", "view", "path", "labels", "split")}
    for split, n in zip(("train", "val", "test"), splits, strict=True):
        for number in range(n):
            labels = [name for name, every in (("effusion", 3), ("mass", 2)) if number % every == 0]
            for view in views:
                name = f"{split}-{number}-{view}.png"
                greys = generator.integers(0, 128, (8, 8)) + 100 * ("effusion" in labels)
                (folder / name).write_bytes(png(np.kron(greys.astype(np.uint8), np.ones((8, 8), np.uint8))))
                row = (f"{split}-{number}", f"{split}-{number // 2}", view, name, labels, split)
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    return read_index(write_index(columns, images=folder, path=folder / "index.parquet"))


def laboratory(root: Path, index: Index, *, out: str = "out") -> Laboratory:
    return Laboratory(beside=root, index=index, out=root / out, machine=Machine(), progress=silent)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("experiment")


@pytest.fixture(scope="module")
def ran(root: Path) -> tuple[Experiment, Laboratory, list[Outcome]]:
    experiment, bench = write_experiment(root), laboratory(root, write_images(root))
    return experiment, bench, run_experiment(experiment, bench)


def test_every_arm_is_trained_tuned_and_answers_the_test_studies(
    ran: tuple[Experiment, Laboratory, list[Outcome]],
) -> None:
    _, bench, outcomes = ran

    assert [outcome.arm.name for outcome in outcomes] == ["two-labels", "one-label"]
    for outcome, labels in zip(outcomes, (2, 1), strict=True):
        assert outcome.probability.shape == (24, labels)
        assert outcome.epochs == 1
        assert not np.isnan(outcome.fused).any()
        assert read_pack(bench.out / outcome.arm.name / "pack").calibrated


def test_the_report_answers_the_question_for_the_labels_that_both_have(
    ran: tuple[Experiment, Laboratory, list[Outcome]],
) -> None:
    experiment, bench, outcomes = ran

    report = write_report(experiment, outcomes, beside=bench.beside, out=bench.out).read_text(encoding="utf-8")

    assert "# A trial" in report
    assert "Answered: 24 studies of 12 patients" in report
    assert "## Is one label better than two?" in report
    assert "Not compared, for only one of them has these labels: mass." in report
    assert "| effusion | " in report
    assert (bench.out / "roc-1.svg").exists()


def test_what_was_done_is_not_done_again(ran: tuple[Experiment, Laboratory, list[Outcome]]) -> None:
    experiment, bench, outcomes = ran
    network = bench.out / "two-labels" / "pack" / "frontal.onnx"
    before = network.stat().st_mtime_ns

    again = run_experiment(experiment, bench)

    assert network.stat().st_mtime_ns == before
    np.testing.assert_array_equal(again[0].fused, outcomes[0].fused)


def test_a_run_that_was_cut_off_after_its_training_gives_the_same_answers(
    ran: tuple[Experiment, Laboratory, list[Outcome]],
) -> None:
    experiment, bench, outcomes = ran
    pack = bench.out / "two-labels" / "pack"
    (pack / "frontal.onnx").unlink()
    (pack / "measured.json").unlink()

    again = run_experiment(experiment, bench)

    np.testing.assert_array_equal(again[0].fused, outcomes[0].fused)


def test_a_folder_of_another_experiment_is_refused(
    ran: tuple[Experiment, Laboratory, list[Outcome]], tmp_path: Path
) -> None:
    _, bench, _ = ran
    other = write_experiment(tmp_path, head="input_px = 48\n")

    with pytest.raises(TrainingError, match="holds another experiment"):
        run_experiment(other, Laboratory(tmp_path, bench.index, out=bench.out, machine=Machine(), progress=silent))


def test_with_folds_every_study_is_answered_once_and_two_views_are_compared(tmp_path: Path) -> None:
    one_arm = ARMS.partition('\n[[arms]]\nname = "one-label"')[0]
    experiment = write_experiment(tmp_path, text=one_arm, head="input_px = 32\nfolds = 2\n")
    index = write_images(tmp_path, views=("frontal", "lateral"), splits=(300, 0, 0))
    bench = laboratory(tmp_path, index)

    outcomes = run_experiment(experiment, bench)

    assert sorted(outcomes[0].studies.names) == sorted({f"train-{number}" for number in range(300)})
    report = write_report(experiment, outcomes, beside=tmp_path, out=bench.out).read_text(encoding="utf-8")
    assert "300 studies of 150 subjects have every view" in report
    assert all(f"| {reader} |" in report for reader in ("frontal alone", "lateral alone", "mean", "product", "fused"))


def test_folds_keep_patients_together_and_test_everybody_once(tmp_path: Path) -> None:
    index = write_images(tmp_path, splits=(60, 0, 0))
    patients = index.table["patient"].to_pylist()

    experiment = write_experiment(tmp_path, head="folds = 3\n")

    folds = [fold_index(index, experiment, fold=fold).table["split"].to_pylist() for fold in range(3)]

    tested = [[of_image == "test" for of_image in fold] for fold in folds]
    assert np.array(tested).sum(0).tolist() == [1] * 60
    for fold in folds:
        assert len(set(zip(patients, fold, strict=True))) == len(set(patients))
        assert set(fold) == {"train", "val", "test"}


def test_a_task_is_put_at_another_size_and_in_nothing_else() -> None:
    text = task_text(("frontal",), tuple(LABELS), side=64)

    assert at_size(text, 96) == task_text(("frontal",), tuple(LABELS), side=96)
    assert at_size(text, None) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title = "x"\ndata_set = "y"\n', "arms: Field required"),
        (f'title = "x"\ndata_set = "y"\nfolds = 1\n{ARMS}', "folds must be 0 or at least 2"),
        (
            f'title = "x"\ndata_set = "y"\n{ARMS}'.replace('second = "one-label"', 'second = "none"'),
            "an arm that is not",
        ),
        ("title =", "not valid TOML"),
    ],
)
def test_an_experiment_that_is_none_is_refused(tmp_path: Path, text: str, *, says: str) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(TrainingError, match=says):
        read_experiment(path)


def test_a_missing_task_or_recipe_stops_before_anything_is_trained(tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path)
    index = write_images(tmp_path, splits=(4, 2, 2))
    (tmp_path / "one.toml").unlink()

    with pytest.raises(TaskError, match=r"The task one\.toml is not in"):
        run_experiment(experiment, laboratory(tmp_path, index))
    assert not (tmp_path / "out").exists()
