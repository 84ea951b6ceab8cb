"""One study as one HTML file: it holds its pictures, asks nothing of any server, and works offline."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

import rakurs
from rakurs.cli.answer import Answer
from rakurs.inference.document import Document, pack_document
from rakurs.inference.overlay import COLOURS, film_jpeg, map_png
from rakurs.inference.weight import TICKS, by_weight, number, place, points_of, tick_name
from rakurs.inference.words import CODES, LANGUAGES, MEASURED_ON, POINT_NAMES, POINT_RULES, WORDS, both
from rakurs.pack import Interval, Pack, Threshold
from rakurs.study import Finding, HeatMap, Image, Reading
from rakurs.task import Label, OperatingPoint, Task, View, title_of

LONGEST_SIDE = 1600
"""Pixels of the film in the page: more than a screen shows of it, and a few hundred kilobytes."""

RAMP_STOPS = 16

Said = dict[str, str]
"""A text by language."""


def report_html(reading: Document, *, pack: Pack, answered: Answer, images: Mapping[str, Image], when: datetime) -> str:
    """The page of a study; `images` are its films by view, with every pixel."""
    answers = {}
    if isinstance(answered.outcome, Reading):
        answers = _answers(reading, pack=pack, outcome=answered.outcome, images=images)
    return (
        _environment()
        .get_template("report.html")
        .render(
            **_frame(pack, when),
            **_style_and_script(),
            files=[_file(view, path, image=answered.images.get(view)) for view, path in reading["files"].items()],
            warnings=[_warning(warning, pack.task) for warning in reading.get("warnings", [])],
            refusal=_refusal(reading.get("refusal")),
            **answers,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("rakurs.cli"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style_and_script() -> dict[str, str]:
    """Our own style and script, and their digests: the page's policy lets nothing else run."""
    loader = jinja2.PackageLoader("rakurs.cli")
    parts = {name: loader.get_source(_environment(), file)[0] for name, file in _INLINE.items()}
    hashes = {f"{name}_hash": Markup(_policy_hash(text)) for name, text in parts.items()}
    return {**{name: Markup(text) for name, text in parts.items()}, **hashes}


_INLINE = {"style": "report.css", "script": "report.js"}


def _policy_hash(text: str) -> str:
    """A source expression of Content Security Policy Level 3, section 2.3.1."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _frame(pack: Pack, when: datetime) -> dict[str, Any]:
    """What the page says of every study."""
    uses = {str(language): text for language, text in pack.task.intended_use.items()}
    return {
        "w": {name: both(*texts) for name, texts in WORDS.items()},
        "heading": _title(pack.task),
        "intended_use": {language: uses.get(language) or uses.get("en", "") for language in LANGUAGES},
        "pack": pack_document(pack),
        "program": rakurs.__version__,
        "when": {"iso": when.isoformat(timespec="seconds"), "shown": f"{when:%Y-%m-%d %H:%M %Z}"},
    }


def _file(view: str, path: str, *, image: Image | None) -> dict[str, str]:
    """What the page says of one file; the picture's size and digest where it was decoded."""
    said = {"view": view, "path": path, "name": path.replace("\\", "/").rsplit("/", 1)[-1], "size": "", "sha256": ""}
    if image is None:
        return said
    return {**said, "size": f"{image.source.columns} × {image.source.rows}", "sha256": image.source.sha256}


def _coded(said: Mapping[str, str]) -> Said:
    """A sentence with a code: in Russian what the code means."""
    return both(said["message"], CODES.get(said["code"], said["message"]))


def _warning(warning: Mapping[str, str], task: Task) -> Said:
    if warning["code"] == "caution" and task.caution is not None:
        return both(task.caution["en"], task.caution.get("ru", task.caution["en"]))
    return _coded(warning)


def _refusal(refusal: Mapping[str, str] | None) -> dict[str, Any] | None:
    if refusal is None:
        return None
    return {"code": refusal["code"], "text": _coded(refusal), "message": refusal["message"]}


def _answers(reading: Document, *, pack: Pack, outcome: Reading, images: Mapping[str, Image]) -> dict[str, Any]:
    """What the page says of a study that was read; maps come in the order of the findings."""
    findings = by_weight(reading["findings"], pack)
    of_label = {finding.label: finding for finding in outcome.findings}
    ordered = [of_label[finding["label"]] for finding in findings]
    return {
        "calibrated": pack.calibrated,
        "answer": None if reading["answer"] is None else _title(_label(pack.task, reading["answer"])),
        "views": [_view(view, image, findings=ordered, task=pack.task) for view, image in images.items()],
        "findings": [_finding(finding, pack) for finding in findings],
        "points": [_rule(point) for point, _ in points_of(pack, findings[0]["label"])],
        "validation": _validation(pack),
        "ticks": [{"x": _share_of_width(tick), "name": tick_name(tick, calibrated=pack.calibrated)} for tick in TICKS],
        "ramp": _ramp(),
    }


