"""Tuning on validation films gives a measured.json that a pack takes, and thresholds that keep their promise."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from scipy.special import softmax  # type: ignore[import-untyped]

from rakurs.cli.evaluate import evaluate
from rakurs.errors import UsageError
from rakurs.evaluation.films import answer_films
from rakurs.evaluation.gate_limits import distances
from rakurs.evaluation.index import Films, Studies, read_index, split_of
from rakurs.evaluation.tune import calibrate_labels, describe_studies, measure_confidence, measure_points, tune_pack
from rakurs.evaluation.views import study_probabilities
from rakurs.inference.network import load_network
from rakurs.pack import Measured, Pack, digest_of, read_pack, write_measured
from rakurs.study import FloatArray
from rakurs.task import Abstention, Task
from tests.labelled import rows_of, silent, write_films, write_task
from tests.packs import LABELS, write_pack

N = 60


@dataclass(frozen=True, slots=True)
class Tuned:
    """A pack that was tuned on the validation films of an index, and the further films that it had to accept."""

    pack: Pack
    measured: Measured
    index: Path
    studies: Studies
    elsewhere: list[Path]

    @property
    def films(self) -> Films:
        return self.studies.films["frontal"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    root = tmp_path_factory.mktemp("tuned")
    folder = write_pack(root / "tiny", measured=False)
    index = write_films(root / "films", [*rows_of("val", N), *rows_of("test", 8)])
    write_films(root / "elsewhere", rows_of("val", 12), seed=1)
    elsewhere = sorted((root / "elsewhere").glob("*.png"))
    task = read_pack(folder).task
    studies = split_of(read_index(index), task, split="val")
    measured = tune_pack(
        folder, task=task, studies=studies, accepted={"elsewhere": elsewhere}, data_set="made up, val", progress=silent
    )
    write_measured(measured, folder)
    return Tuned(pack=read_pack(folder), measured=measured, index=index, studies=studies, elsewhere=elsewhere)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path)


def made_up(
    truth: npt.NDArray[np.bool_], *, films: Films | None = None, patients: Sequence[int] | None = None
) -> Studies:
    """Studies with this truth, each its own patient's, with these frontal films or none."""
    n = len(truth)
    return Studies(
        names=[str(row) for row in range(n)],
        truth=truth,
        patients=np.array(patients or range(n)),
        films={"frontal": films} if films else {},
        rows={"frontal": np.arange(n)} if films else {},
        traits={},
        boxes=[[] for _ in range(n)],
    )


def embeddings(tuned: Tuned, files: list[Path]) -> FloatArray:
    network = load_network(tuned.pack.networks["frontal"], tuned.pack.task)
    return answer_films(network, files, preprocess=tuned.pack.task.preprocess, progress=silent)[1]


def tune(tuned: Tuned, studies: Studies, *, accepted: dict[str, list[Path]] | None = None) -> Measured:
    return tune_pack(
        tuned.pack.folder,
        task=tuned.pack.task,
        studies=studies,
        accepted=accepted or {},
        data_set="made up",
        progress=silent,
    )


def test_what_was_measured_is_accepted_by_the_pack(tuned: Tuned) -> None:
    assert tuned.pack.measured == tuned.measured
    assert tuned.pack.calibrated


def test_it_says_of_which_network_on_which_films_and_when(tuned: Tuned) -> None:
    measured = tuned.measured

    assert measured.networks == {"frontal": digest_of(tuned.pack.folder / "frontal.onnx")}
    assert measured.validation == {
        "data_set": "made up, val",
        "studies": N,
        "images": {"frontal": N},
        "patients": N // 2,
        "prevalence": {"effusion": 0.5, "mass": 0.3333, "pneumothorax": 0.25, "other": 0.2},
    }
    age = datetime.datetime.now(datetime.UTC).date() - datetime.date.fromisoformat(measured.date)
    assert age in {datetime.timedelta(0), datetime.timedelta(1)}, "the second around midnight"


def test_one_view_counts_for_everything(tuned: Tuned) -> None:
    assert tuned.measured.fusion == {"frontal": 1.0}


def test_calibrated_probabilities_add_up_to_the_positives(tuned: Tuned) -> None:
    """The best intercept makes them equal to Platt's targets, which keep one study of doubt in each class."""
    probability = study_probabilities(tuned.pack, tuned.studies, progress=silent)

    positives = tuned.films.truth.sum(0)
    targets = positives * (positives + 1) / (positives + 2) + (N - positives) / (N - positives + 2)
    np.testing.assert_allclose(probability.sum(0), targets, rtol=1e-3)


