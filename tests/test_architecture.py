"""The rooms keep their promises: what an import brings along, and how large a file or a function may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
FILES = sorted(path for path in (SOURCE / "rakurs").rglob("*.py") if "migrations" not in path.parts)
READING_PATH = [
    "rakurs.errors",
    "rakurs.task",
    "rakurs.study",
    "rakurs.pack",
    "rakurs.dicom.pixels",
    "rakurs.inference.images",
    "rakurs.inference.preprocess",
    "rakurs.inference.network",
    "rakurs.inference.fusion",
    "rakurs.inference.gate",
    "rakurs.inference.heatmaps",
    "rakurs.inference.read",
]


def imported_with(*modules: str) -> set[str]:
    """The top-level packages in `sys.modules` of a fresh interpreter after importing `modules`."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCE, capture_output=True, text=True, check=False, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.split())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, the nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return sum(isinstance(node, ast.stmt) for part in function.body for node in ast.walk(part))


def test_reading_brings_neither_torch_nor_django_nor_the_command_line() -> None:
    assert imported_with(*READING_PATH).isdisjoint({"torch", "torchvision", "django", "click", "rich", "jinja2"})


def test_words_of_the_house_bring_no_inference_runtime() -> None:
    assert "onnxruntime" not in imported_with("rakurs.errors", "rakurs.task", "rakurs.study", "rakurs.pack")


def test_the_service_never_brings_torch() -> None:
    program = "rakurs.service.start as start; start.set_up(); import rakurs.service.urls, rakurs.service.server"
    assert {"django", "rest_framework"} <= imported_with(program)
    assert "torch" not in imported_with(program)


def test_the_command_line_starts_without_heavy_imports() -> None:
    assert imported_with("rakurs.cli").isdisjoint({"torch", "django", "onnxruntime", "cv2", "matplotlib"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_file_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_function_has_at_most_40_statements(path: Path) -> None:
    assert [function.name for function in functions(path) if statements(function) > 40] == []
