"""Logging in and out, and who one is."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordFault
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import RefreshToken

from rakurs.service.readings.access import Action, leave_row, user_of
from rakurs.service.readings.authentication import expires, log_in, new_tokens, revoke, rotate
from rakurs.service.readings.documents import user_document
from rakurs.service.readings.problems import Problem
from rakurs.service.readings.shapes import (
    LoginSerializer,
    PasswordSerializer,
    PersonSerializer,
    RefreshSerializer,
    TokensSerializer,
)

COOKIE: Final = "rakurs_refresh"
COOKIE_PATH: Final = "/api/auth/"


class TokenView(APIView):
    """Log in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="log_in", request=LoginSerializer, responses=TokensSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Give an access and a refresh token for a name and a password."""
        wanted = _valid(LoginSerializer(data=request.data))
        try:
            user = log_in(request._request, username=wanted["username"], password=wanted["password"])
        except Problem as problem:
            leave_row(request, Action.LOGIN_FAILED, detail=problem.document["code"])
            raise
        leave_row(request, Action.LOGIN, user=user)
        return _tokens(new_tokens(user), as_cookie=wanted["cookie"])


class RefreshView(APIView):
    """Go on after the access token has ended."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="refresh", request=RefreshSerializer, responses=TokensSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Give new tokens for a refresh token, which is spent by that; it comes in the body or as the cookie."""
        text, as_cookie = _sent(request)
        return _tokens(rotate(text), as_cookie=as_cookie)


class LogoutView(APIView):
    """Log out."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="log_out", request=RefreshSerializer, responses={204: None}, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Revoke a refresh token, and take the cookie away."""
        text, _ = _sent(request)
        user = revoke(text)
        if user:
            leave_row(request, Action.LOGOUT, user=user)
        response = Response(status=status.HTTP_204_NO_CONTENT)
        response.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Strict")
        return response


class PasswordView(APIView):
    """One's own password."""

    @extend_schema(operation_id="change_password", request=PasswordSerializer, responses={204: None}, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Change the password; every session ends, this one too."""
        wanted, user = _valid(PasswordSerializer(data=request.data)), user_of(request)
        if not check_password(wanted["current"], user.password):
            raise Problem(400, "wrong_credentials", detail="The current password is wrong.")
        try:
            validate_password(wanted["new"], user)
        except PasswordFault as fault:
            raise ValidationError({"new": fault.messages}) from None
        user.set_password(wanted["new"])
        user.save(update_fields=["password"])
        leave_row(request, Action.PASSWORD)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """Who is logged in."""

    @extend_schema(operation_id="me", responses=PersonSerializer, tags=["auth"])
    def get(self, request: Request) -> Response:
        """The person who is logged in, and what that person may do."""
        return Response(user_document(user_of(request)))


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _sent(request: Request) -> tuple[str, bool]:
    """The refresh token of a request, and whether it came as the cookie."""
    text = _valid(RefreshSerializer(data=request.data)).get("refresh")
    if text:
        return text, False
    held = request.COOKIES.get(COOKIE, "")
    if not held:
        raise Problem(401, "token_invalid", detail="There is no refresh token, neither in the body nor as a cookie.")
    return held, True


def _tokens(refresh: RefreshToken, *, as_cookie: bool) -> Response:
    access = refresh.access_token
    response = Response(
        {
            "access": str(access),
            "access_expires_at": expires(access),
            "refresh": None if as_cookie else str(refresh),
            "refresh_expires_at": expires(refresh),
        }
    )
    if as_cookie:
        response.set_cookie(
            COOKIE,
            str(refresh),
            max_age=int((expires(refresh) - timezone.now()).total_seconds()),
            path=COOKIE_PATH,
            secure=settings.TLS,
            httponly=True,
            samesite="Strict",
        )
    return response
