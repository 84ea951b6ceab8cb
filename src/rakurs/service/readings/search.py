"""What the worklist is asked: filters and order, checked, and turned into a query that an index answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from rakurs.service.readings.access import studies_of, user_of
from rakurs.service.readings.models import Call, State, Study, StudyView
from rakurs.service.readings.pages import DEFAULT_SIZE, MOST, Page, page_of

ORDERS: Final = {"urgency": "rank", "time": "id"}


class FilterSerializer(serializers.Serializer[Any]):
    """The filters of the worklist and of the table that is exported."""

    search = serializers.CharField(required=False, max_length=64, help_text="The beginning of the reference.")
    reference = serializers.CharField(required=False, max_length=64, help_text="The whole reference.")
    state = serializers.ChoiceField(required=False, choices=State.choices)
    finding = serializers.CharField(
        required=False, max_length=64, help_text="Studies in which this label reached an operating point."
    )
    point = serializers.CharField(required=False, max_length=64, help_text="With `finding`: this operating point.")
    reviewed = serializers.BooleanField(required=False, allow_null=True, default=None)
    order = serializers.ChoiceField(required=False, choices=[(name, name) for name in ORDERS], default="urgency")
    size = serializers.IntegerField(required=False, min_value=1, max_value=MOST, default=DEFAULT_SIZE)


CURSOR: Final = OpenApiParameter("cursor", str, description="From `next` of the page before.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The studies that a request asks for, and their order."""

    studies: QuerySet[Study]
    by: str
    size: int


def wanted_studies(request: Request) -> Wanted:
    """Read the filters of a request.

    Raises:
        ValidationError: one of them cannot be used.
    """
    given = FilterSerializer(data=request.query_params)
    given.is_valid(raise_exception=True)
    values = given.validated_data
    by = ORDERS[values["order"]]
    studies = _filtered(studies_of(user_of(request)), values)
    return Wanted(studies=studies, by=by, size=values["size"])


def _filtered(studies: QuerySet[Study], values: dict[str, Any]) -> QuerySet[Study]:
    if search := values.get("search"):
        studies = studies.filter(reference__startswith=search)
    if reference := values.get("reference"):
        studies = studies.filter(reference=reference)
    if state := values.get("state"):
        studies = studies.filter(state=state)
    if values["reviewed"] is not None:
        studies = studies.filter(reviewed_at__isnull=not values["reviewed"])
    if finding := values.get("finding"):
        calls = Call.objects.filter(label=finding, **({"point": values["point"]} if values.get("point") else {}))
        studies = studies.filter(id__in=calls.values("study"))
    return studies


def worklist_page(request: Request) -> Page[Study]:
    """The page of the worklist that a request asks for."""
    wanted = wanted_studies(request)
    convert = UUID if wanted.by == "id" else str
    return page_of(with_parts(wanted.studies), request, by=wanted.by, size=wanted.size, convert=convert)


def with_parts(studies: QuerySet[Study]) -> QuerySet[Study]:
    """With what a document needs of other tables, but for the large columns."""
    views = StudyView.objects.defer("heat_maps", "thumbnail")
    return studies.select_related("uploader").prefetch_related(Prefetch("views", queryset=views))
