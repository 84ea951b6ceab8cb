"""The report of an assessment: figures, tables and sentences that a physician and a statistician can both read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from rakurs.evaluation import words
from rakurs.evaluation.areas import measurable
from rakurs.evaluation.assessment import PEER, SAMPLES, Assessment
from rakurs.evaluation.figures import draw_areas, draw_confusion, draw_precision_recall, draw_reliability, draw_roc
from rakurs.evaluation.localisation import ALL, WAYS
from rakurs.evaluation.page import Drawing, Page, Section, write_page
from rakurs.evaluation.tables import Table, shown, write_csv
from rakurs.evaluation.view_readers import FUSED
from rakurs.task import title_of

Row = Mapping[str, Any]

TRAITS = {"sex": "Sex", "age": "Age in years", "view_position": "View position"}


def write_report(found: Assessment, folder: Path, *, when: datetime) -> Path:
    """Write the report of an assessment with its figures (SVG, PNG) and tables (CSV) into a folder; give report.html.

    Raises:
        UsageError: as the figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _draw(found, folder)
    _write_tables(found, folder)
    task = found.pack.task
    page = Page(
        heading=f"{title_of(task)}: what {task.name}, version {task.version}, is worth",
        facts=list(_facts(found, when)),
        summary=list(_summary(found)),
        sections=list(_sections(found)),
    )
    return write_page(page, folder)


def _draw(found: Assessment, folder: Path) -> None:
    labels, truth = found.pack.task.labels, found.studies.truth
    kept = np.flatnonzero(measurable(truth))
    if len(kept):
        held = [labels[axis] for axis in kept]
        answers = {reader: of_reader[:, kept] for reader, of_reader in found.answers.items()}
        draw_areas(found.scores, labels=held, folder=folder)
        draw_roc(truth[:, kept], answers, labels=held, folder=folder)
        draw_precision_recall(truth[:, kept], answers, labels=held, folder=folder)
    draw_reliability(truth, found.answers, labels=labels, folder=folder)
    if found.confusion is not None:
        draw_confusion(found.confusion, labels=labels, folder=folder)


def _write_tables(found: Assessment, folder: Path) -> None:
    scores = [
        {"reader": table["reader"], "label": label, **row}
        for table in found.scores
        for label, row in [*table["labels"].items(), ("mean", table["mean"])]
    ]
    write_csv(scores, folder / "scores.csv")
    write_csv(found.groups, folder / "subgroups.csv")
    located = [{"view": view, **row} for view, rows in found.located.items() for row in rows]
    choices = [{"reader": reader, **row} for reader, row in found.choices.items()]
    for name, rows in (("localisation", located), ("views", found.views), ("accuracy", choices)):
        if rows:
            write_csv(rows, folder / f"{name}.csv")


def _facts(found: Assessment, when: datetime) -> Iterator[tuple[str, str]]:
    yield "Data set", found.data_set
    whose = "patients" if found.pack.task.modalities else "subjects"
    yield "Studies", f"{len(found.studies):,} of {len(np.unique(found.studies.patients)):,} {whose}"
    yield "Images", ", ".join(f"{len(films):,} {view}" for view, films in found.studies.films.items())
    for view, network in found.pack.networks.items():
        yield f"Network of {view}", network.digest[:19]
    yield "Calibrated", "yes" if found.pack.calibrated else "no"
    yield "Date", f"{when:%Y-%m-%d}"


def _summary(found: Assessment) -> Iterator[str]:
    for reader, choices in found.choices.items():
        accuracy = choices["accuracy"]
        yield (
            f"{reader} names the right one in {accuracy['value']:.1%} of studies [{accuracy['low']:.1%}, "
            f"{accuracy['high']:.1%}]; always answering the commonest would in {choices['commonest']:.1%}."
        )
        if "answered" in choices and choices["answered_error"]["value"] is not None:
            yield (
                f"Where it is sure enough to answer, in {choices['answered']['value']:.1%} of studies, it is wrong in "
                f"{choices['answered_error']['value']:.1%} of them."
            )
    yield from _ranking_said(found)
    yield from _calibration_said(found)
    for view, rows in found.located.items():
        every = next(row for row in rows if row["label"] == ALL)
        own, chance, centre = (every[way]["pointing"]["value"] for way in WAYS)
        yield (
            f"The highest point of a heat map ({view}) lies within the physician's box in {own:.0%} of "
            f"{every['images']} cases; a random point would in {chance:.0%}, the image's centre in {centre:.0%}."
        )


