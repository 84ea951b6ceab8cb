"""Who may do what: a study is its clinic's alone, roles say what may be done with it, and each access leaves a row."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from rakurs.service.readings.authentication import address_of
from rakurs.service.readings.models import AuditRow, Role, Study, User

_RANKS: Final = {Role.READER: 0, Role.REVIEWER: 1, Role.ADMINISTRATOR: 2}


class Action(StrEnum):
    """What the audit knows."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    PASSWORD = "password"
    UPLOAD = "upload"
    LIST = "list"
    VIEW = "view"
    THUMBNAIL = "thumbnail"
    IMAGE = "image"
    PIXELS = "pixels"
    HEAT_MAP = "heat_map"
    REPORT = "report"
    EXPORT = "export"
    REVIEW = "review"
    DELETE = "delete"
    AUDIT = "audit"
    ERASE = "erase"
    ACCOUNT = "account"


def may(user: User, least: Role) -> bool:
    """Whether a user's role is this one or above it."""
    return _RANKS[Role(user.role)] >= _RANKS[least]


class _LeastRole(BasePermission):
    least = Role.READER

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the user is logged in and has the role."""
        return isinstance(request.user, User) and may(request.user, self.least)


class IsReviewer(_LeastRole):
    """For reviewers and administrators."""

    least = Role.REVIEWER


class IsAdministrator(_LeastRole):
    """For administrators."""

    least = Role.ADMINISTRATOR


def user_of(request: Request) -> User:
    """The user of a request that has one."""
    assert isinstance(request.user, User), "only endpoints that need a login ask for it"
    return request.user


def studies_of(user: User) -> QuerySet[Study]:
    """Every study that a user may see."""
    return Study.objects.filter(clinic_id=user.clinic_id, deleted_at=None)


def study_for(request: Request, study_id: UUID, *, fields: tuple[str, ...] = ()) -> Study:
    """A study that the user may see; another's is as if it were not there.

    Raises:
        Http404: there is none.
    """
    studies = studies_of(user_of(request))
    wanted = studies.only(*fields) if fields else studies.select_related("uploader")
    found = wanted.filter(id=study_id).first()
    if found is None:
        raise Http404
    return found


def leave_row(
    request: Request | HttpRequest, action: Action, *, study_id: UUID | None = None, detail: str = "", user: Any = None
) -> None:
    """Write down who did what."""
    who = user or getattr(request, "user", None)
    known = who if isinstance(who, User) else None
    AuditRow.objects.create(
        clinic_id=known.clinic_id if known else None,
        user=known,
        action=action.value,
        study_id=study_id,
        detail=detail[:200],
        address=address_of(request),
    )