def _view(name: str, image: Image, *, findings: Sequence[Finding], task: Task) -> dict[str, Any]:
    """A film and its maps; no maps where the view was not read."""
    maps = [(finding.label, finding.heat_maps[name]) for finding in findings if name in finding.heat_maps]
    return {
        "title": _title(task.view(name)),
        "film": _data_uri("image/jpeg", film_jpeg(image, longest=LONGEST_SIDE)),
        "width": image.source.columns,
        "height": image.source.rows,
        "maps": [
            {"label": label, "title": _title(_label(task, label)), "picture": _map(heat_map)}
            for label, heat_map in maps
        ],
    }


def _map(heat_map: HeatMap) -> str | None:
    return None if heat_map.empty else _data_uri("image/png", map_png(heat_map))


def _finding(finding: Document, pack: Pack) -> dict[str, Any]:
    points = [
        {**_point(point, measured, calibrated=pack.calibrated), "reached": finding["operating_points"][point.name]}
        for point, measured in points_of(pack, finding["label"])
    ]
    share = _measured_share(pack, finding["label"])
    return {
        "label": finding["label"],
        "title": _title(_label(pack.task, finding["label"])),
        "code": " ".join(finding["code"][:2]) if finding["code"] else "",
        "number": _with_comma(number(finding["probability"], calibrated=pack.calibrated)),
        "x": _share_of_width(finding["probability"]),
        "points": points,
        "kind": _kind(points),
        "prevalence": None if share is None else _with_comma(f"{share:.1%}"),
    }


def _kind(points: Sequence[Mapping[str, Any]]) -> str:
    """How a row stands out: by the strongest point that it reached."""
    reached = {point["kind"] for point in points if point["reached"]}
    if "filled" in reached:
        return "strong"
    return "some" if reached else "under"


def _point(point: OperatingPoint, measured: Threshold, *, calibrated: bool) -> dict[str, Any]:
    return {
        **_named(point),
        "x": _share_of_width(measured.threshold),
        "threshold": _with_comma(number(measured.threshold, calibrated=calibrated)),
        "sensitivity": _interval(measured.sensitivity),
        "specificity": _interval(measured.specificity),
    }


def _rule(point: OperatingPoint) -> dict[str, Any]:
    rule, share = both(*POINT_RULES[point.criterion]), _with_comma(f"{point.at_least:.0%}")
    return {**_named(point), "rule": {language: rule[language].format(share=share[language]) for language in LANGUAGES}}


def _named(point: OperatingPoint) -> dict[str, Any]:
    """A point's name and mark: hollow where it keeps sensitivity, filled where it keeps specificity."""
    name = both(*POINT_NAMES.get(point.name, (point.name, point.name)))
    return {"name": name, "kind": "hollow" if point.criterion == "sensitivity" else "filled"}


def _validation(pack: Pack) -> list[dict[str, Any]]:
    """Whatever plain values measured.json holds about where the calibration was measured."""
    known = pack.measured.validation if pack.measured else {}
    plain = {name: value for name, value in known.items() if isinstance(value, str | int | float)}
    return [{"name": _validation_name(name), "value": str(value)} for name, value in plain.items()]


def _validation_name(name: str) -> Said:
    plain = name.replace("_", " ")
    return both(*MEASURED_ON.get(name, (plain, plain)))


def _measured_share(pack: Pack, label: str) -> float | None:
    """How frequent the finding was where the calibration was measured, if measured.json says so."""
    shares = pack.measured.validation.get("prevalence") if pack.measured else None
    share = shares.get(label) if isinstance(shares, dict) else None
    return float(share) if isinstance(share, int | float) else None


def _interval(interval: Interval) -> Said:
    return _with_comma(f"{interval.value:.0%} ({100 * interval.low:.0f}–{100 * interval.high:.0f})")


def _with_comma(shown: str) -> Said:
    """A number in both languages: Russian has a decimal comma, and a space before the per cent."""
    return both(shown, shown.replace(".", ",").replace("%", "\N{NO-BREAK SPACE}%"))


def _title(entry: View | Label | Task) -> Said:
    return {language: title_of(entry, language) for language in LANGUAGES}


def _label(task: Task, name: str) -> Label:
    return next(label for label in task.labels if label.name == name)


def _share_of_width(probability: float) -> str:
    return f"{100 * place(probability):.2f}"


def _ramp() -> list[dict[str, str]]:
    """The table of colours as stops of a gradient."""
    levels = [round(255 * stop / RAMP_STOPS) for stop in range(RAMP_STOPS + 1)]
    return [
        {
            "offset": f"{level / 255:.3f}",
            "colour": "#{:02x}{:02x}{:02x}".format(*COLOURS[level, :3]),
            "opacity": f"{COLOURS[level, 3] / 255:.3f}",
        }
        for level in levels
    ]


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
