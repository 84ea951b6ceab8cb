"""Many threads, answers in the order of the questions, and never more in memory than are being worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

AHEAD_PER_JOB = 2
"""Questions taken per thread: while the oldest one is slow, the others have something to do."""


def in_order(work: Callable[[Question], Answer], questions: Iterable[Question], *, jobs: int) -> Iterator[Answer]:
    """Apply `work` in `jobs` threads; the answers come in the order of the questions, which are taken as needed.

    When the caller stops, whatever was not begun is dropped, and what was begun is finished.
    """
    if jobs == 1:
        yield from map(work, questions)
        return
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="read")
    waiting: deque[Future[Answer]] = deque()
    try:
        for question in questions:
            waiting.append(pool.submit(work, question))
            if len(waiting) >= AHEAD_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
