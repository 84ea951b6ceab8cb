"""`rakurs work`: read what PostgreSQL holds, on any number of machines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from procrastinate.contrib.django import app

from rakurs.service.readings.packs import reader_of
from rakurs.service.readings.threads import start_keeper
from rakurs.service.readings.waiting_jobs import QUEUE

log = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 2.0
"""A notice of a new job may be lost, so that the table is looked at this often all the same."""

AGAIN_AFTER_S: Final = 1.0


def work(*, jobs: int, ready: Callable[[], None]) -> None:
    """Read studies, so many at a time, until SIGTERM or Ctrl-C; go on when the database was gone."""
    reader_of(settings.DEFAULT_PACK)
    start_keeper()
    ready()
    while True:
        worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
        try:
            worker.run_worker(
                queues=[QUEUE],
                concurrency=jobs,
                delete_jobs="always",
                fetch_job_polling_interval=LOOK_AGAIN_S,
                update_heartbeat_interval=settings.LEASE_S / 3,
                stalled_worker_timeout=settings.LEASE_S,
            )
        except Exception as error:  # whatever ended it, a film may be waiting
            log.warning("The worker starts again", extra={"facts": {"fault": type(error).__name__}})
            time.sleep(AGAIN_AFTER_S)
        else:
            return
