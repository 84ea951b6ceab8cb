"""Pages by cursor: the next page begins after the last row of this one, however many rows come or go meanwhile."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.db.models.functions import Coalesce
from rest_framework.request import Request

from rakurs.service.readings.problems import Problem

M = TypeVar("M", bound=Model)

DEFAULT_SIZE: Final = 50
MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, and the addresses of the pages beside them."""

    rows: list[M]
    next: str | None

    def document(self, show: Callable[[M], dict[str, Any]]) -> dict[str, Any]:
        """The page as the API answers it."""
        return {"next": self.next, "results": [show(row) for row in self.rows]}


def page_of(
    rows: QuerySet[M],
    request: Request,
    *,
    by: str,
    size: int,
    convert: Callable[[str], Any] = str,
    few: bool = False,
) -> Page[M]:
    """The page that a request asks for, with the largest `by` first.

    `by` is a field whose values are unique and never change while a person pages. Where the rows are
    few, they are sorted: a database would else walk along the index of `by` to meet them.

    Raises:
        Problem: the cursor is none of ours.
    """
    after = _place(request.query_params.get("cursor", ""), by, convert=convert)
    ordered = rows.order_by(Coalesce(by, by).desc() if few else f"-{by}")
    if after is not None:
        ordered = ordered.filter(**{f"{by}__lt": after})
    found = list(ordered[: size + 1])
    more = found[size:]
    return Page(rows=found[:size], next=_address(request, by, last=found[size - 1]) if more else None)


def _place(cursor: str, by: str, *, convert: Callable[[str], Any]) -> Any:
    if not cursor:
        return None
    try:
        name, _, value = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("utf-8").partition(":")
        if name != by or "\0" in value:
            raise ValueError
        return convert(value)
    except (ValueError, UnicodeError, binascii.Error):
        raise Problem(400, "cursor", detail="The cursor is none of this list; leave it out to begin anew.") from None


def _address(request: Request, by: str, *, last: Model) -> str:
    cursor = base64.urlsafe_b64encode(f"{by}:{getattr(last, by)}".encode()).decode("ascii")
    wanted = {name: value for name, value in request.query_params.items() if name != "cursor"}
    return f"{request.path}?{urlencode({**wanted, 'cursor': cursor})}"
