"""Problem documents (RFC 9457): what went wrong, with a machine code, in every answer that is an error."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer as PlainJSONRenderer
from rest_framework.response import Response

from rakurs.errors import RakursError
from rakurs.service.readings.storage import StorageFull, StorageGone

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is an error, raised where it is known."""

    def __init__(
        self, status: int, code: str, *, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(code)
        self.status = status
        self.document = problem_document(status, code, detail=detail, **more)
        self.headers = dict(headers or {})


class JSONRenderer(PlainJSONRenderer):
    """JSON that says it is a problem where the answer is one."""

    charset = None

    def render(  # noqa: PLR0917  # the framework's signature
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """The answer's bytes."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= HTTPStatus.BAD_REQUEST:
            response["Content-Type"] = MEDIA_TYPE
        return bytes(super().render(data, accepted_media_type, renderer_context))


def problem_document(status: int, code: str, *, detail: str, **more: Any) -> dict[str, Any]:
    """The members of RFC 9457 section 3.1, and `code`, which a program should go by."""
    return {
        "type": f"urn:rakurs:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }


def problem_response(problem: Problem) -> HttpResponse:
    """A problem outside REST framework."""
    content = json.dumps(problem.document).encode()
    return HttpResponse(content, status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers)


def answer_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """What REST framework answers an exception with; None lets what nobody expects go on to the last handler."""
    problem = problem_of(error)
    if problem is None:
        return None
    return Response(problem.document, status=problem.status, headers=problem.headers)


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception means; None where it is a fault of ours."""
    for kind, of_kind in _KINDS:
        if isinstance(error, kind):
            return of_kind(error)
    for kinds, status, code, detail in _DJANGO:
        if isinstance(error, kinds):
            return Problem(status, code, detail=detail)
    return None


_DJANGO: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int, str, str], ...] = (
    (Http404, 404, "not_found", "There is nothing at this address, or it is not yours to see."),
    (PermissionDenied, 403, "forbidden", "This account may not do that."),
    (RequestDataTooBig, 413, "too_large", "The body is larger than is accepted here."),
    ((TooManyFieldsSent, TooManyFilesSent), 400, "invalid", "There are too many parts in the body."),
    ((BadRequest, SuspiciousOperation), 400, "invalid", "The request cannot be understood."),
)


def _of_framework(error: exceptions.APIException) -> Problem:
    code = error.get_codes()
    detail = error.detail if isinstance(error.detail, str) else "The request cannot be answered."
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    name = code if isinstance(code, str) else "invalid"
    return Problem(error.status_code, _CODES.get(name, name), detail=str(detail), headers=headers)


_CODES = {"error": "invalid", "parse_error": "invalid", "permission_denied": "forbidden"}


def _of_database(error: DatabaseError) -> Problem | None:
    """A database that is full, gone or busy says so; another fault of it is ours."""
    words = str(error).lower()
    if "full" in words or "no space" in words:
        log.error("The database is full")
        return Problem(507, "storage_full", detail="The database takes no more. Nothing was recorded; make room.")
    if type(error).__name__ in ("OperationalError", "InterfaceError"):
        log.warning("The database does not answer")
        detail = "The database does not answer just now. Nothing was recorded; try again."
        return Problem(503, "unavailable", detail=detail, headers={"Retry-After": "2"})
    return None


def _of_validation(error: exceptions.ValidationError) -> Problem:
    return Problem(400, "invalid", detail="Some values cannot be used.", errors=_errors(error.detail))


_KINDS: Final[tuple[tuple[type[Exception], Callable[[Any], Problem | None]], ...]] = (
    (Problem, lambda error: error),
    (exceptions.ValidationError, _of_validation),
    (exceptions.APIException, _of_framework),
    (StorageFull, lambda error: Problem(507, error.code, detail=error.message)),
    (StorageGone, lambda error: Problem(503, error.code, detail=error.message, headers={"Retry-After": "5"})),
    (RakursError, lambda error: Problem(400, error.code, detail=error.message)),
    (DatabaseError, _of_database),
)
"""The first that fits."""


def _errors(detail: Any, place: str = "") -> list[dict[str, str]]:
    """Validation errors as a flat list of places and sentences."""
    if isinstance(detail, Mapping):
        return [fault for name, part in detail.items() for fault in _errors(part, _below(place, name))]
    if isinstance(detail, list):
        return [
            fault
            for number, part in enumerate(detail)
            for fault in _errors(part, place if isinstance(part, str) else _below(place, number))
        ]
    return [{"field": place.removesuffix(".non_field_errors"), "detail": str(detail)}]


def _below(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def answer_400(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's answer to a request that it cannot take."""
    problem = problem_of(exception) if exception else None
    return problem_response(problem or Problem(400, "invalid", detail="The request cannot be understood."))


def answer_404(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Nothing is at this address."""
    return problem_response(Problem(404, "not_found", detail="There is nothing at this address."))


def answer_500(request: HttpRequest) -> HttpResponse:
    """A fault of ours: it is logged with its place."""
    return problem_response(Problem(500, "fault", detail="A fault of Rakurs; its place is in the log."))
