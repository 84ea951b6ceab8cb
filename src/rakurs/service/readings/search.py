"""What the worklist is asked: filters and order, checked, and turned into a query that an index answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
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
    """The studies that a request asks for, and their order; `few` where they are named by their keys."""

    studies: QuerySet[Study]
    by: str
    size: int
    few: bool


def wanted_studies(request: Request) -> Wanted:
    """Read the filters of a request.

    Raises:
        ValidationError: one of them cannot be used.
    """
    given = FilterSerializer(data=request.query_params)
    given.is_valid(raise_exception=True)
    values, user = given.validated_data, user_of(request)
    studies, few = studies_of(user), False
    for ids, condition in _selections(studies, values, clinic_id=user.clinic_id):
        found = list(ids.order_by()[: FEW + 1])
        few = few or len(found) <= FEW
        studies = studies.filter(id__in=found) if len(found) <= FEW else studies.filter(condition)
    if state := values.get("state"):
        studies = studies.filter(state=state)
    if values["reviewed"] is not None:
        studies = studies.filter(reviewed_at__isnull=not values["reviewed"])
    return Wanted(studies=studies, by=ORDERS[values["order"]], size=values["size"], few=few)


Selection = tuple[QuerySet[Any, Any], Q | Exists]


def _selections(studies: QuerySet[Study], values: dict[str, Any], *, clinic_id: int) -> Iterator[Selection]:
    """What the filters leave that an index of its own answers: as ids, and as a condition on each study.

    Few are found by their ids at once, wherever in the list they lie. Many lie so close together
    that a page is full soon when the condition is tried along the order of the list. A database
    guesses which of the two it is, and is often wrong.
    """
    for condition in _conditions_on_the_reference(values):
        yield studies.filter(condition).values_list("id", flat=True), condition
    if finding := values.get("finding"):
        point = {"point": values["point"]} if values.get("point") else {}
        calls = Call.objects.filter(clinic_id=clinic_id, label=finding, **point)
        yield calls.values_list("study_id", flat=True), Exists(calls.filter(study=OuterRef("id")))


def _conditions_on_the_reference(values: dict[str, Any]) -> Iterator[Q]:
    """Conditions that an index answers: PostgreSQL has one for LIKE, SQLite compares texts by bytes."""
    if search := values.get("search"):
        if connection.vendor == "postgresql":
            yield Q(reference__startswith=search)
        else:
            yield Q(reference__gte=search, reference__lt=search + "\U0010ffff")
    if reference := values.get("reference"):
        yield Q(reference=reference)


def worklist_page(request: Request) -> Page[Study]:
    """The page of the worklist that a request asks for."""
    wanted = wanted_studies(request)
    convert = UUID if wanted.by == "id" else str
    return page_of(with_parts(wanted.studies), request, by=wanted.by, size=wanted.size, convert=convert, few=wanted.few)


def with_parts(studies: QuerySet[Study]) -> QuerySet[Study]:
    """With what a document needs of other tables, but for the large columns."""
    views = StudyView.objects.defer("heat_maps", "thumbnail")
    return studies.select_related("uploader").prefetch_related(Prefetch("views", queryset=views))
