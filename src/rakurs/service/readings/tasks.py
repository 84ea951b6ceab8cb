"""The one task of Procrastinate: there may be a study to read."""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app

from rakurs.service.readings.jobs import work_on
from rakurs.service.readings.waiting_jobs import QUEUE, READ_STUDY


@app.task(name=READ_STUDY, queue=QUEUE)
def read_study(study_id: str) -> None:
    """Read a study, if it is still to be read."""
    work_on(UUID(study_id))
