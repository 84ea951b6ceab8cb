"""Waiting until a study is finished: within one process by an event, between processes by PostgreSQL's NOTIFY."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

CHANNEL: Final = "rakurs_finished"
LOOK_AGAIN_S: Final = 1.0
"""A notice may be lost, so that the row is looked at this often all the same."""

MOST_WAIT_S: Final = 30

log = logging.getLogger(__name__)
_LOCK = threading.Lock()
_WAITING: Final[dict[UUID, set[threading.Event]]] = {}


def tell_finished(study_id: UUID) -> None:
    """Say, within the transaction that finishes a study, that it is; heard when it commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(study_id)])


def ring(study_id: UUID) -> None:
    """Wake whoever waits in this process for the study."""
    with _LOCK:
        for event in _WAITING.get(study_id, ()):
            event.set()


@contextmanager
def _listening(study_id: UUID) -> Iterator[threading.Event]:
    event = threading.Event()
    with _LOCK:
        _WAITING.setdefault(study_id, set()).add(event)
    try:
        yield event
    finally:
        with _LOCK:
            events = _WAITING[study_id]
            events.discard(event)
            if not events:
                del _WAITING[study_id]


def wait_until(finished: Callable[[], bool], study_id: UUID, *, seconds: float, notice_first: bool = False) -> bool:
    """Wait until a notice comes or `finished` says so, at most so many seconds; whether one of them did.

    `notice_first` waits for a notice before it asks for the first time.
    """
    ends = time.monotonic() + seconds
    with _listening(study_id) as event:
        if not notice_first and finished():
            return True
        while (left := ends - time.monotonic()) > 0:
            if event.wait(min(left, LOOK_AGAIN_S)) or finished():
                return True
    return False


def start_listening() -> None:
    """On PostgreSQL, pass on what workers of other processes finish; the thread ends with the process."""
    if settings.ON_POSTGRESQL:
        threading.Thread(target=_listen_for_ever, name="finished-studies", daemon=True).start()


def _listen_for_ever() -> None:
    while True:
        try:
            _listen()
        except psycopg.Error:
            log.warning("The database does not answer; listening again in a second")
            time.sleep(1)


def _listen() -> None:
    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**wanted, autocommit=True, connect_timeout=5) as heard:
        heard.execute(f"LISTEN {CHANNEL}")
        for notice in heard.notifies():
            ring(UUID(notice.payload))
