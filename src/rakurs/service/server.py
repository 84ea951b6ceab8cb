"""The server of the embedded default: waitress, with the service's limits and problem documents."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask

from rakurs.service.readings.middleware import POLICY
from rakurs.service.readings.problems import MEDIA_TYPE, problem_document

log = logging.getLogger(__name__)

FORM_BYTES: Final = 2**20
"""Beside the films, a form has its other fields and the lines between the parts."""

_CODES: Final = {413: "too_large", 431: "too_large", 400: "invalid", 501: "invalid"}


class _ProblemTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """What the server itself refuses, before any application is asked, as a problem document."""

    def execute(self) -> None:
        """Write the answer, and close the connection, whose body was not read."""
        error = self.request.error
        detail = "The request cannot be taken: " + error.reason + "."
        document = problem_document(error.code, _CODES.get(error.code, "invalid"), detail=detail)
        body = json.dumps(document).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _ProblemTask


def make_server(application: Callable[..., Any], *, host: str, port: int) -> BaseWSGIServer:
    """A server that listens.

    It reads bodies without holding a thread, so that a slow client costs a connection and nothing
    else, and refuses one that is announced as too large before reading it.
    """
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    proxy: dict[str, Any] = {}
    if settings.TRUSTED_PROXY:
        proxy = {
            "trusted_proxy": settings.TRUSTED_PROXY,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        }
    server = create_server(
        application,
        listen=listen,
        threads=settings.HTTP_THREADS,
        connection_limit=settings.CONNECTIONS,
        channel_timeout=settings.IDLE_S,
        cleanup_interval=min(30, settings.IDLE_S),
        max_request_body_size=settings.UPLOAD_LIMIT_BYTES + FORM_BYTES,
        max_request_header_size=32 * 1024,
        recv_bytes=2**18,
        inbuf_overflow=4 * 2**20,
        clear_untrusted_proxy_headers=True,
        asyncore_use_poll=True,
        ident="rakurs",
        **proxy,
    )
    server.channel_class = _Channel
    return server


def run(server: BaseWSGIServer) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, _stop)
    server.run()


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
