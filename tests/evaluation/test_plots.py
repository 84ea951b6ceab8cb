"""The pictures: readable files, the same bytes for the same numbers, and refusals in words."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_rgb

from rakurs.errors import UsageError
from rakurs.evaluation.calibration import reliability
from rakurs.evaluation.plots import (
    Curve,
    confusion_figure,
    interval_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from rakurs.evaluation.ranking import auroc, roc_curve

BLUE = to_rgb("#0072B2")


def curve(name: str = "Rakurs") -> Curve:
    generator = np.random.default_rng(0)
    truth = generator.random(80) < 0.3
    score = truth + generator.normal(size=80)
    return name, *roc_curve(truth, score)[:2], auroc(truth, score)


def draw_roc(path: Path) -> None:
    roc_figure({"mass": [curve(), curve("Peer")], "effusion": [curve()]}, path)


def draw_reliability(path: Path) -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200)
    reliability_figure({"mass": [("Rakurs", reliability(generator.random(200) < probability, probability))]}, path)


def draw_precision_recall(path: Path) -> None:
    name, across, up, area = curve()
    precision_recall_figure({"mass": [(name, across, 1 - up, area)]}, path, shares={"mass": 0.3})


def draw_intervals(path: Path) -> None:
    interval_figure(
        {"mass": [("Rakurs", 0.7, 0.6, 0.8), ("Peer", math.nan, math.nan, math.nan)]}, path, across="AUROC", chance=0.5
    )


figures = pytest.mark.parametrize("draw", [draw_roc, draw_reliability, draw_precision_recall, draw_intervals])


@figures
@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[Path], None], *, suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in ("first", "second")]

    for path in paths:
        draw(path)

    assert paths[0].read_bytes() == paths[1].read_bytes()


@figures
def test_a_picture_carries_no_date(draw: Callable[[Path], None], tmp_path: Path) -> None:
    draw(tmp_path / "figure.svg")

    assert "dc:date" not in (tmp_path / "figure.svg").read_text(encoding="utf-8")


@figures
def test_the_first_name_is_drawn_in_blue(draw: Callable[[Path], None], tmp_path: Path) -> None:
    draw(tmp_path / "figure.png")

    pixels = image.imread(tmp_path / "figure.png")[..., :3]
    assert (np.abs(pixels - BLUE).max(axis=-1) < 0.01).sum() > 100


def test_a_label_with_one_class_is_drawn_without_an_area(tmp_path: Path) -> None:
    truth, score = np.zeros(5, bool), np.arange(5.0)

    roc_figure({"mass": [("Rakurs", *roc_curve(truth, score)[:2], auroc(truth, score))]}, tmp_path / "figure.png")

    assert (tmp_path / "figure.png").stat().st_size > 0


@figures
def test_another_suffix_is_refused(draw: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected \.svg or \.png"):
        draw(tmp_path / "figure.pdf")


def test_a_figure_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        roc_figure({}, tmp_path / "figure.svg")


def test_more_names_than_colours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at most 6"):
        roc_figure({"mass": [curve(str(number)) for number in range(7)]}, tmp_path / "figure.svg")


def test_a_confusion_is_drawn_darkest_where_a_row_went(tmp_path: Path) -> None:
    confusion_figure(np.array([[9, 1], [0, 0]]), ["one", "two"], path=tmp_path / "figure.svg")

    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert [f"<!-- {text} -->" in drawn for text in ("9", "1", "0", "one", "answered")] == [
        True,
        True,
        False,
        True,
        True,
    ]
