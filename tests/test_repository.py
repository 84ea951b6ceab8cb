"""What the repository promises about itself: versions, pins, the origin of test files, and what the wheel carries."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import rakurs

REPOSITORY = Path(__file__).parents[1]
PINS = sorted((REPOSITORY / "requirements").glob("*.txt"))
EXACT = re.compile(r"(#.*|-r [a-z]+\.txt|[A-Za-z0-9_.-]+==[^\s;*]+)?")
BUILT = {".py", ".toml", ".onnx", ".json", ".md", ".html", ".css", ".svg", ".ttf", ".typed"}


def files_below(folder: Path) -> set[str]:
    """The kinds of file that the wheel should carry, as POSIX paths within `folder`."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in BUILT}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names within a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=120,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_the_changelog_has_the_current_version() -> None:
    assert f"## [{rakurs.__version__}]" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_requirement_is_exact(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not EXACT.fullmatch(line)] == []


def test_every_test_file_has_its_origin_in_the_readme() -> None:
    folder = REPOSITORY / "tests" / "data"
    if not folder.is_dir():
        pytest.skip("there is no tests/data yet")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in folder.rglob("*") if path.is_file()} - {"README.md"}
    assert {name for name in names if name not in readme} == set()


@pytest.mark.parametrize(
    ("folder", "place"),
    [("src/rakurs", "rakurs/"), ("packs", "rakurs/packs/"), ("tasks", "rakurs/tasks/")],
)
def test_the_wheel_carries_everything(folder: str, place: str, *, wheel: set[str]) -> None:
    assert {place + name for name in files_below(REPOSITORY / folder)} <= wheel