def _ranking_said(found: Assessment) -> Iterator[str]:
    if found.not_measurable:
        missing = [_titles(found)[label] for label in found.not_measurable]
        yield (
            f"Not measurable here, for the split has no positives, or nothing else: {', '.join(missing)}. "
            "Means leave them out."
        )
    for table in found.scores:
        mean, kept = table["mean"]["auroc"], len(table["labels"]) - len(found.not_measurable)
        if mean["value"] is not None:
            yield (
                f"{table['reader']}: mean AUROC {shown(mean)}. On average over {kept} labels, a study with the finding "
                f"is ranked above one without it in {mean['value']:.1%} of pairs; chance gives 50 %."
            )
    titles = _titles(found)
    rows = {titles[label]: row["auroc"] for label, row in found.scores[0]["labels"].items()}
    ranked = sorted((row["value"], label) for label, row in rows.items() if row["value"] is not None)
    if len(ranked) > 1:
        (_, worst), (_, best) = ranked[0], ranked[-1]
        yield f"Best ranked: {best}, {shown(rows[best])}; worst: {worst}, {shown(rows[worst])}."
    told = {label: row for label, row in rows.items() if row["low"] is not None}
    doubtful = [label for label, row in told.items() if row["low"] <= 0.5 <= row["high"]]
    worse = [label for label, row in told.items() if row["high"] < 0.5]
    if doubtful:
        yield f"Not told from chance by these studies: {', '.join(doubtful)}."
    if worse:
        yield f"Ranked worse than by chance: {', '.join(worse)}."
    if PEER in found.answers:
        yield "Whether the difference to the peer is more than luck, the command rakurs compare tells."


def _titles(found: Assessment) -> dict[str, str]:
    """The titles of the labels, and of all of them together, by name."""
    return {**{label.name: title_of(label) for label in found.pack.task.labels}, ALL: "**all**"}


def _calibration_said(found: Assessment) -> Iterator[str]:
    if not found.pack.calibrated:
        yield "The pack is not calibrated: its probabilities are none, and ECE and Brier only say so."
        return
    table = found.scores[0]
    worst = max(table["labels"], key=lambda label: float(table["labels"][label]["ece"]))
    axis = list(table["labels"]).index(worst)
    said = float(found.answers[table["reader"]][:, axis].mean())
    came_true = float(found.studies.truth[:, axis].mean())
    ece = float(table["labels"][worst]["ece"])
    yield (
        f"Probabilities are off by {table['mean']['ece']:.3f} on average (ECE); most for {_titles(found)[worst]}, by "
        f"{ece:.3f}."
        + (f" It says {said:.1%} on average where {came_true:.1%} have it." if abs(said - came_true) > ece / 2 else "")
    )


def _sections(found: Assessment) -> Iterator[Section]:
    if found.confusion is not None:
        yield Section(
            title="What is taken for what",
            tables=[_choices_table(found)],
            drawings=[Drawing("confusion", words.CONFUSION)],
        )
    some = len(found.not_measurable) < len(found.pack.task.labels)
    yield Section(
        title="Ranking and probabilities",
        text=[words.SCORES],
        drawings=[Drawing("auroc", "AUROC of each label with its 95 % interval; the grey line is chance.")]
        if some
        else [],
        tables=_score_tables(found),
    )
    if some:
        yield Section(
            title="Curves",
            drawings=[
                Drawing("roc", "ROC curves, with the area under each; the grey diagonal is chance."),
                Drawing("precision-recall", "Precision-recall curves, with the area; the grey line is chance."),
            ],
        )
    points = _points_table(found)
    if points.rows:
        yield Section(title="Operating points", tables=[points])
    yield Section(
        title="Do the probabilities mean what they say?",
        drawings=[Drawing("reliability", words.RELIABILITY)],
    )
    yield from _special_sections(found)
    yield Section(title="How it was measured", text=[text.format(samples=SAMPLES) for text in words.METHODS])


def _special_sections(found: Assessment) -> Iterator[Section]:
    if found.views:
        yield Section(title="What each view gives, and all together", tables=[_views_table(found)])
    if found.groups:
        yield Section(title="Subgroups", text=[words.GROUPS], tables=[_groups_table(found), _group_labels_table(found)])
    if found.located:
        yield Section(title="Do heat maps point at the finding?", tables=list(_located_tables(found)))


def _score_tables(found: Assessment) -> list[Table]:
    only, titles = len(found.scores) == 1, _titles(found)
    return [_score_table(table, n=len(found.studies), titles=titles, only=only) for table in found.scores]


