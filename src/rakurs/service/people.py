"""People and clinics, as `rakurs admin` and the first start make them."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from rakurs.errors import UsageError
from rakurs.service.readings.access import Action
from rakurs.service.readings.models import AuditRow, Clinic, Lockout, Role, User


def make_user(username: str, *, clinic: str, role: Role, password: str) -> User:
    """Make a user, and the clinic where it is new.

    Raises:
        UsageError: the name is taken, or the password too weak.
    """
    if User.objects.filter(username=username).exists():
        raise UsageError(f"There is a user '{username}' already.")
    found, _ = Clinic.objects.get_or_create(name=clinic)
    user = User(username=username, clinic=found, role=role)
    _set(user, password)
    user.save()
    _leave_row(user, f"created as {role.value}")
    return user


def set_password(user: User, password: str) -> None:
    """Give a user a new password; every session of theirs ends, and so do all locks.

    Raises:
        UsageError: the password is too weak.
    """
    _set(user, password)
    user.save(update_fields=["password"])
    Lockout.objects.all().delete()  # whose they are cannot be told from their keys
    _leave_row(user, "password reset")


def change_user(user: User, *, role: Role | None = None, active: bool | None = None) -> None:
    """Change what a user may do, or whether they may log in at all."""
    if role is not None:
        user.role = role
        _leave_row(user, f"role {role.value}")
    if active is not None:
        user.is_active = active
        _leave_row(user, "activated" if active else "deactivated")
    user.save(update_fields=["role", "is_active"])


def user_named(username: str) -> User:
    """The user of this name.

    Raises:
        UsageError: there is none.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UsageError(f"There is no user '{username}'; `rakurs admin users` lists them.")
    return user


def _set(user: User, password: str) -> None:
    try:
        validate_password(password, cast("None", user))
    except ValidationError as fault:
        raise UsageError(f"This password cannot be used: {' '.join(fault.messages)}") from None
    user.set_password(password)


def _leave_row(user: User, detail: str) -> None:
    """Who did it stands in the log of the machine; that it was done, here."""
    AuditRow.objects.create(
        clinic=user.clinic, user=None, action=Action.ACCOUNT.value, detail=f"{user.username}: {detail}"[:200]
    )
