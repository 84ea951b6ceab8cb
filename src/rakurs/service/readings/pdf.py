"""The report on paper: films, findings, where each comes from, what people said, and what may be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table, TableStyle

import rakurs
from rakurs.errors import RakursError
from rakurs.inference.images import decode_image
from rakurs.inference.weight import by_weight, number, points_of
from rakurs.inference.words import CODES, LANGUAGES, POINT_NAMES, POINT_RULES, WORDS
from rakurs.pack import Pack
from rakurs.service.readings.maps import heat_map_of
from rakurs.service.readings.models import State, Study, StudyView
from rakurs.service.readings.packs import pack_of
from rakurs.service.readings.printing import (
    FONT,
    INK,
    LINE,
    PALE,
    STRONG,
    Bar,
    Film,
    film_picture,
    map_picture,
    paragraph,
    styles,
)
from rakurs.service.readings.storage import content_of
from rakurs.task import Task, title_of

WIDTH: Final = A4[0] - 36 * mm - 12
"""Within the margins, and the frame's own 6 points on either side."""

COLUMNS: Final = 3
_OURS: Final[Mapping[str, tuple[str, str]]] = {
    "reference": ("Reference", "Номер"),
    "note": ("Note", "Примечание"),
    "uploaded": ("Uploaded", "Загружено"),
    "maps": ("Where each finding comes from", "Откуда взята каждая находка"),
    "reviews": ("Review", "Мнение врача"),
    "study": ("Study", "Исследование"),
    "page": ("page", "стр."),
    "agree": ("agrees", "согласен"),
    "disagree": ("disagrees", "не согласен"),
    "comment": ("comments", "замечание"),
    "pack_changed": (
        "The pack that read this study is no longer installed in that version: thresholds are not shown.",
        "Пакет, прочитавший это исследование, больше не установлен в этой версии: пороги не показаны.",
    ),
}


def report_pdf(study: Study, *, language: str) -> bytes:
    """The report of a study that was read or refused, in one language.

    Raises:
        PackError: the pack of the study is not installed any more.
    """
    say = _Words(language)
    pack = pack_of(study.pack)
    file = BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=15 * mm,
        bottomMargin=18 * mm,
        title=f"Rakurs {study.id}",
        author="Rakurs",
        lang=language,
    )
    styles()  # registers the fonts that the foot uses too
    foot = _Foot(f"{say('support')} · {say('study')} {study.id} · Rakurs {rakurs.__version__}", say("page"))
    document.build(list(_story(study, pack, say=say)), onFirstPage=foot, onLaterPages=foot)
    return file.getvalue()


