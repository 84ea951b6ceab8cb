"""Checks at the start: each fault with an id, its cause and a remedy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from rakurs.errors import RakursError
from rakurs.service.readings.packs import pack_names, pack_of


@register(Tags.compatibility)
def check_packs(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """The pack that is taken by default must be usable; others are told and left out."""
    faults: list[CheckMessage] = []
    if settings.DEFAULT_PACK not in pack_names():
        faults.append(
            Error(
                f"There is no pack '{settings.DEFAULT_PACK}'.",
                hint="Name one of `rakurs packs list` in RAKURS_PACK, or the folder of your packs in RAKURS_PACKS.",
                id="rakurs.E001",
            )
        )
    for name in pack_names():
        try:
            pack_of(name)
        except RakursError as error:
            kind = Error if name == settings.DEFAULT_PACK else Warning
            hint = f"Run `rakurs packs check {name}`, and restore or remove it."
            faults.append(kind(error.message, hint=hint, id="rakurs.E002" if kind is Error else "rakurs.W002"))
    return faults


@register(Tags.security)
def check_secret(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Nobody but the owner may read the secret."""
    path = settings.DATA_DIR / "secret"
    if not path.exists() or os.name != "posix":
        return []
    mode = path.stat().st_mode & 0o777
    if mode & 0o077 == 0:
        return []
    return [
        Error(
            f"Others may read the secret of this installation (mode {mode:o}).",
            hint=f"chmod 600 '{path}'; if anybody has read it, remove it, which logs everybody out.",
            id="rakurs.E003",
        )
    ]


@register(Tags.security)
def check_tls(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Names other than this machine's want TLS, and TLS wants a proxy that is trusted."""
    local = {"localhost", "127.0.0.1", "[::1]", "testserver"}
    faults: list[CheckMessage] = []
    if set(settings.ALLOWED_HOSTS) - local and not settings.TLS:
        faults.append(
            Warning(
                "Rakurs answers to names beyond this machine without TLS: passwords and films can be read on the way.",
                hint="Put a proxy with TLS before it; set RAKURS_TLS=1 and RAKURS_TRUSTED_PROXY; see docs/operator.md.",
                id="rakurs.W004",
            )
        )
    if settings.TLS and not settings.TRUSTED_PROXY:
        faults.append(
            Error(
                "RAKURS_TLS is set, but no proxy is trusted to say that a request came by TLS.",
                hint="Set RAKURS_TRUSTED_PROXY to the proxy's address, as Rakurs sees it.",
                id="rakurs.E005",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        faults.append(
            Error(
                "RAKURS_HOSTS allows every name.",
                hint="Write the names under which people reach Rakurs.",
                id="rakurs.E006",
            )
        )
    return faults