def _score_table(table: Row, *, n: int, titles: Mapping[str, str], only: bool) -> Table:
    rows = [
        [
            titles[label],
            f"{row['positives']} ({row['positives'] / n:.1%})",
            shown(row["auroc"]),
            shown(row["auprc"]),
            f"{row['ece']:.3f}",
            f"{row['brier']:.3f}",
        ]
        for label, row in table["labels"].items()
    ]
    mean = table["mean"]
    rows.append(
        ["**mean**", "", shown(mean["auroc"]), shown(mean["auprc"]), f"{mean['ece']:.3f}", f"{mean['brier']:.3f}"]
    )
    head = ["label", "positives", "AUROC", "AUPRC", "ECE", "Brier"]
    return Table(name="scores", title="" if only else table["reader"], head=head, rows=rows)


def _points_table(found: Assessment) -> Table:
    n, titles = len(found.studies), _titles(found)
    rows = [
        [
            titles[label],
            name,
            f"{point['threshold']:.3f}",
            shown(point["sensitivity"]),
            shown(point["specificity"]),
            f"{point['called']} of {n}",
            shown(point["ppv"]),
            shown(point["npv"]),
        ]
        for label, row in found.scores[0]["labels"].items()
        for name, point in row["operating_points"].items()
    ]
    return Table(
        name="operating-points",
        title="",
        head=["label", "point", "from", "sensitivity", "specificity", "called", "right when called", "right when not"],
        rows=rows,
        note=words.POINTS,
    )


def _choices_table(found: Assessment) -> Table:
    rows = [
        [
            reader,
            shown(row["accuracy"]),
            shown(row["error"]),
            shown(row.get("answered")),
            shown(row.get("answered_error")),
        ]
        for reader, row in found.choices.items()
    ]
    withheld = any("answered" in row for row in found.choices.values())
    head = ["reader", "accuracy", "error", "answered", "error of those"]
    kept = len(head) if withheld else 3
    return Table(name="accuracy", title="", head=head[:kept], rows=[row[:kept] for row in rows])


def _views_table(found: Assessment) -> Table:
    kind = "error" if found.choices else "1 - mean AUROC"
    rows = [
        [row["way"], shown(row["error"]), "" if row["way"] == FUSED else shown(row["saved"])] for row in found.views
    ]
    note = words.VIEWS.format(studies=found.views[0]["studies"])
    return Table(name="views", title="", head=["way", kind, "saved by fusing"], rows=rows, note=note)


def _groups_table(found: Assessment) -> Table:
    rows = [
        [
            TRAITS[row["trait"]],
            row["group"],
            str(row["studies"]),
            str(row["patients"]),
            shown(row["mean"]) if row["mean"] else "too few",
            str(len(row["mean_over"])) if row["mean"] else "",
        ]
        for row in found.groups
    ]
    head = ["trait", "group", "studies", "patients", "mean AUROC", "labels in the mean"]
    return Table(name="subgroups", title="", head=head, rows=rows)


def _group_labels_table(found: Assessment) -> Table:
    groups = [row for row in found.groups if any(row["auroc"].values())]
    rows = [[title_of(label), *(_group_cell(row, label.name) for row in groups)] for label in found.pack.task.labels]
    return Table(
        name="subgroups-labels",
        title="AUROC of each label (positives)",
        head=["label", *(str(row["group"]) for row in groups)],
        rows=rows,
        note=words.GROUPS_OF_LABELS,
    )


def _group_cell(row: Row, label: str) -> str:
    area = row["auroc"][label]
    return "" if area is None else f"{area['value']:.2f} ({row['positives'][label]})"


def _located_tables(found: Assessment) -> Iterator[Table]:
    measures = {"pointing": "pointing game", "iobb": "IoBB", "iou": "IoU"}
    titles = _titles(found)
    for view, rows in found.located.items():
        head = ["label", "images", *(name for measure in measures.values() for name in (measure, "random", "centre"))]
        yield Table(
            name=f"localisation-{view}",
            title=view if len(found.located) > 1 else "",
            head=head,
            rows=[_located_row(row, titles[row["label"]], measures=list(measures)) for row in rows],
            note=words.LOCATED.format(empty=found.empty_maps[view]),
        )


def _located_row(row: Row, title: str, *, measures: Sequence[str]) -> list[str]:
    cells = [title, str(row["images"])]
    for measure in measures:
        own, *controls = (row[way][measure] for way in WAYS)
        cells += [shown(own, places=2), *(f"{control['value']:.2f}" for control in controls)]
    return cells
