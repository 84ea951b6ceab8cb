"""Threads that answer in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from rakurs.inference.ordered import AHEAD_PER_JOB, in_order


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_answers_come_in_the_order_of_the_questions(jobs: int) -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.03 if number % 4 == 0 else 0)
        return number

    assert list(in_order(slow_first, range(30), jobs=jobs)) == list(range(30))


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_questions_are_taken_than_are_worked_on(jobs: int) -> None:
    taken = 0

    def questions() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    answers = in_order(lambda number: number, questions(), jobs=jobs)
    for answered in range(1, 20):
        next(answers)
        assert taken <= answered + AHEAD_PER_JOB * jobs


def test_an_error_reaches_the_caller_and_ends_the_threads() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(in_order(fail, range(10), jobs=2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]
