"""What surrounds every answer: its line in the log, its time, and the headers that keep a browser safe."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from rakurs.service.readings import metrics
from rakurs.service.readings.models import User
from rakurs.service.readings.problems import Problem, problem_response

Handler = Callable[[HttpRequest], HttpResponseBase]
log = logging.getLogger(__name__)

MOST_OTHER_BYTES: Final = 2**20
"""Of a body that is no upload."""

_POLICY: Final = {
    "default-src": "'self'",
    "script-src": "'self' 'wasm-unsafe-eval'",  # decoders of the viewer
    "worker-src": "'self' blob:",
    "style-src": "'self' 'unsafe-inline'",  # components set positions and colours in style attributes
    "img-src": "'self' blob: data:",
    "font-src": "'self' data:",
    "connect-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
POLICY: Final = "; ".join(f"{name} {value}" for name, value in _POLICY.items())


def answered_requests(get_response: Handler) -> Handler:
    """Log and time every answer: the route and not the address, which may hold what a person searched for."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        request_id = uuid4().hex
        request.META["RAKURS_REQUEST_ID"] = request_id
        response = _too_large(request) or get_response(request)
        seconds = time.perf_counter() - began
        response["Rakurs-Request"] = request_id
        route = _route(request)
        metrics.REQUESTS.labels(route, request.method, response.status_code).observe(seconds)
        log.info(
            "Answered",
            extra={
                "facts": {
                    "request": request_id,
                    "method": request.method,
                    "route": route,
                    "status": response.status_code,
                    "ms": round(1000 * seconds),
                    "user": _user(request),
                }
            },
        )
        return response

    return answer


def _too_large(request: HttpRequest) -> HttpResponseBase | None:
    """Refuse a body by its announced length, before any of it is read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    bytes_announced = int(length) if length.isdigit() else 0
    is_upload = (request.content_type or "").startswith("multipart/")
    most = settings.UPLOAD_LIMIT_BYTES if is_upload else MOST_OTHER_BYTES
    if bytes_announced <= most:
        return None
    return problem_response(
        Problem(413, "too_large", detail=f"The body is larger than the {most:,} bytes accepted here.")
    )


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.route or "page" if match else "none"


def _user(request: HttpRequest) -> Any:
    """The number of the user; REST framework sets it on the request when it knows."""
    user = getattr(request, "user", None)
    return user.pk if isinstance(user, User) else None


def security_headers(get_response: Handler) -> Handler:
    """Headers that keep a browser from doing with an answer what nobody meant."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # refuses every name but ours
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def _log_fault(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    """A fault of ours, by its place; the answer carries the same number."""
    facts = {"request": request.META.get("RAKURS_REQUEST_ID"), "route": _route(request)} if request else {}
    log.error("A fault", exc_info=sys.exc_info(), extra={"facts": facts})


got_request_exception.connect(_log_fault)
