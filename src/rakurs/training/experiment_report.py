"""What an experiment showed, as one page of Markdown: its arms, the answers to its questions, and what stays open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rakurs.evaluation.areas import MEASURES, areas, resampled_areas
from rakurs.evaluation.comparison import MEAN, Difference, differences, said, share_difference, shared_labels
from rakurs.evaluation.costs import Costs, mean_cost, read_costs
from rakurs.evaluation.intervals import Interval, proportion_interval
from rakurs.evaluation.plots import Curve, roc_figure
from rakurs.evaluation.ranking import auroc, roc_curve
from rakurs.evaluation.resamples import draw_resamples, interval_of
from rakurs.evaluation.view_readers import compare_views, complete_rows
from rakurs.task import title_of
from rakurs.training.experiment import Experiment, Outcome, Question

SEED = 20261125
MOST_CURVES = 4
"""More lines in one panel cannot be told apart."""


def write_report(experiment: Experiment, outcomes: Sequence[Outcome], *, beside: Path, out: Path) -> Path:
    """Write `report.md` and its figures into `out`, and give its path.

    Raises:
        UsageError: the costs cannot be read.
    """
    parts = [f"# {experiment.title}\n", _materials(experiment, outcomes), _arms(outcomes)]
    parts += [_answer(question, outcomes) for question in experiment.questions]
    if outcomes[0].task.activation == "sigmoid":
        parts.append(_curves(outcomes, out=out))
    for outcome in outcomes:
        parts += _views(outcome, experiment, beside=beside)
    path = out / "report.md"
    path.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    return path


def _materials(experiment: Experiment, outcomes: Sequence[Outcome]) -> str:
    studies = outcomes[0].studies
    how = (
        f"Each was answered once in {experiment.folds} folds by patient, by networks that learned from no image of the "
        "same patient."
        if experiment.folds
        else "The networks learned from the split `train` and chose by `val`; `test` was used for nothing else."
    )
    return (
        f"Data: {experiment.data_set}. Answered: {len(studies):,} studies of {len(np.unique(studies.patients)):,} "
        f"patients or subjects. {how} Numbers come from the exported ONNX files; intervals are at 95 %, by bootstrap "
        "over patients.\n"
    )


def _arms(outcomes: Sequence[Outcome]) -> str:
    exclusive = outcomes[0].task.activation == "softmax"
    lines = [
        "| arm | network | labels | epochs | minutes of training | best on validation (AUROC) | "
        f"{'wrong answers' if exclusive else 'mean AUROC'} |"
    ]
    lines.append("|" + " --- |" * 7)
    for outcome in outcomes:
        arm = outcome.arm
        lines.append(
            f"| {arm.name} | {arm.network} | {len(outcome.task.labels)} | {outcome.epochs} | "
            f"{outcome.seconds / 60:.0f} | {outcome.best_val:.3f} | {_shown(_score(outcome))} |"
        )
    return "\n".join(lines) + "\n"


def _score(outcome: Outcome) -> Interval[float]:
    """Wrong answers where one label holds, else the mean AUROC."""
    studies = outcome.studies
    if outcome.task.activation == "softmax":
        return proportion_interval(~_right(outcome), groups=studies.patients)
    resamples = draw_resamples(studies.patients, seed=SEED)
    measure = MEASURES.index("auroc")
    value = areas(studies.truth, outcome.probability)[measure, -1]
    interval = interval_of(
        value, resampled_areas(studies.truth, outcome.probability, resamples=resamples)[:, measure, -1]
    )
    return Interval(float(value), float(interval.low), float(interval.high))


def _right(outcome: Outcome) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(outcome.studies.truth[np.arange(len(outcome.fused)), outcome.probability.argmax(1)])


def _answer(question: Question, outcomes: Sequence[Outcome]) -> str:
    by_name = {outcome.arm.name: outcome for outcome in outcomes}
    pair = by_name[question.first], by_name[question.second]
    answer = _answer_of_shares(*pair) if pair[0].task.activation == "softmax" else _answer_of_areas(*pair)
    return f"## {question.ask}\n\n{answer}\n"


def _answer_of_shares(first: Outcome, second: Outcome) -> str:
    resamples = draw_resamples(first.studies.patients, seed=SEED)
    gain = share_difference(_right(first), _right(second), resamples=resamples)
    verdict = "the difference holds" if gain.low > 0 or gain.high < 0 else "too little data to decide"
    return (
        f"Right answers of {second.arm.name} less those of {first.arm.name}: {gain.value:+.3f} "
        f"[{gain.low:+.3f}, {gain.high:+.3f}]; {verdict}."
    )


def _answer_of_areas(first: Outcome, second: Outcome) -> str:
    shared, left_out = shared_labels([first.task, second.task])
    names = [one.label.name for one in shared]
    found = differences(
        first.studies.truth[:, [one.axes[0] for one in shared]],
        {
            outcome.arm.name: outcome.probability[:, [one.axes[place] for one in shared]]
            for place, outcome in enumerate((first, second))
        },
        labels=names,
        patients=first.studies.patients,
        seed=SEED,
    )
    of_areas = [each for each in found if each.measure == "auroc"]
    (mean,) = (each for each in of_areas if each.label == MEAN)
    lines = [f"{said(mean, title='Mean over the shared labels')}\n", *_difference_table(of_areas)]
    missing = sorted({label.name for labels in left_out for label in labels})
    if missing:
        lines.append(f"\nNot compared, for only one of them has these labels: {', '.join(missing)}.")
    return "\n".join(lines)


def _difference_table(found: Iterable[Difference]) -> list[str]:
    rows = list(found)
    first, second = rows[0].readers
    lines = [f"| label | {first} | {second} | difference in AUROC | p, corrected | holds |", "|" + " --- |" * 6]
    for each in rows:
        lines.append(
            f"| {each.label} | {each.first:.3f} | {each.second:.3f} | {each.gain.value:+.3f} "
            f"[{each.gain.low:+.3f}, {each.gain.high:+.3f}] | {each.corrected:.2g} | {'yes' if each.holds else 'no'} |"
            if each.measurable
            else f"| {each.label} | | | not measurable | | |"
        )
    return lines


def _curves(outcomes: Sequence[Outcome], *, out: Path) -> str:
    """The figures of ROC curves: the labels that all arms share, at most `MOST_CURVES` arms in one."""
    shared, _ = shared_labels([outcome.task for outcome in outcomes])
    lines = []
    for number, start in enumerate(range(0, len(outcomes), MOST_CURVES), start=1):
        drawn = range(start, min(start + MOST_CURVES, len(outcomes)))
        panels = {title_of(one.label): [_curve(outcomes[at], one.axes[at]) for at in drawn] for one in shared}
        roc_figure(panels, out / f"roc-{number}.svg")
        lines.append(f"![ROC curves of {', '.join(outcomes[at].arm.name for at in drawn)}](roc-{number}.svg)\n")
    return "\n".join(lines)


def _curve(outcome: Outcome, axis: int) -> Curve:
    truth, score = outcome.studies.truth[:, axis], outcome.probability[:, axis]
    false_rate, true_rate, _ = roc_curve(truth, score)
    return outcome.arm.name, false_rate, true_rate, auroc(truth, score)


def _views(outcome: Outcome, experiment: Experiment, *, beside: Path) -> list[str]:
    """What each view says alone and what the views say together; nothing where there is one view."""
    if len(outcome.logits) < 2:
        return []
    costs = read_costs(beside / experiment.costs, outcome.task) if experiment.costs else None
    rows = complete_rows(outcome.logits)
    studies = outcome.studies
    exclusive = outcome.task.activation == "softmax"
    _, readers = compare_views(
        outcome.logits,
        fused=outcome.fused,
        truth=studies.truth,
        patients=studies.patients,
        task=outcome.task,
        seed=SEED,
    )
    lines = [
        f"## {outcome.arm.name}: one view and both\n",
        f"{len(rows):,} studies of {len(np.unique(studies.patients[rows])):,} subjects have every view.\n",
        f"| reader | {'wrong answers' if exclusive else '1 - mean AUROC'} | more than fused, paired |"
        + (" mean cost |" if costs else ""),
        "|" + " --- |" * (4 if costs else 3),
    ]
    for reader in readers:
        line = f"| {reader.name} | {_shown(reader.error)} | {_shown(reader.saved, signed=True)} |"
        if costs:
            cost = mean_cost(
                reader.probability,
                truth=studies.truth[rows],
                patients=studies.patients[rows],
                costs=costs,
                seed=SEED,
            )
            line += f" {_shown(cost)} |"
        lines.append(line)
    return ["\n".join(lines) + "\n", *_withheld(outcome, costs)]


def _withheld(outcome: Outcome, costs: Costs | None) -> list[str]:
    """What answering only when sure changes, over all studies."""
    if outcome.task.abstention is None:
        return []
    studies, given = outcome.studies, outcome.given
    wrong = ~_right(outcome)
    lines = [
        "Answering every study, and only those that the measured confidence lets be answered (all studies, also "
        "those of one view):\n",
        "| | answered | wrong, of those answered |" + (" mean cost, withheld ones free |" if costs else ""),
        "|" + " --- |" * (4 if costs else 3),
    ]
    for name, rows in (("always", np.ones_like(given)), ("when sure", given)):
        answered = proportion_interval(rows, groups=studies.patients)
        error = proportion_interval(wrong[rows], groups=studies.patients[rows])
        line = f"| {name} | {_shown(answered)} | {_shown(error)} |"
        if costs:
            cost = mean_cost(
                outcome.probability,
                truth=studies.truth,
                patients=studies.patients,
                costs=costs,
                given=rows,
                seed=SEED,
            )
            line += f" {_shown(cost)} |"
        lines.append(line)
    return ["\n".join(lines) + "\n"]


def _shown(interval: Interval[float], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{interval.value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"