@pytest.mark.parametrize(("point", "held"), [("sensitive", True), ("specific", False)])
def test_a_threshold_keeps_its_promise_on_the_films_that_it_was_measured_on(
    tuned: Tuned, point: str, *, held: bool
) -> None:
    probability = study_probabilities(tuned.pack, tuned.studies, progress=silent)

    for axis, label in enumerate(LABELS):
        of_class = probability[tuned.films.truth[:, axis] == held, axis]
        called = of_class >= tuned.measured.operating_points[point][label].threshold
        assert (called == held).mean() >= 0.95


def test_a_threshold_says_what_it_gave(tuned: Tuned) -> None:
    probability = study_probabilities(tuned.pack, tuned.studies, progress=silent)

    for thresholds in tuned.measured.operating_points.values():
        for axis, label in enumerate(LABELS):
            given, truth = thresholds[label], tuned.films.truth[:, axis]
            called = probability[:, axis] >= given.threshold
            assert given.sensitivity.value == pytest.approx(called[truth].mean())
            assert given.specificity.value == pytest.approx((~called[~truth]).mean())
            assert given.sensitivity.low <= given.sensitivity.value <= given.sensitivity.high


def test_no_better_threshold_keeps_the_promised_sensitivity(tuned: Tuned) -> None:
    probability = study_probabilities(tuned.pack, tuned.studies, progress=silent)

    for axis, label in enumerate(LABELS):
        of_positives = probability[tuned.films.truth[:, axis], axis]
        above = np.nextafter(tuned.measured.operating_points["sensitive"][label].threshold, 1)
        assert (of_positives >= above).mean() < 0.95


def test_the_gate_lets_the_films_and_those_of_elsewhere_pass(tuned: Tuned) -> None:
    gate = tuned.measured.gate["frontal"]

    for files in (tuned.films.files, tuned.elsewhere):
        assert (distances(embeddings(tuned, files)) <= gate.distance).mean() >= 0.9
    assert gate.posture is not None
    assert gate.posture.kinds[0] == "upright"


def test_films_of_elsewhere_widen_the_gate(tuned: Tuned, tmp_path: Path) -> None:
    plain = write_films(tmp_path / "plain", rows_of("val", 6), side=8, seed=4).parent
    files = sorted(plain.glob("*.png"))

    without, with_them = tune(tuned, tuned.studies), tune(tuned, tuned.studies, accepted={"plain": files})

    assert with_them.gate["frontal"].distance >= without.gate["frontal"].distance
    assert with_them.calibration == without.calibration


def test_a_pack_that_is_only_compared_is_not_gated_and_otherwise_measured_alike(tuned: Tuned) -> None:
    measured = tune_pack(
        tuned.pack.folder,
        task=tuned.pack.task,
        studies=tuned.studies,
        accepted={},
        data_set="made up, val",
        progress=silent,
        gated=False,
    )

    assert measured.gate == {}
    assert measured.model_copy(update={"gate": tuned.measured.gate}) == tuned.measured


def test_a_label_that_no_film_has_cannot_be_tuned(tuned: Tuned) -> None:
    truth = tuned.films.truth.copy()
    truth[:, 2] = False

    with pytest.raises(UsageError, match="one class only"):
        tune(tuned, made_up(truth, films=replace(tuned.films, truth=truth)))


def test_films_that_cannot_be_read_stop_the_tuning(tuned: Tuned, tmp_path: Path) -> None:
    broken = replace(tuned.films, files=[*tuned.films.files[:-1], tmp_path / "gone.png"])

    with pytest.raises(UsageError, match=rf"1 of {N} images cannot be read; the first is gone\.png"):
        tune(tuned, replace(tuned.studies, films={"frontal": broken}))


def test_calibration_keeps_the_ranking_of_each_label_on_its_own(task: Task) -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((200, 4)) < 0.3
    logits = (truth * [3, 1, 0, -2] + generator.normal(size=(200, 4))).astype(np.float32)

    calibration = calibrate_labels(logits, truth, task=task)

    assert list(calibration) == list(LABELS)
    assert all(each.slope > 0 for each in calibration.values())
    assert calibration["effusion"].slope > calibration["mass"].slope > calibration["pneumothorax"].slope


def test_points_are_measured_for_every_label(task: Task) -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((200, 4)) < 0.3

    points = measure_points(generator.random((200, 4)).astype(np.float32), made_up(truth), task=task)

    assert {name: list(point) for name, point in points.items()} == {
        "sensitive": list(LABELS), "specific": list(LABELS),
    }  # fmt: skip


def test_films_are_described_by_their_share_of_each_label(task: Task) -> None:
    truth = np.array([[True, False, True, False], [True, False, False, False], [True, True, False, False]])

    described = describe_studies(made_up(truth, patients=[4, 4, 9]), task, data_set="three")

    assert described == {
        "data_set": "three",
        "studies": 3,
        "images": {},
        "patients": 2,
        "prevalence": {"effusion": 1.0, "mass": 0.3333, "pneumothorax": 0.3333, "other": 0.0},
    }


