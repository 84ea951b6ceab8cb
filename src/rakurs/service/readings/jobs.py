"""The work on studies: put off, claimed, done, recorded; and taken up again where a worker is gone.

A study is claimed by one UPDATE that only one worker can win, and recorded by one that only the
holder of the claim can make. A worker renews the leases of what it holds; a study whose lease has
run out goes back into the queue, and what a late worker still brings for it is thrown away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from rakurs.errors import RakursError
from rakurs.service.readings import metrics
from rakurs.service.readings.identifiers import rank_of
from rakurs.service.readings.models import UNFINISHED, Call, State, Study, StudyView
from rakurs.service.readings.packs import reader_of
from rakurs.service.readings.reading import Outcome, read_films
from rakurs.service.readings.storage import content_of
from rakurs.service.readings.waiting import ring, tell_finished

log = logging.getLogger(__name__)

CACHED_S: Final = 24 * 3600
AGAIN_AFTER_S: Final = 3
WAKE: Final = threading.Event()
"""Set when this process has put off a study: its own reading threads look at once."""

_HELD: Final[dict[UUID, UUID]] = {}
"""Studies that this process reads now, with their claims."""


def defer(study_id: UUID, *, after_s: int = 0) -> None:
    """Put a study off to a worker, in the transaction that writes it."""
    if settings.ON_POSTGRESQL:
        from rakurs.service.readings.waiting_jobs import defer_reading  # noqa: PLC0415  # Procrastinate's app

        defer_reading(study_id, after_s=after_s)
    transaction.on_commit(WAKE.set)


def next_queued() -> UUID | None:
    """The study that has waited longest."""
    return Study.objects.filter(state=State.QUEUED, deleted_at=None).order_by("id").values_list("id", flat=True).first()


def unfinished_count() -> int:
    """How many studies wait or are being read."""
    return Study.objects.filter(state__in=UNFINISHED).count()


def work_on(study_id: UUID) -> bool:
    """Read a study, if it is still to be read and nobody else has claimed it; whether this call read it."""
    claim = uuid4()
    if not _claim(study_id, claim):
        return False
    began = time.perf_counter()
    with _held(study_id, claim):
        try:
            films = _films_of(study_id)
            if films is None:
                return False  # erased meanwhile
            outcome = _outcome(films)
        except (DatabaseError, OSError) as error:
            # Not the film's fault: another try may find the disk or the database back.
            log.warning("Reading put back", extra={"facts": {"study": study_id, "fault": type(error).__name__}})
            _put_back(study_id, claim)
            raise
        recorded = _record(films, claim, outcome=outcome)
    seconds = time.perf_counter() - began
    metrics.READING_SECONDS.observe(seconds)
    metrics.READINGS.labels(outcome.state if recorded else "late").inc()
    facts = {"study": study_id, "state": outcome.state, "ms": round(1000 * seconds), "recorded": recorded}
    log.info("Study finished", extra={"facts": facts})
    return recorded


@dataclass(frozen=True, slots=True)
class Films:
    """What of a study is read: digests of the files by view, by which pack, and for which clinic."""

    study_id: UUID
    clinic_id: int
    pack: str
    content: str
    digests: Mapping[str, str]


def _films_of(study_id: UUID) -> Films | None:
    columns = ("view", "sha256", "study__clinic_id", "study__pack", "study__content")
    rows = list(StudyView.objects.filter(study_id=study_id).order_by("id").values_list(*columns))
    if not rows:
        return None
    _, _, clinic_id, pack, content = rows[0]
    digests = {view: sha256 for view, sha256, *_ in rows}
    return Films(study_id=study_id, clinic_id=clinic_id, pack=pack, content=content, digests=digests)


def _claim(study_id: UUID, claim: UUID) -> bool:
    queued = Study.objects.filter(id=study_id, state=State.QUEUED, deleted_at=None)
    return bool(queued.update(state=State.READING, claim=claim, lease_until=_lease(), attempts=F("attempts") + 1))


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_S)


@contextmanager
def _held(study_id: UUID, claim: UUID) -> Iterator[None]:
    _HELD[study_id] = claim
    try:
        yield
    finally:
        _HELD.pop(study_id, None)


def _put_back(study_id: UUID, claim: UUID) -> None:
    """Give a claimed study back, if the database can be reached; else its lease runs out."""
    held = Study.objects.filter(id=study_id, claim=claim, state=State.READING)
    try:
        with transaction.atomic():
            if held.update(state=State.QUEUED, claim=None, lease_until=None, attempts=F("attempts") - 1):
                defer(study_id, after_s=AGAIN_AFTER_S)
    except DatabaseError:
        log.warning("The database does not answer; the lease will run out", extra={"facts": {"study": study_id}})


def _outcome(films: Films) -> Outcome:
    """Read the films of a study, or find their reading; a fault of ours fails this study alone."""
    held = cache.get(cache_key(films.content))
    if held is not None:
        metrics.CACHE_HITS.inc()
        return Outcome.from_json(held)
    try:
        contents = {view: content_of(sha256) for view, sha256 in films.digests.items()}
        outcome = read_films(reader_of(films.pack), contents)
    except (DatabaseError, OSError) as error:
        if not isinstance(error, FileNotFoundError):
            raise
        return _failed("film_missing", "A film of this study is no longer in the storage.")
    except RakursError as error:
        return _failed(error.code, error.message)
    except Exception as error:
        log.exception("Reading failed", extra={"facts": {"study": films.study_id}})
        return _failed("fault", f"Reading failed with {type(error).__name__}, a fault of Rakurs; its place is logged.")
    cache.set(cache_key(films.content), outcome.as_json(), CACHED_S)
    return outcome


def cache_key(content: str) -> str:
    """Where the reading of these films by this pack is cached, whoever uploaded them."""
    return f"reading:{content}"


def _failed(code: str, message: str) -> Outcome:
    return Outcome(state=State.FAILED.value, refusal_code=code, refusal_message=message)


def _record(films: Films, claim: UUID, *, outcome: Outcome) -> bool:
    """Write what became of a study, unless the claim was lost; all of it, or nothing."""
    with transaction.atomic():
        ours = Study.objects.filter(id=films.study_id, claim=claim, state=State.READING).update(
            state=outcome.state,
            finished_at=timezone.now(),
            calibrated=outcome.calibrated,
            answer=outcome.answer,
            warnings=outcome.warnings,
            findings=outcome.findings,
            seconds=outcome.seconds,
            refusal_code=outcome.refusal_code,
            refusal_message=outcome.refusal_message[:1000],
            rank=rank_of(outcome.urgency, films.study_id),
            claim=None,
            lease_until=None,
        )
        if not ours:
            return False
        _record_parts(films, outcome)
        tell_finished(films.study_id)
        transaction.on_commit(partial(ring, films.study_id))
    return True


def _record_parts(films: Films, outcome: Outcome) -> None:
    for name, kept in outcome.views.items():
        StudyView.objects.filter(study_id=films.study_id, view=name).update(
            rows=kept.rows,
            columns=kept.columns,
            spacing_mm=kept.spacing_mm,
            heat_maps=kept.binary("heat_maps"),
            thumbnail=kept.binary("thumbnail"),
        )
    Call.objects.bulk_create(
        [
            Call(study_id=films.study_id, clinic_id=films.clinic_id, label=finding["label"], point=point)
            for finding in outcome.findings
            for point, reached in finding["operating_points"].items()
            if reached
        ],
        ignore_conflicts=True,
    )


def renew_leases() -> None:
    """Say that this process still reads what it holds."""
    for study_id, claim in list(_HELD.items()):
        Study.objects.filter(id=study_id, claim=claim, state=State.READING).update(lease_until=_lease())


def take_up_lost() -> int:
    """Put studies whose worker is gone back into the queue, or fail them after too many tries; how many."""
    lost = Study.objects.filter(state=State.READING, lease_until__lt=timezone.now())
    return sum(_take_up(study) for study in lost.only("id", "claim", "attempts")[:100])


def tidy_jobs() -> None:
    """Bring the jobs of Procrastinate into line with the studies."""
    if settings.ON_POSTGRESQL:
        from rakurs.service.readings.waiting_jobs import defer_forgotten, drop_stalled_jobs  # noqa: PLC0415

        drop_stalled_jobs()
        defer_forgotten()


def take_up_all() -> int:
    """At the start of the only process that works on this database: nobody reads what is being read."""
    return Study.objects.filter(state=State.READING).update(state=State.QUEUED, claim=None, lease_until=None)


def _take_up(study: Study) -> bool:
    same = Study.objects.filter(id=study.id, claim=study.claim, state=State.READING, lease_until__lt=timezone.now())
    if study.attempts >= settings.MOST_ATTEMPTS:
        message = (
            f"Its reading was cut off {study.attempts} times; it is not tried again by itself. Send it again to retry."
        )
        return bool(
            same.update(
                state=State.FAILED,
                claim=None,
                lease_until=None,
                finished_at=timezone.now(),
                refusal_code="cut_off",
                refusal_message=message,
            )
        )
    with transaction.atomic():
        taken = bool(same.update(state=State.QUEUED, claim=None, lease_until=None))
        if taken:
            metrics.TAKEN_UP.inc()
            log.warning("Study taken up from a worker that is gone", extra={"facts": {"study": study.id}})
            defer(study.id)
    return taken
