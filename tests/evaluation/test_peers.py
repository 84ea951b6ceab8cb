"""Another network's answers are matched by the film's name and the data set's labels, never by place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.index import Studies, read_index, split_of
from rakurs.evaluation.peers import peer_answers
from rakurs.task import Task
from tests.evaluation.material import random_answers, write_peer
from tests.labelled import rows_of, write_films, write_task
from tests.packs import LABELS

N = 8


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return write_task(tmp_path / "task")


@pytest.fixture
def studies(tmp_path: Path, task: Task) -> Studies:
    return split_of(read_index(write_films(tmp_path / "films", rows_of("test", N))), task, split="test")


def test_answers_are_taken_by_the_stem_of_the_film_and_the_name_of_the_label(
    task: Task, studies: Studies, *, tmp_path: Path
) -> None:
    columns = random_answers(list(LABELS), n=N)
    path = write_peer(tmp_path / "peer.csv", studies, answers=dict(reversed(columns.items())), suffix=".jpeg")
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], *reversed(lines[1:])]), encoding="utf-8")

    answers = peer_answers(path, studies, labels=task.labels)

    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, np.array(list(columns.values())).T, rtol=1e-6)


def test_answers_may_be_given_by_the_study(task: Task, studies: Studies, *, tmp_path: Path) -> None:
    path = write_peer(tmp_path / "peer.csv", studies, answers=random_answers(list(LABELS), n=N))
    renamed = replace(studies, films={})

    np.testing.assert_array_equal(
        peer_answers(path, renamed, labels=task.labels), peer_answers(path, studies, labels=task.labels)
    )


@pytest.mark.parametrize("prefix", ["", "prob_"])
def test_of_a_merged_label_the_largest_of_the_peers_answers_counts(
    studies: Studies, tmp_path: Path, *, prefix: str
) -> None:
    plain = write_task(tmp_path / "merged").model_dump()
    plain["labels"][3]["sources"] = ["Hernia", "Edema"]
    columns = {f"{prefix}{name}": [0.5] * N for name in LABELS if name != "other"}
    columns |= {f"{prefix}Hernia": [0.1, 0.9] * (N // 2), f"{prefix}Edema": [0.3, 0.2] * (N // 2)}
    path = write_peer(tmp_path / "peer.csv", studies, answers=columns)

    answers = peer_answers(path, studies, labels=Task.model_validate(plain).labels)

    np.testing.assert_allclose(answers[:, 3], [0.3, 0.9] * (N // 2))
    np.testing.assert_allclose(answers[:, :3], 0.5)


def test_a_peer_that_did_not_answer_a_film_is_refused(task: Task, studies: Studies, *, tmp_path: Path) -> None:
    path = write_peer(tmp_path / "peer.csv", studies, answers=random_answers(list(LABELS), n=N), rows=N - 2)

    with pytest.raises(
        UsageError, match=rf"lacks 2 of {N} films; the first is film-{N - 2:03d}\.png\. Each film needs"
    ):
        peer_answers(path, studies, labels=task.labels)


def test_a_peer_that_does_not_know_a_label_is_refused(task: Task, studies: Studies, *, tmp_path: Path) -> None:
    columns = {name: answers for name, answers in random_answers(list(LABELS), n=N).items() if name != "mass"}
    path = write_peer(tmp_path / "peer.csv", studies, answers=columns)

    with pytest.raises(UsageError, match="lack a column for a part of the label 'mass': mass"):
        peer_answers(path, studies, labels=task.labels)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("image,effusion,mass,pneumothorax,other\n" + "".join(f"film-{n:03d},1\n" for n in range(N)), "short"),
        (
            "image,effusion,mass,pneumothorax,other\n" + "".join(f"film-{n:03d},1,x,1,1\n" for n in range(N)),
            "no number",
        ),
        (
            "image,effusion,mass,pneumothorax,other\n" + "".join(f"film-{n:03d},1,nan,1,1\n" for n in range(N)),
            "not a finite number",
        ),
    ],
    ids=["empty", "short", "words", "nan"],
)
def test_a_file_that_holds_no_answers_is_refused(
    task: Task, studies: Studies, *, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "peer.csv").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=sentence):
        peer_answers(tmp_path / "peer.csv", studies, labels=task.labels)


def test_a_missing_file_is_refused(task: Task, studies: Studies, *, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a CSV of answers"):
        peer_answers(tmp_path / "nothing.csv", studies, labels=task.labels)
