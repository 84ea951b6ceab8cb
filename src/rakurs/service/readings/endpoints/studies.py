"""Studies: uploading them, finding them, looking at one, deleting it."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from rakurs.service.readings import metrics
from rakurs.service.readings.access import Action, IsAdministrator, leave_row, studies_of, study_for, user_of
from rakurs.service.readings.documents import study_document, summary_document
from rakurs.service.readings.jobs import unfinished_count
from rakurs.service.readings.models import UNFINISHED, Call, Study
from rakurs.service.readings.problems import Problem
from rakurs.service.readings.search import CURSOR, FilterSerializer, with_parts, worklist_page
from rakurs.service.readings.shapes import StudySerializer, UploadFormSerializer, UploadSerializer, WorklistSerializer
from rakurs.service.readings.upload import record, upload_of
from rakurs.service.readings.waiting import MOST_WAIT_S, wait_until

RETRY_AFTER_S: Final = 5
_WAITERS: Final = threading.BoundedSemaphore(max(1, settings.HTTP_THREADS // 2))
"""Answers that are held for a study keep a thread each; half of them stay free for everything else."""

WAIT: Final = OpenApiParameter(
    "wait",
    {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0},
    description="Seconds for which the answer may be held until the study is finished. The study is kept in any case.",
)


class UploadThrottle(BaseThrottle):
    """So many uploads from one person in a minute of the clock; one number is all that is kept."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count an upload, and say whether it is one too many; looking at lists is not counted."""
        if request.method != "POST":
            return True
        key = f"uploads:{user_of(request).pk}:{int(time.time()) // 60}"
        cache.add(key, 0, 120)
        return int(cache.incr(key)) <= settings.UPLOADS_PER_MINUTE

    def wait(self) -> float:
        """Seconds until the next minute."""
        return 60 - time.time() % 60


class StudiesView(APIView):
    """The studies of a clinic."""

    parser_classes = (MultiPartParser,)
    throttle_classes = (UploadThrottle,)

    @extend_schema(
        operation_id="upload_study",
        request={"multipart/form-data": UploadFormSerializer},
        parameters=[WAIT],
        responses={201: StudySerializer, 200: StudySerializer},
        tags=["studies"],
    )
    def post(self, request: Request) -> Response:
        """Upload the films of one study: 201 with the study; 200 where this person has sent the same films before."""
        seconds = _seconds(request)
        _refuse_when_full()
        fields = UploadSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        upload = upload_of(fields.validated_data, request.FILES, default_pack=settings.DEFAULT_PACK)
        study, is_new = record(upload, user_of(request), leave_row=partial(leave_row, request, Action.UPLOAD))
        _wait(study.id, seconds, is_new=is_new)
        shown = study_document(_with_parts(study.id))
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(shown, status=answer, headers={"Location": f"/api/studies/{study.id}/"})

    @extend_schema(
        operation_id="worklist", parameters=[FilterSerializer, CURSOR], responses=WorklistSerializer, tags=["studies"]
    )
    def get(self, request: Request) -> Response:
        """The worklist: the most urgent or the newest first."""
        page = worklist_page(request)
        leave_row(request, Action.LIST, detail=f"{len(page.rows)} studies")
        return Response(page.document(summary_document))


class StudyView(APIView):
    """One study."""

    def get_permissions(self) -> list[Any]:
        """Everybody of the clinic may look; deleting is for administrators."""
        return [IsAdministrator()] if self.request.method == "DELETE" else [IsAuthenticated()]

    @extend_schema(operation_id="study", parameters=[WAIT], responses=StudySerializer, tags=["studies"])
    def get(self, request: Request, study_id: UUID) -> Response:
        """A study with everything that was said of it."""
        study = study_for(request, study_id)
        if study.state in UNFINISHED:
            _wait(study.id, _seconds(request))
        leave_row(request, Action.VIEW, study_id=study_id)
        return Response(study_document(_with_parts(study.id)))

    @extend_schema(operation_id="delete_study", responses={204: None}, tags=["studies"])
    def delete(self, request: Request, study_id: UUID) -> Response:
        """Take a study out of sight; `rakurs admin erase` removes it for good."""
        with transaction.atomic():
            deleted = studies_of(user_of(request)).filter(id=study_id)
            if not deleted.update(deleted_at=timezone.now(), deleted_by=user_of(request)):
                raise Http404
            Call.objects.filter(study_id=study_id).delete()
            leave_row(request, Action.DELETE, study_id=study_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_parts(study_id: UUID) -> Study:
    return with_parts(Study.objects.all()).get(id=study_id)


def _refuse_when_full() -> None:
    """Turn uploads away while more is queued than will be read soon.

    Raises:
        Problem: 503, with the seconds after which to try again.
    """
    if unfinished_count() >= settings.QUEUE_LIMIT:
        metrics.TURNED_AWAY.inc()
        raise Problem(
            503,
            "busy",
            detail=f"{settings.QUEUE_LIMIT} studies are waiting to be read. Nothing was recorded; send it again later.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )


def _seconds(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        seconds = float(text)
        if not 0 <= seconds <= MOST_WAIT_S:
            raise ValueError
    except ValueError:
        raise Problem(400, "invalid", detail=f"`wait` is a number of seconds from 0 to {MOST_WAIT_S}.") from None
    return seconds


def _wait(study_id: UUID, seconds: float, *, is_new: bool = False) -> None:
    """Hold the answer until the study is finished, if there is a thread to hold it with.

    One that is new has hardly been read yet, so that the notice is waited for before the row is looked at.
    """
    if seconds <= 0 or not _WAITERS.acquire(blocking=False):
        return
    try:
        unfinished = Study.objects.filter(id=study_id, state__in=UNFINISHED)
        wait_until(lambda: not unfinished.exists(), study_id, seconds=seconds, notice_first=is_new)
    finally:
        _WAITERS.release()
