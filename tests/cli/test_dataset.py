"""`rakurs dataset` writes an index, prints what it holds, and says what it left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rakurs.cli import rakurs_command
from rakurs.evaluation.index import read_index
from tests.gathered import write_csv, write_images
from tests.labelled import write_task

SOURCE = Path(__file__).parents[2] / "src"
FILMS = """
file,labels,patient,age,sex,split
a.png,mass|Edema,7,58,M,train
b.png,,7,60,M,train
c.png,effusion,8,414,F,test
d.png,mass,9,30,F,val
"""


def dataset(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rakurs_command, ["dataset", *map(str, arguments)])


@pytest.fixture
def films(tmp_path: Path) -> Path:
    write_images(tmp_path, ["a.png", "b.png", "c.png"])
    return write_csv(tmp_path / "films.csv", FILMS)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_table_becomes_an_index_and_a_summary(films: Path, tmp_path: Path) -> None:
    out, task = tmp_path / "index.parquet", tmp_path / "task"
    write_task(task)

    answer = dataset("table", films, "--view", "=frontal", "--task", task / "task.toml", "--out", out)

    assert answer.exit_code == 0, answer.output
    assert len(read_index(out)) == 3
    assert f"{out}: 3 images, 3 studies, 2 patients" in answer.stdout
    assert ["mass", "1", "1", "0"] in words(answer.stdout)
    assert "Labels of the task" in answer.stdout
    assert "will refuse the index: Edema" in answer.stdout
    assert "1 ages above 120 years are left out." in answer.stderr
    assert "1 images cannot be used and are left out:\n  d.png: missing" in answer.stderr


def test_the_release_of_the_nih_becomes_an_index(tmp_path: Path) -> None:
    write_images(tmp_path, ["images/00000001_000.png"])
    head = "Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position"
    write_csv(tmp_path / "Data_Entry_2017.csv", f"{head}\n00000001_000.png,Hernia,1,081Y,M,PA")
    out = tmp_path / "index.parquet"

    answer = dataset("nih", tmp_path, "--split", "random", "--source-px", "measured", "--val-share", "0", "--out", out)

    assert answer.exit_code == 0, answer.output
    assert read_index(out).table.to_pylist()[0] | {"split": ""} == {
        "study": "00000001_000",
        "patient": "1",
        "view": "frontal",
        "path": "images/00000001_000.png",
        "labels": ["Hernia"],
        "split": "",
        "source_px": 8,
        "age": 81,
        "sex": "M",
        "view_position": "PA",
        "boxes": None,
    }


def test_a_folder_per_label_becomes_an_index_with_the_tasks_view(tmp_path: Path) -> None:
    write_images(tmp_path / "root", ["mass/1.png", "mass/2.png", "effusion/1.png"])
    write_task(tmp_path / "task")
    out = tmp_path / "index.parquet"

    answer = dataset("folder", tmp_path / "root", "--task", tmp_path / "task" / "task.toml", "--verify", "--out", out)

    assert answer.exit_code == 0, answer.output
    assert read_index(out).table["view"].to_pylist() == ["frontal"] * 3
    assert "Folders are read as ROOT/label/image." in answer.stderr


@pytest.mark.parametrize("command", ["nih", "folder"])
def test_a_size_that_is_no_number_is_refused(tmp_path: Path, command: str) -> None:
    answer = dataset(command, tmp_path, "--source-px", "large", "--out", tmp_path / "i.parquet")

    assert answer.exit_code == 2
    assert "Got --source-px large; expected a number of pixels, or measured." in answer.stderr


def test_data_sets_need_no_torch() -> None:
    modules = "rakurs.cli.dataset_nih, rakurs.cli.dataset_table, rakurs.training.datasets"
    rooms = ", ".join(f"rakurs.training.datasets.{room}" for room in ("nih", "folder", "table", "summary"))
    program = f"import sys, {modules}, {rooms}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", program], cwd=SOURCE, capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()).isdisjoint({"torch", "django", "onnxruntime"})


def test_the_summary_is_printed_again(films: Path, tmp_path: Path) -> None:
    out = tmp_path / "index.parquet"
    first = dataset("table", films, "--view", "=frontal", "--out", out)

    again = dataset("show", out)

    assert again.exit_code == 0
    assert again.stdout == first.stdout.partition("\n")[2]


def test_the_first_ten_problems_are_named_and_the_file_has_all(tmp_path: Path) -> None:
    write_images(tmp_path, ["0.png"])
    csv = write_csv(tmp_path / "films.csv", "file,label\n" + "\n".join(f"{n}.png,mass" for n in range(13)))

    answer = dataset(
        "table", csv, "--view", "=frontal", "--out", tmp_path / "i.parquet", "--problems", tmp_path / "problems.csv"
    )

    assert answer.stderr.count("missing") == 10
    assert "and 2 more; --problems FILE" in answer.stderr
    assert len((tmp_path / "problems.csv").read_text().splitlines()) == 13


def test_problems_are_written_also_where_no_image_is_left(films: Path, tmp_path: Path) -> None:
    answer = dataset(
        *("table", films, "--view", "=frontal", "--images", tmp_path / "no"),
        *("--out", tmp_path / "i.parquet", "--problems", tmp_path / "problems.csv"),
    )

    assert answer.exit_code == 2
    assert "No image is left for the index: 4 are named" in answer.stderr
    assert len((tmp_path / "problems.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize("option", ["--out", "--problems"])
def test_a_place_that_cannot_be_written_is_a_sentence(films: Path, tmp_path: Path, *, option: str) -> None:
    (tmp_path / "folder").mkdir()
    places = {"--out": tmp_path / "i.parquet", "--problems": tmp_path / "p.csv", option: tmp_path / "folder"}

    answer = dataset("table", films, "--view", "=frontal", *(part for pair in places.items() for part in pair))

    assert answer.exit_code == 2
    assert f"Cannot write to '{tmp_path / 'folder'}'" in answer.stderr


def test_a_package_that_is_missing_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    program = "import sys; sys.modules['pyarrow'] = None; from rakurs.cli import main; main()"
    call = [sys.executable, "-c", program, "dataset", "show", str(tmp_path / "index.parquet")]

    answer = subprocess.run(call, cwd=SOURCE, capture_output=True, text=True, check=False)

    assert answer.returncode == 2
    assert answer.stderr == "Error: This needs the package pyarrow; install it with: pip install 'rakurs[train]'.\n"


@pytest.mark.parametrize("command", ["nih", "folder", "table"])
def test_help_shows_examples_as_lines(command: str) -> None:
    answer = dataset(command, "--help")

    lines = [line for line in answer.stdout.splitlines() if line.startswith(f"    rakurs dataset {command} ")]
    assert lines, answer.stdout
    assert all(line.endswith(".parquet") for line in lines)


def test_views_are_given_as_lists_and_pairs(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png", "c.png"])
    csv = write_csv(tmp_path / "films.csv", "file,label,view\na.png,x,oblique\nb.png,x,many\nc.png,x,side")

    answer = dataset(
        "table", csv, "--map-view", "oblique=top", "--only-view", "top, side", "--out", tmp_path / "i.parquet"
    )

    assert answer.exit_code == 0, answer.output
    assert read_index(tmp_path / "i.parquet").table["view"].to_pylist() == ["top", "side"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--map-view", "oblique"], "expected OLD=NEW"),
        (["--view", "=top", "--patient", "who"], "has no column 'who'"),
        ([], "no column 'view'"),
    ],
)
def test_a_wrong_call_ends_with_a_sentence(films: Path, tmp_path: Path, *, arguments: list[str], says: str) -> None:
    answer = dataset("table", films, *arguments, "--out", tmp_path / "i.parquet")

    assert answer.exit_code == 2
    assert says in answer.stderr
    assert not (tmp_path / "i.parquet").exists()