EXCLUSIVE = {"activation": "softmax", "abstention": Abstention(at_most_error=0.1)}


def test_where_one_label_holds_all_share_one_temperature(task: Task) -> None:
    generator = np.random.default_rng(0)
    truth = np.eye(4, dtype=np.bool_)[generator.integers(4, size=300)]
    logits = (3 * truth + 2 * generator.normal(size=(300, 4))).astype(np.float32)

    calibration = calibrate_labels(logits, truth, task=task.model_copy(update=EXCLUSIVE))

    assert len({(each.slope, each.intercept) for each in calibration.values()}) == 1
    assert calibration["mass"].slope == pytest.approx(0.75, rel=0.15), "the spread of the noise is 2, the gain 3: 3 / 4"


def test_the_confidence_keeps_the_errors_of_given_answers_as_rare_as_the_task_asks(task: Task) -> None:
    generator = np.random.default_rng(0)
    truth = np.eye(4, dtype=np.bool_)[generator.integers(4, size=400)]
    probability = softmax(3 * truth + 1.5 * generator.normal(size=(400, 4)), axis=1).astype(np.float32)

    confidence = measure_confidence(probability, made_up(truth), task=task.model_copy(update=EXCLUSIVE))

    assert confidence is not None
    given = probability.max(1).astype(np.float64) >= confidence.at_least
    wrong = ~truth[np.arange(400), probability.argmax(1)]
    assert wrong.mean() > 0.1 >= wrong[given].mean() == pytest.approx(confidence.error.value)
    assert given.mean() == pytest.approx(confidence.coverage.value)


def test_a_pack_that_is_never_right_enough_is_not_given_a_confidence(task: Task) -> None:
    always_the_first = np.eye(4, dtype=np.bool_)[np.zeros(50, int)]
    says_the_last = np.tile(np.array([0.1, 0.1, 0.1, 0.7], np.float32), (50, 1))

    with pytest.raises(UsageError, match="No validation study is answered rightly often enough"):
        measure_confidence(says_the_last, made_up(always_the_first), task=task.model_copy(update=EXCLUSIVE))


def test_a_task_without_a_rule_abstains_never(task: Task) -> None:
    assert measure_confidence(np.full((3, 4), 0.25, np.float32), made_up(np.eye(4, dtype=bool)[:3]), task=task) is None


def test_a_network_whose_view_has_no_images_cannot_be_tuned(tuned: Tuned, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "both", views=("frontal", "lateral"), measured=False)

    with pytest.raises(UsageError, match="no validation images of the view lateral"):
        tune_pack(folder, task=read_pack(folder).task, studies=tuned.studies, accepted={}, data_set="", progress=silent)


def call(*arguments: str | Path) -> Result:
    """Call `rakurs evaluate`; an error of ours is left in `exception`."""
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def test_the_command_tunes_on_a_split_and_says_where_it_wrote(tuned: Tuned, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)

    result = call(folder, "--index", tuned.index, "--split", "val", "--data-set", "made up", "--tune")

    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'measured.json'}\n"
    measured = read_pack(folder).measured
    assert measured is not None
    assert measured.operating_points == tuned.measured.operating_points
    assert measured.validation["data_set"] == "made up, val"


def test_the_command_takes_folders_of_further_films(tuned: Tuned, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)
    accept = tuned.elsewhere[0].parent

    result = call(
        folder, "--index", tuned.index, "--split", "val", "--data-set", "made up", "--tune", "--accept", accept
    )

    assert result.exit_code == 0, result.output
    measured = read_pack(folder).measured
    assert measured is not None
    assert measured.gate == tuned.measured.gate


@pytest.mark.parametrize("split", [("--split", "test"), ()], ids=["named", "by default"])
def test_the_command_refuses_to_tune_on_the_split_test(tuned: Tuned, tmp_path: Path, *, split: tuple[str, ...]) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)

    result = call(folder, "--index", tuned.index, "--data-set", "made up", "--tune", *split)

    assert isinstance(result.exception, UsageError)
    assert "would flatter it; tune on 'val'" in result.exception.message
    assert not (folder / "measured.json").exists()


def test_the_command_refuses_a_folder_of_further_films_that_holds_none(tuned: Tuned, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)
    (tmp_path / "empty").mkdir()

    result = call(
        folder, "--index", tuned.index, "--split", "val", "--data-set", "made up", "--tune",
        "--accept", tmp_path / "empty",
    )  # fmt: skip

    assert isinstance(result.exception, UsageError)
    assert "Got no films" in result.exception.message


def test_the_command_names_the_splits_there_are(tuned: Tuned) -> None:
    result = call(tuned.pack.folder, "--index", tuned.index, "--split", "valid", "--data-set", "made up", "--tune")

    assert isinstance(result.exception, UsageError)
    assert result.exception.message == "The index has no split 'valid'; it has: val, test."
