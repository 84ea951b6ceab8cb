"""A pack and a peer on the same films: the published scores are those of the ONNX file, told in a table and curves."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn import metrics

from rakurs.cli.evaluate import evaluate
from rakurs.errors import UsageError
from rakurs.evaluation.index import Films, films_of, read_index
from rakurs.evaluation.report import draw_curves, measure_pack, peer_answers, score_answers, scores_table
from rakurs.inference.images import read_image
from rakurs.inference.read import load_reader, read_study
from rakurs.pack import Pack, read_pack
from rakurs.study import FloatArray, Study
from rakurs.task import Task
from tests.labelled import rows_of, silent, write_films, write_task
from tests.packs import LABELS, write_pack

N = 24
SEED = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """A pack, the test films of an index, its answers to them and the scores of it and of a peer."""

    pack: Pack
    index: Path
    films: Films
    answers: dict[str, FloatArray]
    scores: list[dict[str, Any]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    root = tmp_path_factory.mktemp("measured")
    pack = read_pack(write_pack(root / "tiny"))
    index = write_films(root / "films", [*rows_of("test", N), *rows_of("val", 8)])
    films = films_of(read_index(index), pack.task, view="frontal", split="test")
    answers = {
        "tiny": measure_pack(pack, films, progress=silent),
        "peer": np.random.default_rng(0).random((N, 4)).astype(np.float32),
    }
    scores = score_answers(answers, films=films, pack=pack, data_set="made up, test", seed=SEED)
    return Measured(pack=pack, index=index, films=films, answers=answers, scores=scores)


def write_peer(path: Path, films: Films, *, answers: Mapping[str, Sequence[float]], suffix: str = ".png") -> Path:
    """Another network's answers: a row for each film, a column for each name."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(["image", *answers])
        for file, *row in zip(films.files, *answers.values(), strict=True):
            table.writerow([file.with_suffix(suffix).name, *row])
    return path


def even(films: Films) -> dict[str, list[float]]:
    return {name: [0.5] * len(films) for name in LABELS}


def test_a_pack_answers_films_as_it_reads_them(measured: Measured) -> None:
    reader = load_reader(measured.pack, threads=1)
    readings = [read_study(reader, Study(images={"frontal": read_image(file)})) for file in measured.films.files]

    probability = measure_pack(measured.pack, measured.films, progress=silent)

    read = [[finding.probability for finding in reading.findings] for reading in readings]
    np.testing.assert_allclose(probability, read, rtol=1e-4)


