"""Threads of a process that read studies: the embedded way of working, and the keeper that every worker has."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from rakurs.service.readings.jobs import WAKE, next_queued, renew_leases, take_up_lost, tidy_jobs, work_on

log = logging.getLogger(__name__)

IDLE_S = 2.0
REST_S = 1.0
"""After a fault of the disk or the database, which trying at once would only meet again."""


def start_readers(count: int) -> None:
    """Start so many threads that read queued studies; they end with the process."""
    for number in range(count):
        threading.Thread(target=_read_for_ever, name=f"reader-{number}", daemon=True).start()


def _read_for_ever() -> None:
    while True:
        try:
            study_id = next_queued()
            if study_id is None:
                WAKE.wait(IDLE_S)
                WAKE.clear()
            else:
                work_on(study_id)
        except (DatabaseError, OSError) as error:
            log.warning("No reading for a moment", extra={"facts": {"fault": type(error).__name__}})
            threading.Event().wait(REST_S)
            close_old_connections()
        except Exception:
            log.exception("A reading thread goes on after a fault")
            threading.Event().wait(REST_S)


def start_keeper() -> None:
    """Start the thread that renews this process's leases and takes up what others have lost."""
    threading.Thread(target=_keep_for_ever, name="keeper", daemon=True).start()


def _keep_for_ever() -> None:
    while True:
        threading.Event().wait(settings.LEASE_S / 4)
        try:
            renew_leases()
            take_up_lost()
            tidy_jobs()
        except (DatabaseError, OSError) as error:
            log.warning("Leases were not renewed", extra={"facts": {"fault": type(error).__name__}})
            close_old_connections()
        except Exception:
            log.exception("The keeper goes on after a fault")
