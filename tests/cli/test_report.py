"""The report page: it holds everything it shows, runs nothing of others, and says what must be said."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from rakurs.cli import rakurs_command
from tests.cli.conftest import Call, write_film
from tests.packs import LABELS, write_pack

LIMIT_BYTES = 1_500_000
LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}


class Page(HTMLParser):
    """The start tags of a page with their attributes, and the text of its style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in {"style", "script"} and self.tags[-1][0] not in self.inline:
            self.inline[self.tags[-1][0]] = data

    def policy(self) -> str:
        [content] = [
            attributes["content"]
            for tag, attributes in self.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        return content or ""


@pytest.fixture
def report(call: Call, film: Path) -> str:
    return _report(call, film)


def _report(call: Call, *arguments: str | Path) -> str:
    first = Path(str(arguments[0]).rpartition("=")[2])
    call(*arguments, "--out", first.parent / "out")
    [path] = (first.parent / "out").glob("*/report.html")
    return path.read_text(encoding="utf-8")


def test_the_page_loads_nothing_from_anywhere(report: str) -> None:
    loaded = [value for _, attributes in Page(report).tags for name, value in attributes.items() if name in LOADING]
    assert loaded
    assert all(str(value).startswith("data:image/") for value in loaded)
    assert "url(" not in report.replace("url(#ramp)", "")
    assert "@import" not in report


def test_the_policy_lets_only_our_own_style_and_script_run(report: str) -> None:
    page = Page(report)
    assert "default-src 'none'" in page.policy()
    assert "unsafe" not in page.policy()
    for kind, text in page.inline.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy()
    assert set(page.inline) == {"style", "script"}


def test_no_element_carries_style_or_script_that_the_policy_would_stop(report: str) -> None:
    names = {name for _, attributes in Page(report).tags for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.png", '"><img src=x onerror=alert(1)>.png', "{{7*7}}.png"])
def test_a_file_name_cannot_become_a_part_of_the_page(name: str, *, call: Call, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.png").rename(tmp_path / name.replace("/", "\N{DIVISION SLASH}"))
    page = Page(_report(call, film))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)


def test_a_title_cannot_become_a_part_of_the_page(film: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "odd", measured=False)
    task = pack / "task.toml"
    task.write_text(task.read_text().replace('"Mass"', '"<script>alert(1)</script>"'))
    CliRunner().invoke(rakurs_command, ["read", str(film), "--pack", str(pack), "--out", str(tmp_path / "out")])
    [path] = (tmp_path / "out").glob("*/report.html")
    assert [tag for tag, _ in Page(path.read_text()).tags].count("script") == 1


def test_every_finding_has_its_row_and_its_titles_in_both_languages(report: str) -> None:
    rows = re.findall(r'data-row="([a-z-]+)"', report)
    assert sorted(rows) == sorted(LABELS)
    assert all(english in report and russian in report for english, russian, _ in LABELS.values())


def test_a_map_that_is_empty_is_said_in_words(call: Call, tmp_path: Path) -> None:
    for seed in range(20):
        film = write_film(tmp_path / f"{seed}.png", seed=seed)
        call(film, "--out", tmp_path / "out")
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*/report.html")]
    for page in pages:
        shown = set(re.findall(r'<img class="map"[^>]*data-of="([a-z]+)"', page))
        said = page.count("No place in this view speaks for this finding.")
        assert said == len(LABELS) - len(shown)
    assert any("No place in this view" in page for page in pages)


def test_two_views_have_a_film_each(call: Call, tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{view}.png", seed=seed) for seed, view in enumerate(("a", "b"))]
    report = _report(call, f"frontal={films[0]}", f"lateral={films[1]}")
    assert report.count('class="radiograph"') == 2
    assert "Боковая проекция" in report


def test_the_page_names_pack_networks_use_and_that_it_is_no_diagnosis(report: str) -> None:
    assert report.count("sha256:") >= 3  # two networks and the film
    assert all(said in report for said in ("tiny 1", "For tests only.", "Только для тестов."))
    assert "Decision support, not a diagnosis" in report
    assert "не диагноз" in report


def test_a_calibrated_page_says_where_that_was_measured(report: str) -> None:
    assert "made up" in report
    assert "frequency where it was measured" in report
    assert "5.0%" in report


def test_an_uncalibrated_page_gives_scores_and_says_that_they_are_no_probabilities(film: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "bare", measured=False)
    CliRunner().invoke(rakurs_command, ["read", str(film), "--pack", str(pack), "--out", str(tmp_path / "out")])
    [path] = (tmp_path / "out").glob("*/report.html")
    page = path.read_text(encoding="utf-8")
    assert "are no probabilities" in page
    assert not re.search(r'class="number">[^<]*<span lang="en">[\d.]+%', page)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_answer_stands_above_the_findings_where_exactly_one_label_holds(
    film: Path, tmp_path: Path, *, activation: str
) -> None:
    folder = write_pack(tmp_path / "pack")
    task = folder / "task.toml"
    task.write_text(task.read_text(encoding="utf-8").replace('"sigmoid"', f'"{activation}"'), encoding="utf-8")

    CliRunner().invoke(rakurs_command, ["read", str(film), "--pack", str(folder), "--out", str(tmp_path / "out")])

    [path] = (tmp_path / "out").glob("*/report.html")
    page = path.read_text(encoding="utf-8")
    assert ('class="answer"' in page) == (activation == "softmax")
    if activation == "softmax":
        said = page[page.index('class="answer"') : page.index('id="findings"')]
        assert any(english in said and russian in said for english, russian, _ in LABELS.values())


def test_a_refused_study_says_why_in_both_languages_and_that_this_is_no_sign_of_health(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not a film")
    report = _report(call, tmp_path / "notes.txt")
    assert "Такой формат файла не поддерживается." in report
    assert "not a sign of health" in report
    assert "<img" not in report


def test_a_large_film_stays_a_small_page(call: Call, sample_film: Path, *, tmp_path: Path) -> None:
    call(sample_film, "--out", tmp_path / "out")
    [path] = (tmp_path / "out").glob("*/report.html")
    assert path.stat().st_size < LIMIT_BYTES


def test_marks_of_the_two_operating_points_differ_in_shape_and_in_words(report: str) -> None:
    assert 'class="mark hollow"' in report
    assert 'class="mark filled"' in report
    assert "sensitive" in report
    assert "specific" in report
