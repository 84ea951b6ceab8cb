"""Who is asking: Argon2 passwords, short access tokens, refresh tokens that rotate, and a lock after many failures."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from rakurs.service.readings import metrics
from rakurs.service.readings.models import Lockout, User
from rakurs.service.readings.problems import Problem

PER_NAME: Final = 10
"""From anywhere, so many times the failures of one address lock a name: guessing from many addresses ends too."""


class TokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer` and an access token."""

    def authenticate(self, request: Request) -> Any:
        """The user and the token; None where no token was sent.

        Raises:
            AuthenticationFailed: the token is not valid, or not any more.
        """
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            raise AuthenticationFailed(
                "The access token is not valid (any more); refresh it.", "token_invalid"
            ) from None


class _Described(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """What OpenAPI says of it."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


_NOBODY: Final = make_password("nobody has this password")


def log_in(request: HttpRequest, *, username: str, password: str) -> User:
    """The person of this name and password; an unknown name takes as long as a wrong password.

    Raises:
        Problem: wrong, or locked after too many failures.
    """
    keys = _keys(username, address_of(request))
    _refuse_locked(keys)
    user = User.objects.filter(username=username, is_active=True).first()
    right = check_password(password, user.password if user else _NOBODY)
    if user is None or not right:
        metrics.LOGIN_FAILURES.inc()
        _count_failure(keys)
        raise Problem(401, "wrong_credentials", detail="The name or the password is wrong.")
    Lockout.objects.filter(key__in=keys).delete()
    return user


def address_of(request: HttpRequest) -> str:
    """The client's address; the server has put it right where a trusted proxy stands between."""
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def _keys(username: str, address: str) -> dict[str, int]:
    """What failures are counted under, and how many are borne."""
    borne = settings.LOCKOUT_FAILURES
    return {_key(username, address): borne, _key(username): borne * PER_NAME}


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join((settings.SECRET_KEY, *parts)).encode()).hexdigest()


def _refuse_locked(keys: dict[str, int]) -> None:
    lasting = timedelta(minutes=settings.LOCKOUT_MINUTES)
    for held in Lockout.objects.filter(key__in=keys, since__gt=timezone.now() - lasting):
        if held.failures >= keys[held.key]:
            seconds = max(1, round((held.since + lasting - timezone.now()).total_seconds()))
            raise Problem(
                429,
                "locked_out",
                detail="Too many failed logins. Wait, or let an administrator reset the password.",
                headers={"Retry-After": str(seconds)},
            )


def _count_failure(keys: dict[str, int]) -> None:
    now = timezone.now()
    old = now - timedelta(minutes=settings.LOCKOUT_MINUTES)
    with transaction.atomic():
        Lockout.objects.filter(since__lte=old).delete()
        for key in keys:
            Lockout.objects.get_or_create(key=key, defaults={"since": now})
            Lockout.objects.filter(key=key).update(failures=F("failures") + 1, since=now)


def new_tokens(user: User) -> RefreshToken:
    """A refresh token, whose `access_token` is the short one."""
    return RefreshToken.for_user(user)


def rotate(text: str) -> RefreshToken:
    """A new refresh token for one that is spent by it.

    Raises:
        Problem: it is not valid, was spent or revoked, or its user may not log in any more.
    """
    token = _valid(text)
    user = User.objects.filter(id=token["user_id"], is_active=True).first()
    if user is None or token.get("hash_password") != get_md5_hash_password(user.password):
        raise _spent()
    with transaction.atomic():
        spent: Any = token.blacklist()  # its annotation leaves out that it answers with whether it was the first
        if not spent[1]:
            raise _spent()
        return new_tokens(user)


def revoke(text: str) -> User | None:
    """Spend a refresh token; whose it was, or None where it was not valid anyway."""
    try:
        token = RefreshToken(text)  # type: ignore[arg-type]  # its annotation is of the class, its code takes the text
    except TokenError:
        return None
    token.blacklist()
    return User.objects.filter(id=token["user_id"]).first()


def _valid(text: str) -> RefreshToken:
    try:
        return RefreshToken(text)  # type: ignore[arg-type]
    except TokenError:
        raise _spent() from None


def _spent() -> Problem:
    return Problem(401, "token_invalid", detail="The refresh token is not valid (any more); log in again.")


def expires(token: Token) -> datetime:
    """When a token ends."""
    return datetime.fromtimestamp(token["exp"], tz=timezone.now().tzinfo)
