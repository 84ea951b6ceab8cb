"""What the worklist is asked: filters and order, checked, and turned into a query that an index answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from rakurs.service.readings.access import studies_of, user_of
from rakurs.service.readings.models import Call, State, Study, StudyView
from rakurs.service.readings.pages import DEFAULT_SIZE, MOST, Page, page_of

FEW: Final = 500
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
    user, by = user_of(request), ORDERS[values["order"]]
    studies = _filtered(studies_of(user), values, clinic_id=user.clinic_id)
    return Wanted(studies=studies, by=by, size=values["size"])


def _filtered(studies: QuerySet[Study], values: dict[str, Any], *, clinic_id: int) -> QuerySet[Study]:
    if search := values.get("search"):
        studies = _narrowed(studies, _beginning_with(studies, search).values_list("id", flat=True))
    if reference := values.get("reference"):
        studies = _narrowed(studies, studies.filter(reference=reference).values_list("id", flat=True))
    if state := values.get("state"):
        studies = studies.filter(state=state)
    if values["reviewed"] is not None:
        studies = studies.filter(reviewed_at__isnull=not values["reviewed"])
    if finding := values.get("finding"):
        calls = Call.objects.filter(clinic_id=clinic_id, label=finding)
        if point := values.get("point"):
            calls = calls.filter(point=point)
        studies = _narrowed(studies, calls.values_list("study_id", flat=True))
    return studies


def _beginning_with(studies: QuerySet[Study], text: str) -> QuerySet[Study]:
    """Studies whose reference begins so, by an index: PostgreSQL has one for LIKE, SQLite compares texts by bytes."""
    if connection.vendor == "postgresql":
        return studies.filter(reference__startswith=text)
    return studies.filter(reference__gte=text, reference__lt=text + "\U0010ffff")


def _narrowed(studies: QuerySet[Study], ids: QuerySet[Any, UUID]) -> QuerySet[Study]:
    """The studies of these ids: named one by one where they are few, else looked for along the order of the list.

    Few are found by their keys at once, wherever in the list they lie; many lie so close together
    that a page is full soon. A database guesses which of the two it is, and is often wrong.
    """
    few = list(ids.order_by()[: FEW + 1])
    return studies.filter(id__in=few if len(few) <= FEW else ids.order_by())


def worklist_page(request: Request) -> Page[Study]:
    """The page of the worklist that a request asks for."""
    wanted = wanted_studies(request)
    convert = UUID if wanted.by == "id" else str
    return page_of(with_parts(wanted.studies), request, by=wanted.by, size=wanted.size, convert=convert)


def with_parts(studies: QuerySet[Study]) -> QuerySet[Study]:
    """With what a document needs of other tables, but for the large columns."""
    views = StudyView.objects.defer("heat_maps", "thumbnail")
    return studies.select_related("uploader").prefetch_related(Prefetch("views", queryset=views))
