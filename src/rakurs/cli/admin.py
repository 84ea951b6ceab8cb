"""`rakurs admin`: people, the database, and what only the owner of the machine may do."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click

from rakurs.cli.lazy import LazyGroup
from rakurs.errors import UsageError

ROLES = click.Choice(["reader", "reviewer", "administrator"])


@click.group(
    cls=LazyGroup,
    commands_at={
        "create-user": "rakurs.cli.admin:create_user",
        "reset-password": "rakurs.cli.admin:reset_password",
        "set-role": "rakurs.cli.admin:set_role",
        "deactivate": "rakurs.cli.admin:deactivate",
        "activate": "rakurs.cli.admin:activate",
        "users": "rakurs.cli.admin:users",
        "migrate": "rakurs.cli.admin:migrate",
        "check": "rakurs.cli.admin:check",
        "erase": "rakurs.cli.admin:erase",
        "openapi": "rakurs.cli.admin:openapi",
    },
)
def admin() -> None:
    """Look after an installation: people, database, patients' wishes.

    The same environment variables as for `rakurs serve` say which one.
    """


def _set_up(*, database: bool = True) -> None:
    from rakurs.cli.serve import _set_up as set_up
    from rakurs.service import start

    set_up()
    if database:
        start.bring_up_to_date()


def _password(from_stdin: bool) -> tuple[str, bool]:
    """A password, and whether it was thought up and must be shown."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n"), False
    return secrets.token_urlsafe(15), True


_STDIN = click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")


@click.command()
@click.argument("username")
@click.option("--clinic", required=True, help="The group whose studies the user sees; made where it is new.")
@click.option("--role", type=ROLES, default="reader", show_default=True)
@_STDIN
def create_user(*, username: str, clinic: str, role: str, password_stdin: bool) -> None:
    """Make a user; the password is printed once, unless it comes from standard input."""
    _set_up()
    from rakurs.service.people import make_user
    from rakurs.service.readings.models import Role

    password, shown = _password(password_stdin)
    make_user(username, clinic=clinic, role=Role(role), password=password)
    click.echo(f"Created {username}." + (f" The password is {password}" if shown else ""))


@click.command()
@click.argument("username")
@_STDIN
def reset_password(*, username: str, password_stdin: bool) -> None:
    """Give a user a new password; every session of theirs ends, and every lock-out."""
    _set_up()
    from rakurs.service.people import set_password, user_named

    password, shown = _password(password_stdin)
    set_password(user_named(username), password)
    click.echo(f"Changed {username}." + (f" The password is {password}" if shown else ""))


@click.command()
@click.argument("username")
@click.argument("role", type=ROLES)
def set_role(*, username: str, role: str) -> None:
    """Say what a user may do."""
    _set_up()
    from rakurs.service.people import change_user, user_named
    from rakurs.service.readings.models import Role

    change_user(user_named(username), role=Role(role))
    click.echo(f"{username} is {role}.")


@click.command()
@click.argument("username")
def deactivate(*, username: str) -> None:
    """Let a user log in no more; sessions end at once."""
    _set_up()
    from rakurs.service.people import change_user, user_named

    change_user(user_named(username), active=False)
    click.echo(f"{username} cannot log in any more.")


@click.command()
@click.argument("username")
def activate(*, username: str) -> None:
    """Let a user log in again."""
    _set_up()
    from rakurs.service.people import change_user, user_named

    change_user(user_named(username), active=True)
    click.echo(f"{username} can log in again.")


@click.command()
def users() -> None:
    """List the users: name, clinic, role, and whether they may log in."""
    _set_up()
    from rakurs.service.readings.models import User

    for user in User.objects.select_related("clinic").order_by("clinic__name", "username"):
        click.echo("\t".join((user.username, user.clinic.name, user.role, "" if user.is_active else "deactivated")))


@click.command()
def migrate() -> None:
    """Bring the database up to date; `rakurs serve` and `rakurs work` do it too."""
    _set_up()
    click.echo("The database is up to date.")


@click.command()
def check() -> None:
    """Check settings, packs and storage as at the start."""
    _set_up(database=False)
    from rakurs.service import start

    for warning in start.check():
        click.echo(f"Note {warning}")
    click.echo("Rakurs can start.")


@click.command()
@click.option("--reference", help="Every study of this reference.")
@click.option("--study", help="The study of this id.")
@click.option("--deleted", is_flag=True, help="Every study that was deleted on the page.")
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
def erase(*, reference: str | None, study: str | None, deleted: bool, yes: bool) -> None:
    """Erase studies for good: rows, films, heat maps, reviews; the audit keeps that they were there."""
    if not (reference or study or deleted):
        raise UsageError("Say which studies: --reference, --study or --deleted.")
    _set_up()
    from rakurs.service.erasing import erase_studies, studies_to_erase

    found = studies_to_erase(reference=reference, study=study, deleted=deleted)
    if yes:
        films = erase_studies(found)
        click.echo(f"Erased {len(found)} studies and {films} films.")
    else:
        click.echo(f"Would erase {len(found)} studies; add --yes to do it.")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--check", "only_check", is_flag=True, help="Say whether PATH is current, and write nothing.")
def openapi(*, path: Path | None, only_check: bool) -> None:
    """Write the description of the API (OpenAPI 3.1) to PATH, or print it."""
    _set_up(database=False)
    from rakurs.service.description import description

    text = description()
    if only_check:
        current = path is not None and path.is_file() and path.read_text(encoding="utf-8") == text
        click.echo("The description is current." if current else f"{path} is not current: rakurs admin openapi {path}")
        click.get_current_context().exit(0 if current else 1)
    elif path is None:
        click.echo(text, nl=False)
    else:
        path.write_text(text, encoding="utf-8")
