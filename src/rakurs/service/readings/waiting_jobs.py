"""The queue that PostgreSQL keeps through Procrastinate: studies are put into it by name; a worker runs the task."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

QUEUE: Final = "readings"
READ_STUDY: Final = "read_study"
"""The task's name; `readings.tasks` says what it does."""


def defer_reading(study_id: UUID, *, after_s: int = 0) -> None:
    """Write the job in the transaction that is open; it may be taken up after so many seconds."""
    delay = {"seconds": after_s} if after_s else None
    app.configure_task(READ_STUDY, queue=QUEUE, schedule_in=delay).defer(study_id=str(study_id))


def drop_stalled_jobs() -> None:
    """Forget jobs whose worker is gone; the studies, which are the truth, are taken up by their leases."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP_STALLED, [QUEUE, settings.LEASE_S])


def defer_forgotten() -> int:
    """Put off again what is queued and has no job, as after the restore of a backup; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGOTTEN, [QUEUE])
        forgotten = [row[0] for row in cursor.fetchall()]
    for study_id in forgotten:
        defer_reading(study_id)
    return len(forgotten)


_DROP_STALLED: Final = """
DELETE FROM procrastinate_jobs job WHERE job.queue_name = %s AND job.status = 'doing' AND NOT EXISTS (
  SELECT 1 FROM procrastinate_workers worker
  WHERE worker.id = job.worker_id AND worker.last_heartbeat > now() - make_interval(secs => %s))
"""
_FORGOTTEN: Final = """
SELECT study.id FROM readings_study study
WHERE study.state = 'queued' AND study.deleted_at IS NULL AND study.created_at < now() - interval '30 seconds'
AND NOT EXISTS (
  SELECT 1 FROM procrastinate_jobs job
  WHERE job.queue_name = %s AND job.status IN ('todo', 'doing') AND job.args->>'study_id' = study.id::text)
ORDER BY study.id LIMIT 100
"""
