"""From the environment to a service that can work: data folder, settings, checks, database, first people."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from rakurs.errors import RakursError
from rakurs.service.environment import data_folder, prepare_data_folder

MIGRATING: Final = 0x52414B55
"""The key of PostgreSQL's advisory lock under which one process at a time brings the database up to date."""

ABANDONED_S: Final = 24 * 3600
ADMIN_CLINIC: Final = "Clinic"
DEMO_NAME: Final = "demo"
DEMO_CLINIC: Final = "Demonstration"


class StartFault(RakursError):
    """The service cannot start; every cause stands with its remedy."""

    code = "start"


def set_up() -> None:
    """Make the data folder and load Django with its settings.

    Raises:
        EnvironmentFault: the environment cannot be used.
    """
    import django  # noqa: PLC0415  # its settings need the data folder

    prepare_data_folder(data_folder())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rakurs.service.settings")
    django.setup()


def check() -> list[str]:
    """Run every check of the start; the warnings, a sentence each.

    Raises:
        StartFault: with each error's id, cause and remedy.
    """
    from django.core.checks import ERROR, CheckMessage, run_checks  # noqa: PLC0415

    def told(message: CheckMessage) -> str:
        return f"{message.id}: {message.msg}" + (f" {message.hint}" if message.hint else "")

    messages = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
    errors = [told(message) for message in messages if message.level >= ERROR]
    if errors:
        raise StartFault("\n".join(["Rakurs cannot start:", *(f"- {error}" for error in errors)]))
    return [told(message) for message in messages]


def bring_up_to_date() -> None:
    """Apply the migrations that are missing, one process at a time.

    Raises:
        StartFault: the database cannot be reached, or not be changed.
    """
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import DatabaseError, connection  # noqa: PLC0415

    try:
        with _alone():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("flushexpiredtokens", verbosity=0)
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA optimize")  # what its planner knows of long tables
            Path(connection.settings_dict["NAME"]).chmod(0o600)
        _sweep(data_folder() / "incoming")
    except DatabaseError as error:
        raise StartFault(
            f"The database cannot be used: {type(error).__name__}. See that it runs, that RAKURS_DATABASE_URL "
            "names it, and that its user may create tables."
        ) from None


def _sweep(folder: Path) -> None:
    """Remove what uploads left that a killed process was receiving a day ago or longer."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    from django.db import connection  # noqa: PLC0415

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])


def hold_data_folder() -> IO[str]:
    """Be the only `rakurs serve` on this data folder, for as long as the file is held; where SQLite is the database.

    Raises:
        StartFault: another one is.
    """
    import fcntl  # noqa: PLC0415  # not on Windows, where the file stays open to one process anyway

    file = (data_folder() / "serving").open("w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StartFault(
            f"Another `rakurs serve` works on '{data_folder()}'. Stop it, or name another folder in RAKURS_DATA_DIR; "
            "several at once need PostgreSQL, see docs/operator.md."
        ) from None
    return file


def first_administrator() -> str | None:
    """Make the first administrator where there is nobody yet; the password, if one had to be thought up.

    Raises:
        StartFault: the password of the environment is too weak.
    """
    from django.conf import settings  # noqa: PLC0415

    from rakurs.service.people import make_user  # noqa: PLC0415
    from rakurs.service.readings.models import Role, User  # noqa: PLC0415

    if User.objects.exists():
        return None
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(15)
    make_user(settings.ADMIN_USERNAME, clinic=ADMIN_CLINIC, role=Role.ADMINISTRATOR, password=password)
    return None if settings.ADMIN_PASSWORD else password


def demonstration_user() -> str:
    """Make the user of the demonstration, or give that user a new password, which is returned."""
    from rakurs.service.people import make_user, set_password  # noqa: PLC0415
    from rakurs.service.readings.models import Role, User  # noqa: PLC0415

    password = secrets.token_urlsafe(9)
    user = User.objects.filter(username=DEMO_NAME).first()
    if user is None:
        make_user(DEMO_NAME, clinic=DEMO_CLINIC, role=Role.ADMINISTRATOR, password=password)
    else:
        set_password(user, password)
    return password
