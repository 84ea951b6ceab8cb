"""Tables for other programs: the readings as CSV, and the audit."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rakurs.service.readings.access import Action, IsAdministrator, IsReviewer, leave_row, user_of
from rakurs.service.readings.binary import BinaryView
from rakurs.service.readings.documents import audit_document
from rakurs.service.readings.models import AuditRow, Study
from rakurs.service.readings.pages import DEFAULT_SIZE, MOST, page_of
from rakurs.service.readings.search import CURSOR, FilterSerializer, wanted_studies, with_parts
from rakurs.service.readings.shapes import AuditSerializer

HEAD: Final = (
    "study", "reference", "created_at", "files", "state", "pack", "pack_version", "calibrated", "answer",
    "label", "title", "code_scheme", "code_value", "code_meaning", "probability", "logit", "operating_points",
    "refusal", "message",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
CHUNK: Final = 200


class ExportView(BinaryView):
    """The readings as a table."""

    permission_classes = (IsReviewer,)

    @extend_schema(
        operation_id="export",
        parameters=[FilterSerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        tags=["studies"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """A row per study and finding, with the filters of the worklist; columns as of `rakurs read --csv`."""
        wanted = wanted_studies(request)
        leave_row(request, Action.EXPORT)
        studies = with_parts(wanted.studies).order_by(f"-{wanted.by}")
        response = StreamingHttpResponse(_lines(studies.iterator(CHUNK)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="rakurs.csv"'
        response["Cache-Control"] = "no-store"
        return response


class AuditFilterSerializer(serializers.Serializer[Any]):
    """The filters of the audit."""

    study = serializers.UUIDField(required=False)
    user = serializers.CharField(required=False, max_length=150)
    action = serializers.ChoiceField(required=False, choices=[(action.value, action.value) for action in Action])
    size = serializers.IntegerField(required=False, min_value=1, max_value=MOST, default=DEFAULT_SIZE)


class AuditView(APIView):
    """Who did what."""

    permission_classes = (IsAdministrator,)

    @extend_schema(
        operation_id="audit", parameters=[AuditFilterSerializer, CURSOR], responses=AuditSerializer, tags=["audit"]
    )
    def get(self, request: Request) -> Response:
        """Who of the clinic did what to which study, the newest first."""
        given = AuditFilterSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        rows = AuditRow.objects.filter(clinic_id=user_of(request).clinic_id).select_related("user")
        if "study" in values:
            rows = rows.filter(study_id=values["study"])
        if "user" in values:
            rows = rows.filter(user__username=values["user"])
        if "action" in values:
            rows = rows.filter(action=values["action"])
        page = page_of(rows, request, by="id", size=values["size"], convert=_row_number)
        leave_row(request, Action.AUDIT)
        return Response(page.document(audit_document))


_LARGEST_ID = 2**63 - 1


def _row_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LARGEST_ID:
        raise ValueError(text)
    return number


def _lines(studies: Iterator[Study]) -> Iterator[str]:
    yield _line(HEAD)
    for study in studies:
        for row in _rows(study):
            yield _line([row.get(name, "") for name in HEAD])


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    whole = {
        "study": study.id,
        "reference": study.reference,
        "created_at": study.created_at.isoformat(timespec="seconds"),
        "files": " ".join(f"{view.view}={view.file_name}" for view in study.views.all()),
        "state": study.state,
        "pack": study.pack,
        "pack_version": study.pack_version,
        "calibrated": "" if study.calibrated is None else str(study.calibrated).lower(),
        "answer": study.answer,
        "refusal": study.refusal_code,
        "message": study.refusal_message,
    }
    if not study.findings:
        yield whole
    for finding in study.findings:
        scheme, value, meaning = finding["code"] or ("", "", "")
        yield {
            **whole,
            "label": finding["label"],
            "title": finding["title"],
            "code_scheme": scheme,
            "code_value": value,
            "code_meaning": meaning,
            "probability": finding["probability"],
            "logit": finding["logit"],
            "operating_points": " ".join(name for name, reached in finding["operating_points"].items() if reached),
        }


def _line(values: Any) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\r\n").writerow([_harmless(value) for value in values])
    return file.getvalue()


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
