"""Progress on standard error: a bar for a person, a line now and then for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOG_EVERY_S = 30.0
SCREEN_EVERY_S = 0.2


@contextmanager
def report_progress(*, after_s: float = 0.0) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (what, done, total) that shows progress, rate and time left; a total of 0 is a remark.

    Work that takes less than `after_s` seconds shows nothing.
    """
    live = sys.stderr.isatty()
    entered = time.monotonic()
    doing, began, shown = "", entered, 0.0

    def show(what: str, done: int, total: int) -> None:  # noqa: PLR0917 - three that belong together
        nonlocal doing, began, shown
        now = time.monotonic()
        if total == 0:
            print(f"\r\x1b[K{what}" if live else what, file=sys.stderr, flush=True)
            return
        if what != doing:
            doing, began, shown = what, now, 0.0
        if now - entered < after_s or (done < total and now - shown < (SCREEN_EVERY_S if live else LOG_EVERY_S)):
            return
        shown = now
        line = f"{what}: {done}/{total}{_rate(done, total, seconds=now - began)}"
        print(f"\r\x1b[K{line}" if live else line, end="" if live else "\n", file=sys.stderr, flush=True)

    yield show
    if live and shown:
        print(file=sys.stderr)


def _rate(done: int, total: int, *, seconds: float) -> str:
    if seconds < 1 or done == 0:
        return ""
    rate = done / seconds
    left = (total - done) / rate
    return f", {rate:.1f}/s, {int(left // 60)}:{int(left % 60):02d} left"
