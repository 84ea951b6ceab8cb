"""A report as one self-contained HTML file and as Markdown: sections of sentences, figures and tables."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

import rakurs
from rakurs.evaluation.tables import Table, markdown


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that lies beside the report as `name`.svg, with a sentence on what it shows."""

    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report."""

    title: str
    text: Sequence[str] = ()
    drawings: Sequence[Drawing] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A report: `facts` are (name, value) of what was measured on what, `summary` what a hurried reader must know."""

    heading: str
    facts: Sequence[tuple[str, str]]
    summary: Sequence[str]
    sections: Sequence[Section] = field(default_factory=list)


def write_page(page: Page, folder: Path) -> Path:
    """Write report.html, which holds its figures and asks nothing of any server, and report.md; give the first.

    The figures must lie in `folder` already.
    """
    (folder / "report.md").write_text(as_markdown(page), encoding="utf-8")
    path = folder / "report.html"
    path.write_text(as_html(page, folder), encoding="utf-8")
    return path


def as_html(page: Page, folder: Path) -> str:
    """The page with the figures of `folder` inside."""
    names = [drawing.name for section in page.sections for drawing in section.drawings]
    pictures = {name: _data_uri((folder / f"{name}.svg").read_bytes()) for name in names}
    style = Markup(jinja2.PackageLoader("rakurs.evaluation").get_source(_environment(), "page.css")[0])
    template = _environment().get_template("page.html")
    return template.render(page=page, pictures=pictures, style=style, program=rakurs.__version__)


def as_markdown(page: Page) -> str:
    """The page as Markdown that shows the figures beside it."""
    parts = [f"# {page.heading}", "\n".join(f"- {name}: {value}" for name, value in page.facts)]
    parts += ["## In short", "\n".join(f"- {sentence}" for sentence in page.summary)]
    for section in page.sections:
        parts += [f"## {section.title}", *section.text]
        parts += [f"![{drawing.caption}]({drawing.name}.svg)" for drawing in section.drawings]
        for table in section.tables:
            parts += [*([f"### {table.title}"] if table.title else []), markdown(table)]
            parts += [table.note] if table.note else []
    return "\n\n".join(parts) + "\n"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rakurs.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["strong"] = _strong
    return environment


def _strong(cell: str) -> Markup:
    """A cell that is bold in Markdown is bold in HTML."""
    if cell.startswith("**") and cell.endswith("**"):
        return Markup("<b>{}</b>").format(cell[2:-2])
    return Markup.escape(cell)


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
