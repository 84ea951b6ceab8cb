"""Whether the service works, for those who look after it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from http import HTTPStatus
from secrets import compare_digest
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rakurs.service.readings import metrics
from rakurs.service.readings.authentication import address_of
from rakurs.service.readings.models import UNFINISHED, Study
from rakurs.service.readings.packs import pack_of
from rakurs.service.readings.problems import Problem, problem_response
from rakurs.service.readings.shapes import HealthSerializer

OK: Final = "ok"


class LiveView(APIView):
    """Whether the process answers."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="live", responses=HealthSerializer, tags=["health"])
    def get(self, request: Request) -> Response:
        """The process answers; nothing else is looked at."""
        return Response({"status": OK, "checks": {}})


class ReadyView(APIView):
    """Whether films can be uploaded and read."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="ready", responses={200: HealthSerializer, 503: HealthSerializer}, tags=["health"])
    def get(self, request: Request) -> Response:
        """Database, storage and pack work; a cache that does not is told, but is no reason to send people away."""
        checks = {name: _answer(check) for name, check in _CHECKS.items()}
        ready = all(said == OK for name, said in checks.items() if name != "cache")
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response({"status": OK if ready else "not ready", "checks": checks}, status=status)


def _answer(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # whatever it is, it is the answer
        return type(error).__name__


def _database() -> str:
    executor = MigrationExecutor(connection)
    return "migrations are missing" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else OK


def _storage() -> str:
    name = f"ready/{uuid4().hex}"
    default_storage.save(name, ContentFile(b"ready"))
    default_storage.delete(name)
    return OK


def _pack() -> str:
    pack_of(settings.DEFAULT_PACK)
    return OK


def _cache() -> str:
    token = uuid4().hex
    cache.set("ready", token, 10)
    return OK if cache.get("ready") == token else "does not answer"


_CHECKS: Final = {"database": _database, "storage": _storage, "pack": _pack, "cache": _cache}


def metrics_view(request: HttpRequest) -> HttpResponse:
    """The metrics for Prometheus: to whoever has the token, and without one to this machine alone."""
    token = settings.METRICS_TOKEN
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not compare_digest(sent.encode(), token.encode()):
        return problem_response(Problem(401, "not_authenticated", detail="Send the token of RAKURS_METRICS_TOKEN."))
    if not token and not _local(address_of(request)):
        return problem_response(Problem(403, "forbidden", detail="Set RAKURS_METRICS_TOKEN to read this from afar."))
    for state in UNFINISHED:
        metrics.WAITING.labels(state.value).set(Study.objects.filter(state=state).count())
    return HttpResponse(generate_latest(metrics.REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
