"""The report of a comparison: one figure per label, an overview, and in words which differences hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from rakurs.evaluation import words
from rakurs.evaluation.areas import MEASURES, measurable
from rakurs.evaluation.assessment import SAMPLES
from rakurs.evaluation.comparison import MEAN, Comparison, Difference, said
from rakurs.evaluation.figures import draw, draw_roc
from rakurs.evaluation.page import Drawing, Page, Section, write_page
from rakurs.evaluation.plots import interval_figure
from rakurs.evaluation.scores import to_json
from rakurs.evaluation.tables import NOT_MEASURABLE, Table, shown, write_csv
from rakurs.task import title_of

MEAN_TITLE = "Mean"


def write_comparison(found: Comparison, folder: Path, *, when: datetime) -> Path:
    """Write report.html, report.md, the figures (SVG, PNG) and differences.csv into a folder; give the first.

    Raises:
        UsageError: there are more readers than can be told apart in a figure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _draw(found, folder)
    write_csv([_row(one) for one in found.differences], folder / "differences.csv")
    if found.accuracy:
        write_csv(found.accuracy, folder / "accuracy.csv")
    patients, names = len(np.unique(found.patients)), list(found.answers)
    page = Page(
        heading=f"{', '.join(names[:-1])} and {names[-1]} on the same films",
        facts=[
            ("Data set", found.data_set),
            ("Studies", f"{len(found.truth):,} of {patients:,} patients"),
            ("Shared labels", str(len(found.labels))),
            ("Date", f"{when:%Y-%m-%d}"),
        ],
        summary=list(_summary(found)),
        sections=list(_sections(found, drawn)),
    )
    return write_page(page, folder)


def _draw(found: Comparison, folder: Path) -> list[Drawing]:
    """The overviews, then a figure per label; labels that cannot be measured have none."""
    kept = [int(axis) for axis in np.flatnonzero(measurable(found.truth))]
    if not kept:
        return []
    held = [found.labels[axis] for axis in kept]
    answers = {reader: of_reader[:, kept] for reader, of_reader in found.answers.items()}
    draw_roc(found.truth[:, kept], answers, labels=held, folder=folder)
    gains = {title: [_bar(one) for one in ones] for title, ones in _to_first(found).items()}
    draw(lambda path: interval_figure(gains, path, across="Difference in AUROC", chance=0), folder, name="differences")
    for axis, label in zip(kept, held, strict=True):
        alone = {reader: of_reader[:, [axis]] for reader, of_reader in found.answers.items()}
        draw_roc(found.truth[:, [axis]], alone, labels=[label], folder=folder, name=f"roc-{label.name}")
    first = next(iter(found.answers))
    return [
        Drawing("differences", f"What others have more in AUROC than {first}; bars are 95 % intervals."),
        Drawing("roc", "ROC curves of every shared label, with the area under each; the grey diagonal is chance."),
        *(Drawing(f"roc-{label.name}", f"{title_of(label)}: ROC curves.") for label in held),
    ]


def _to_first(found: Comparison) -> dict[str, list[Difference]]:
    """The differences in AUROC of all others to the first reader, by the label's title."""
    first, titles = next(iter(found.answers)), titles_of(found)
    grouped: dict[str, list[Difference]] = {}
    for one in found.differences:
        if one.measure == "auroc" and one.readers[0] == first and one.measurable:
            grouped.setdefault(titles[one.label], []).append(one)
    return grouped


def titles_of(found: Comparison) -> dict[str, str]:
    """The titles of the shared labels, and of their mean, by name."""
    return {**{label.name: title_of(label) for label in found.labels}, MEAN: MEAN_TITLE}


def _bar(one: Difference) -> tuple[str, float, float, float]:
    return f"{one.readers[1]} - {one.readers[0]}", one.gain.value, one.gain.low, one.gain.high


def _summary(found: Comparison) -> Iterator[str]:
    missing = [title_of(found.labels[int(axis)]) for axis in np.flatnonzero(~measurable(found.truth))]
    if missing:
        yield f"Not measurable here, for the split has no positives, or nothing else: {', '.join(missing)}."
    means = {
        name: value
        for one in found.differences
        if one.label == MEAN and one.measure == "auroc"
        for name, value in zip(one.readers, (one.first, one.second), strict=True)
    }
    yield f"Mean AUROC: {', '.join(f'{name} {_number(value) or NOT_MEASURABLE}' for name, value in means.items())}."
    for one in found.differences:
        if one.label == MEAN and one.measure == "auroc":
            yield said(one, title=MEAN_TITLE)
    for row in found.accuracy:
        yield f"Accuracy: {row['second']} minus {row['first']} is {shown(row['gain'])}."
    titles = titles_of(found)
    for pair in found.pairs:
        for measure in MEASURES:
            ones = [
                one
                for one in found.differences
                if (one.readers, one.measure) == (pair, measure) and one.label != MEAN and one.measurable
            ]
            held = [f"{titles[one.label]} ({verdict(one)})" for one in ones if one.holds]
            named = f": {', '.join(held)}" if held else ""
            yield f"{measure.upper()}: {' and '.join(pair)} differ in {len(held)} of {len(ones)} labels{named}."
    for reader, left_out in found.left_out.items():
        if left_out:
            yield f"Labels of {reader} that not all share, and that were left out: {', '.join(left_out)}."


def _sections(found: Comparison, drawn: Sequence[Drawing]) -> Iterator[Section]:
    yield Section(
        title="Which differences hold", drawings=drawn[:1], tables=[_table(found, pair) for pair in found.pairs]
    )
    if drawn:
        yield Section(title="ROC curves", drawings=drawn[1:2])
        yield Section(title="One figure per label", drawings=drawn[2:])
    yield Section(title="How it was measured", text=[text.format(samples=SAMPLES) for text in words.COMPARED])


def _table(found: Comparison, pair: tuple[str, str]) -> Table:
    titles = {**titles_of(found), MEAN: f"**{MEAN_TITLE}**"}
    rows = [
        [
            titles[one.label],
            one.measure.upper(),
            _number(one.first),
            _number(one.second),
            shown(to_json(one.gain)),
            _p(one.p),
            _p(one.corrected),
            verdict(one),
        ]
        for one in found.differences
        if one.readers == pair
    ]
    first, second = pair
    head = ["label", "measure", first, second, "difference", "p", "corrected", "in words"]
    return Table(name="differences", title=f"{second} minus {first}", head=head, rows=rows)


def verdict(one: Difference) -> str:
    """Which of the two is better, if that can be said."""
    if not one.measurable:
        return NOT_MEASURABLE
    if one.holds:
        return f"{one.readers[1] if one.gain.value > 0 else one.readers[0]} is better"
    return "no difference shown"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _row(one: Difference) -> dict[str, Any]:
    return {
        "first_reader": one.readers[0],
        "second_reader": one.readers[1],
        "label": one.label,
        "measure": one.measure,
        "first": one.first,
        "second": one.second,
        "difference": to_json(one.gain),
        "p": one.p,
        "corrected_p": one.corrected,
        "holds": one.holds,
        "in_words": verdict(one),
    }