class _Words:
    """The words of the page in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, name: str) -> str:
        return {**WORDS, **_OURS}[name][self._place]

    def pick(self, texts: tuple[str, str]) -> str:
        """One of a pair."""
        return texts[self._place]

    def code(self, code: str, message: str) -> str:
        """What a code means: in Russian its sentence, else the message, which has the details."""
        return CODES.get(code, message) if self.language == "ru" else message

    def number(self, shown: str) -> str:
        """A number as the language writes it."""
        return shown.replace(".", ",").replace("%", "\N{NO-BREAK SPACE}%") if self.language == "ru" else shown

    def time(self, when: datetime | None) -> str:
        """A time in UTC, which the page says, since paper travels."""
        return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if when else ""


class _Foot:
    """What stands at the foot of every page."""

    def __init__(self, text: str, page: str) -> None:
        self._text, self._page = text, page

    def __call__(self, canvas: Any, document: Any) -> None:
        canvas.setFont(FONT, 6.5)
        canvas.setFillColor(PALE)
        canvas.drawString(18 * mm, 10 * mm, self._text)
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, f"{self._page} {document.page}")


def _story(study: Study, pack: Pack, *, say: _Words) -> Iterator[Flowable]:
    """The parts of the report, from the top down."""
    views = sorted(study.views.all(), key=lambda view: view.id)
    yield paragraph(title_of(pack.task, say.language), "title")
    yield paragraph(say("support"), "warning", bold=True)
    yield _head(study, views, say=say)
    if study.state == State.REFUSED:
        yield from _refusal(study, say)
    for warning in study.warnings:
        yield paragraph(f"{say('warning')}: {say.code(warning['code'], warning['message'])}", "warning")
    films = _films(views)
    yield _row_of_films(films, pack.task, say=say)
    if study.state == State.READ:
        findings = by_weight(study.findings, pack)
        yield from _findings(study, pack, findings=findings, say=say)
        yield from _maps(study, views, films=films, findings=findings, task=pack.task, say=say)
    yield from _reviews(study, pack.task, say=say)
    yield from _use(study, pack, say=say)


def _head(study: Study, views: list[StudyView], *, say: _Words) -> Table:
    files = ", ".join(f"{view.view}: {view.file_name}" for view in views)
    rows = [
        (say("reference"), study.reference),
        (say("note"), study.note),
        (say("file"), files),
        (say("uploaded"), say.time(study.created_at)),
        (say("time"), say.time(study.finished_at)),
        (say("pack"), f"{study.pack} {study.pack_version}"),
    ]
    shown = [[paragraph(name, "small"), paragraph(value)] for name, value in rows if value]
    return Table(shown, colWidths=[32 * mm, WIDTH - 32 * mm], style=_tight(), hAlign="LEFT")


def _tight() -> TableStyle:
    return TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1), ("LEFTPADDING", (0, 0), (-1, -1), 0)])  # fmt: skip # noqa: E501


def _refusal(study: Study, say: _Words) -> Iterator[Flowable]:
    yield paragraph(say("refused"), "heading")
    yield paragraph(say.code(study.refusal_code, study.refusal_message), "warning")
    yield paragraph(f"{study.refusal_code}: {study.refusal_message}", "small")
    yield paragraph(say("nothing_read"))


def _films(views: list[StudyView]) -> dict[str, Any]:
    """The pictures of the films that can be decoded and are there, by view."""
    films = {}
    for view in views:
        try:
            films[view.view] = film_picture(decode_image(content_of(view.sha256)))
        except (RakursError, OSError):
            continue  # refused as an image: the report says why
    return films


def _row_of_films(films: Mapping[str, Any], task: Task, *, say: _Words) -> Flowable:
    if not films:
        return Spacer(0, 2 * mm)
    width = WIDTH / max(2, len(films)) - 3 * mm
    shown = [Film(film, None, width=width, most_height=95 * mm) for film in films.values()]
    titles = [paragraph(title_of(task.view(view), say.language), "small") for view in films]
    return Table([shown, titles], colWidths=[width + 3 * mm] * len(shown), style=_tight(), hAlign="LEFT")


def _findings(study: Study, pack: Pack, *, findings: list[dict[str, Any]], say: _Words) -> Iterator[Flowable]:
    calibrated = bool(study.calibrated)
    same = {view: file.digest for view, file in pack.networks.items()} == study.networks
    head = [say("finding"), say("probability" if calibrated else "score"), "", say("reached")]
    rows = [[paragraph(text, "small") for text in head]]
    for finding in findings:
        marks = [(held.threshold, point.criterion) for point, held in points_of(pack, finding["label"])] if same else []
        reached = [name for name, value in finding["operating_points"].items() if value]
        strong = any(point.criterion == "specificity" and point.name in reached for point in pack.task.operating_points)
        bar = Bar(
            finding["probability"], marks, width=58 * mm, colour=STRONG if strong else PALE if not reached else INK
        )
        rows.append(
            [
                paragraph(_title(pack.task, finding["label"], say=say), bold=strong),
                paragraph(say.number(number(finding["probability"], calibrated=calibrated)), bold=strong),
                bar,
                paragraph(", ".join(_point(name, say) for name in reached) or say("none_reached"), "small"),
            ]
        )
    style = [("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]  # fmt: skip # noqa: E501
    yield paragraph(say("findings"), "heading")
    widths = [52 * mm, 18 * mm, 61 * mm, WIDTH - 131 * mm]
    yield Table(rows, colWidths=widths, style=TableStyle(style), repeatRows=1, hAlign="LEFT")
    if not same:
        yield paragraph(say("pack_changed"), "small")
    for point in pack.task.operating_points if same else ():
        rule = say.pick(POINT_RULES[point.criterion]).format(share=say.number(f"{point.at_least:.0%}"))
        mark = "●" if point.criterion == "specificity" else "○"
        yield paragraph(f"{mark} {_point(point.name, say)}: {rule}", "small")
    yield paragraph(say("calibrated" if calibrated else "uncalibrated"), "small")


def _title(task: Task, label: str, *, say: _Words) -> str:
    return next((title_of(each, say.language) for each in task.labels if each.name == label), label)


def _point(name: str, say: _Words) -> str:
    return say.pick(POINT_NAMES.get(name, (name, name)))


def _maps(
    study: Study,
    views: list[StudyView],
    *,
    films: Mapping[str, Any],
    findings: list[dict[str, Any]],
    task: Task,
    say: _Words,
) -> Iterator[Flowable]:
    """A small film with its map for every finding and view that has one."""
    width = WIDTH / COLUMNS - 3 * mm
    cells: list[list[Flowable]] = []
    for finding in findings:
        for view in views:
            if not finding["heat_maps"].get(view.view) or view.view not in films or view.heat_maps is None:
                continue
            heat_map = heat_map_of(bytes(view.heat_maps), finding["label"])
            if heat_map is None:
                continue
            share = say.number(number(finding["probability"], calibrated=bool(study.calibrated)))
            caption = (
                f"{_title(task, finding['label'], say=say)}, {share} · {title_of(task.view(view.view), say.language)}"
            )
            film = Film(films[view.view], map_picture(heat_map), width=width, most_height=75 * mm)
            cells.append([film, paragraph(caption, "small")])
    if not cells:
        return
    yield paragraph(say("maps"), "heading")
    yield paragraph(say("map_is"), "lead")
    for start in range(0, len(cells), COLUMNS):
        row = cells[start : start + COLUMNS]
        padded = [*row, *([[]] * (COLUMNS - len(row)))]
        yield KeepTogether(Table([padded], colWidths=[width + 3 * mm] * COLUMNS, style=_tight(), hAlign="LEFT"))


def _reviews(study: Study, task: Task, *, say: _Words) -> Iterator[Flowable]:
    reviews = list(study.reviews.select_related("reviewer").order_by("id"))
    if not reviews:
        return
    yield paragraph(say("reviews"), "heading")
    for review in reviews:
        said = f"{_title(task, review.label, say=say)}: {review.reviewer.username} {say(review.verdict)}"
        yield paragraph(f"{said}{': ' + review.comment if review.comment else ''} ({say.time(review.created_at)})")


def _use(study: Study, pack: Pack, *, say: _Words) -> Iterator[Flowable]:
    uses = {str(name): text for name, text in pack.task.intended_use.items()}
    yield paragraph(say("intended_use"), "heading")
    yield paragraph(uses.get(say.language) or uses.get("en", ""))
    if pack.task.caution:
        cautions = {str(name): text for name, text in pack.task.caution.items()}
        yield paragraph(cautions.get(say.language) or cautions.get("en", ""), "warning")
    for view, digest in study.networks.items():
        yield paragraph(f"{say('network')} {view}: {digest}", "small")
    for held in study.views.all():
        yield paragraph(f"{say('file')} {held.view}: sha256:{held.sha256}", "small")
