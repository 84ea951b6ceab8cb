"""The report: one file that needs no other, in words that a physician reads and numbers that can be computed with."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from rakurs.evaluation.answers import Float64Array
from rakurs.evaluation.assessment import Assessment, assess
from rakurs.evaluation.figures import corners
from rakurs.evaluation.index import read_index, split_of, write_index
from rakurs.evaluation.ranking import roc_curve
from rakurs.evaluation.report import write_report
from rakurs.pack import read_pack
from tests.evaluation.material import N, random_answers, without_positives, write_full_index, write_peer
from tests.labelled import rows_of, silent, write_films
from tests.packs import LABELS, write_pack

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    root = tmp_path_factory.mktemp("assessed")
    pack = read_pack(write_pack(root / "tiny"))
    studies = split_of(read_index(write_full_index(root / "films")), pack.task, split="test")
    peer = write_peer(root / "peer.csv", studies, answers=random_answers(list(LABELS)))
    return assess(pack, studies, data_set="made up, test", peer=peer, progress=silent)


@pytest.fixture(scope="module")
def folder(found: Assessment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    write_report(found, out, when=WHEN)
    return out


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def test_the_page_holds_its_figures_and_asks_nothing_of_any_server(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")

    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 4  # AUROC, ROC, precision-recall, reliability
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("name", ["auroc", "roc", "precision-recall", "reliability"])
def test_every_figure_lies_beside_it_to_print_and_to_show(folder: Path, name: str) -> None:
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / f"{name}.svg").read_text(encoding="utf-8")


def test_both_documents_say_the_same_numbers(found: Assessment, folder: Path) -> None:
    area = found.scores[0]["labels"]["effusion"]["auroc"]
    number = f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"

    assert f"<td>{number}</td>" in (folder / "report.html").read_text(encoding="utf-8")
    assert f"| {number} |" in (folder / "report.md").read_text(encoding="utf-8")


def test_the_scores_are_read_back_from_their_table(found: Assessment, folder: Path) -> None:
    read = {(row["reader"], row["label"]): row for row in rows(folder / "scores.csv")}

    mass = read["tiny", "mass"]
    expected = found.scores[0]["labels"]["mass"]
    assert float(mass["auroc_low"]) == expected["auroc"]["low"]
    assert float(mass["operating_points_specific_npv"]) == expected["operating_points"]["specific"]["npv"]["value"]
    assert float(read["peer", "mean"]["auprc"]) == found.scores[1]["mean"]["auprc"]["value"]


def test_every_point_of_a_curve_is_what_its_threshold_gives(found: Assessment, folder: Path) -> None:
    points = [row for row in rows(folder / "roc.csv") if (row["label"], row["reader"]) == ("mass", "tiny")]

    axis = list(LABELS).index("mass")
    truth, score = found.studies.truth[:, axis], found.answers["tiny"][:, axis]
    for point in points:
        called = score >= float(point["threshold"] or "inf")
        assert float(point["true_positive_rate"]) == pytest.approx(called[truth].mean())
        assert float(point["false_positive_rate"]) == pytest.approx(called[~truth].mean())


def test_leaving_points_out_of_a_curve_leaves_its_area() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random(300) < 0.3
    across, up, _ = roc_curve(truth, np.round(truth + generator.normal(size=300), 1))

    kept = corners(across, up)

    def area(x: Float64Array, y: Float64Array) -> float:
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))

    assert len(kept) < len(across)
    assert area(across[kept], up[kept]) == pytest.approx(area(across, up))


def test_a_label_that_cannot_be_measured_is_said_at_the_top(found: Assessment, tmp_path: Path) -> None:
    index = read_index(write_full_index(tmp_path / "films"))
    path = without_positives(index, "mass", path=tmp_path / "index.parquet")
    studies = split_of(read_index(path), found.pack.task, split="test")
    assessed = assess(found.pack, studies, data_set="made up", peer=None, progress=silent)

    write_report(assessed, tmp_path / "out", when=WHEN)

    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    first = page.partition("## In short\n\n")[2].splitlines()[0]
    assert first.startswith("- Not measurable here")
    assert "Mass" in first
    assert "| Mass | 0 (0.0%) | not measurable | not measurable |" in page
    assert "mass" not in {row["label"] for row in rows(tmp_path / "out" / "roc.csv")}


def test_a_split_without_any_finding_still_has_a_report(found: Assessment, tmp_path: Path) -> None:
    index = read_index(write_films(tmp_path / "films", rows_of("test", 6, labels=[])))
    assessed = assess(
        found.pack, split_of(index, found.pack.task, split="test"), data_set="healthy", peer=None, progress=silent
    )

    path = write_report(assessed, tmp_path / "out", when=WHEN)

    assert "Not measurable here" in path.read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "roc.svg").exists()


def test_where_one_label_holds_accuracy_and_confusion_are_told(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "one", measured=False)
    task = folder / "task.toml"
    task.write_text(task.read_text(encoding="utf-8").replace('"sigmoid"', '"softmax"'), encoding="utf-8")
    pack = read_pack(folder)
    table = read_index(write_films(tmp_path / "films", rows_of("test", N))).table
    names = list(LABELS)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    columns["labels"] = [[names[number % 4]] for number in range(N)]
    index = read_index(write_index(columns, images=tmp_path / "films", path=tmp_path / "one.parquet"))
    assessed = assess(pack, split_of(index, pack.task, split="test"), data_set="made up", peer=None, progress=silent)

    write_report(assessed, tmp_path / "out", when=WHEN)

    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "names the right one in" in page
    counted = [[int(row[name]) for name in names] for row in rows(tmp_path / "out" / "confusion.csv")]
    assert [sum(row) for row in counted] == [N // 4] * 4
    accuracy = float(next(rows(tmp_path / "out" / "accuracy.csv"))["accuracy"])
    assert np.trace(counted) / N == pytest.approx(accuracy)
