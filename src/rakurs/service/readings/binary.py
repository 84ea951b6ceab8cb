"""Answers that are files: negotiated by nothing but their address, with an ETag, private to who asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from rakurs.service.readings.problems import JSONRenderer


class _OneKind(BaseContentNegotiation):
    """Whatever is asked for in Accept: an image tag and a program ask differently for the same file."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The only parser."""
        return parsers[0]

    def select_renderer(  # noqa: PLR0917  # the framework's signature
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        """The renderer of problems."""
        return renderers[0], renderers[0].media_type


class BinaryView(APIView):
    """A view whose answers are files, and whose problems are JSON."""

    content_negotiation_class = _OneKind
    renderer_classes = (JSONRenderer,)


def etag_of(*parts: object) -> str:
    """A strong ETag of what an answer depends on."""
    return quote_etag(hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32])


def answer_file(
    request: Request, make: Callable[[], bytes], *, etag: str, media_type: str, headers: dict[str, str] | None = None
) -> HttpResponseBase:
    """The file, or 304 where the client has it; a browser keeps it, and asks each time whether it still may have it."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if etag in known or "*" in known:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(make(), content_type=media_type, headers=headers or {})
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization"])
    return response