def test_each_reader_is_scored_on_the_same_films(measured: Measured) -> None:
    told = [(table["reader"], table["data_set"], table["films"], table["patients"]) for table in measured.scores]

    assert told == [("tiny", "made up, test", N, N // 2), ("peer", "made up, test", N, N // 2)]


def test_the_areas_are_those_of_scikit_learn(measured: Measured) -> None:
    for table in measured.scores:
        for axis, label in enumerate(LABELS):
            pair = measured.films.truth[:, axis], measured.answers[table["reader"]][:, axis]
            assert table["labels"][label]["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(*pair))
            assert table["labels"][label]["auprc"]["value"] == pytest.approx(metrics.average_precision_score(*pair))


def test_only_the_pack_is_called_by_its_measured_thresholds(measured: Measured) -> None:
    of_pack, of_peer = (table["labels"] for table in measured.scores)

    for axis, label in enumerate(LABELS):
        called = measured.answers["tiny"][:, axis] >= 0.5  # what tests.packs writes for "specific"
        truth = measured.films.truth[:, axis]
        point = of_pack[label]["operating_points"]["specific"]
        assert point["sensitivity"]["value"] == pytest.approx(called[truth].mean())
        assert point["specificity"]["value"] == pytest.approx((~called[~truth]).mean())
        assert of_peer[label]["operating_points"] == {}


def test_a_pack_of_which_nothing_was_measured_is_scored_without_operating_points(
    measured: Measured, tmp_path: Path
) -> None:
    pack = read_pack(write_pack(tmp_path / "tiny", measured=False))

    (table,) = score_answers(
        {"tiny": measured.answers["tiny"]}, films=measured.films, pack=pack, data_set="made up", seed=SEED
    )

    assert table["labels"]["mass"]["operating_points"] == {}


def test_the_table_has_a_row_for_each_reader_and_label_and_their_mean(measured: Measured) -> None:
    lines = scores_table(measured.scores).splitlines()

    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:3] == ["reader", "label", "positives"]
    assert cells[0][-2:] == ["sensitive: sensitivity / specificity", "specific: sensitivity / specificity"]
    assert [row[:2] for row in cells[2:]] == [
        [reader, label] for reader in ("tiny", "peer") for label in (*LABELS, "**mean**")
    ]
    assert {len(row) for row in cells} == {len(cells[0])}
    assert cells[2][2] == str(N // 2)


def test_the_table_shows_a_value_with_its_interval(measured: Measured) -> None:
    line = scores_table(measured.scores).splitlines()[2]

    area = measured.scores[0]["labels"]["effusion"]["auroc"]
    assert f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]" in line


def test_what_cannot_be_measured_is_said_in_the_table(measured: Measured) -> None:
    truth = measured.films.truth.copy()
    truth[:, 1] = False
    scores = score_answers(
        {"tiny": measured.answers["tiny"]},
        films=replace(measured.films, truth=truth),
        pack=measured.pack,
        data_set="made up",
        seed=SEED,
    )

    line = scores_table(scores).splitlines()[3]

    assert line.startswith("| tiny | mass | 0 | not measurable |")


def test_a_peers_answers_are_taken_by_the_stem_of_the_file(measured: Measured, tmp_path: Path) -> None:
    films = measured.films
    columns = {name: measured.answers["peer"][:, axis].tolist() for axis, name in enumerate(LABELS)}
    path = write_peer(tmp_path / "peer.csv", films, answers=dict(reversed(columns.items())), suffix=".jpeg")
    backwards = replace(films, files=films.files[::-1])

    answers = peer_answers(path, backwards, task=measured.pack.task)

    np.testing.assert_allclose(answers, measured.answers["peer"][::-1])


@pytest.mark.parametrize("prefix", ["", "prob_"])
def test_of_a_merged_label_the_largest_of_the_peers_answers_counts(
    measured: Measured, tmp_path: Path, *, prefix: str
) -> None:
    plain = write_task(tmp_path).model_dump()
    plain["labels"][3]["sources"] = ["Hernia", "Edema"]
    columns = {f"{prefix}{name}": answers for name, answers in even(measured.films).items() if name != "other"}
    columns |= {f"{prefix}Hernia": [0.1, 0.9] * (N // 2), f"{prefix}Edema": [0.3, 0.2] * (N // 2)}
    path = write_peer(tmp_path / "peer.csv", measured.films, answers=columns)

    answers = peer_answers(path, measured.films, task=Task.model_validate(plain))

    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers[:, 3], [0.3, 0.9] * (N // 2))
    np.testing.assert_allclose(answers[:, :3], 0.5)


def test_a_peer_that_did_not_answer_a_film_is_refused(measured: Measured, tmp_path: Path) -> None:
    shorter = replace(measured.films, files=measured.films.files[:-2])
    path = write_peer(tmp_path / "peer.csv", shorter, answers=even(shorter))

    with pytest.raises(UsageError, match=rf"lacks 2 of the films; the first is film-{N - 2:03d}\.png"):
        peer_answers(path, measured.films, task=measured.pack.task)


def test_a_peer_that_does_not_know_a_label_is_refused(measured: Measured, tmp_path: Path) -> None:
    columns = {name: answers for name, answers in even(measured.films).items() if name != "mass"}
    path = write_peer(tmp_path / "peer.csv", measured.films, answers=columns)

    with pytest.raises(UsageError, match="lack a column for a part of the label 'mass'"):
        peer_answers(path, measured.films, task=measured.pack.task)


def test_curves_are_drawn_for_every_label_and_reader(measured: Measured, tmp_path: Path) -> None:
    draw_curves(measured.answers, films=measured.films, task=measured.pack.task, path=tmp_path / "roc.svg")

    drawn = (tmp_path / "roc.svg").read_text(encoding="utf-8")
    areas = [metrics.roc_auc_score(measured.films.truth[:, 0], each[:, 0]) for each in measured.answers.values()]
    for text in (
        "Pleural effusion",
        "Mass",
        *(f"{name} {a:.3f}" for name, a in zip(("tiny", "peer"), areas, strict=True)),
    ):
        assert f"<!-- {text} -->" in drawn


def call(*arguments: str | Path) -> Result:
    """Call `rakurs evaluate`; an error of ours is left in `exception`."""
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def test_the_command_measures_on_the_split_test_and_prints_the_table(measured: Measured) -> None:
    result = call(measured.pack.folder, "--index", measured.index, "--data-set", "made up")

    assert result.exit_code == 0, result.output
    assert f"| tiny | effusion | {N // 2} | " in result.stdout
    assert read_pack(measured.pack.folder).measured == measured.pack.measured


def test_the_command_records_scores_that_the_pack_accepts(measured: Measured, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    peer = write_peer(tmp_path / "peer.csv", measured.films, answers=even(measured.films))

    result = call(folder, "--index", measured.index, "--data-set", "made up", "--peer", peer, "--record")

    assert result.exit_code == 0, result.output
    recorded, before = read_pack(folder).measured, measured.pack.measured
    assert recorded is not None
    assert before is not None
    assert [table["reader"] for table in recorded.scores] == ["tiny", "peer"]
    assert [table["data_set"] for table in recorded.scores] == ["made up, test"] * 2
    assert recorded.model_copy(update={"scores": []}) == before


def test_the_command_draws_the_curves(measured: Measured, tmp_path: Path) -> None:
    figure = tmp_path / "roc.png"

    result = call(measured.pack.folder, "--index", measured.index, "--data-set", "made up", "--figure", figure)

    assert result.exit_code == 0, result.output
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_the_command_refuses_to_record_where_nothing_was_measured(measured: Measured, tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny", measured=False)

    result = call(folder, "--index", measured.index, "--data-set", "made up", "--record")

    assert isinstance(result.exception, UsageError)
    assert re.search("no measured.json .* --tune", result.exception.message)
    assert not (folder / "measured.json").exists()
