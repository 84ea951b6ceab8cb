"""`rakurs serve` and `rakurs work`: the service, and workers for it."""

from __future__ import annotations

import os
import sys

import click

from rakurs.errors import UsageError

SERVICE_EXTRA = "This needs the service: pip install 'rakurs[service]'."


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--demo", is_flag=True, help="Make a user 'demo' and print a password for it.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser, where there is a screen.")
def serve(*, host: str, port: int, demo: bool, open_page: bool) -> None:
    """Serve the page and the API.

    Everything else is said by environment variables, which docs/operator.md lists. Without any, films, database and
    secret lie in one folder of this user's, and films are read by threads of this process. The first administrator's
    password is printed once, unless RAKURS_ADMIN_PASSWORD gives it.
    """
    _set_up()
    from django.conf import settings

    from rakurs.service import start
    from rakurs.service.readings.jobs import take_up_all
    from rakurs.service.readings.packs import reader_of
    from rakurs.service.readings.threads import start_keeper, start_readers
    from rakurs.service.readings.waiting import start_listening
    from rakurs.service.server import make_server, run
    from rakurs.service.wsgi import application

    for warning in start.check():
        click.echo(f"Note {warning}", err=True)
    held = None if settings.ON_POSTGRESQL else start.hold_data_folder()
    start.bring_up_to_date()
    if held is not None:
        take_up_all()
    readers = _readers(settings.READERS, alone=held is not None)
    if readers:
        reader_of(settings.DEFAULT_PACK)
        start_readers(readers)
        start_keeper()
    start_listening()
    server = make_server(application, host=host, port=port)
    _say_hello(f"http://{host}:{server.effective_port}/", demo=demo or settings.DEMONSTRATION)
    if open_page and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"):
        click.launch(f"http://{host}:{server.effective_port}/")
    run(server)


def _set_up() -> None:
    try:
        import django  # noqa: F401
        import waitress  # noqa: F401
    except ImportError:
        raise UsageError(SERVICE_EXTRA) from None
    from rakurs.service import start

    start.set_up()


def _readers(asked: int, *, alone: bool) -> int:
    """How many threads of this process read: as asked, else one per core where nobody else does."""
    from rakurs.cli.read import cores

    if asked >= 0:
        return asked
    return cores() if alone else 0


def _say_hello(address: str, *, demo: bool) -> None:
    from rakurs.service import start

    password = start.first_administrator() if not demo else None
    lines = [f"Rakurs is at {address}"]
    if demo:
        lines.append(f"Log in as {start.DEMO_NAME} with the password {start.demonstration_user()}")
    elif password:
        from django.conf import settings

        lines.append(f"Log in as {settings.ADMIN_USERNAME} with the password {password} (this is not shown again)")
    click.echo("\n".join(lines))


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), help="Readings at a time.  [default: one per core]")
def work(*, jobs: int | None) -> None:
    """Read what the service queues on PostgreSQL; any number of these may run, on any number of machines."""
    _set_up()
    from django.conf import settings

    from rakurs.cli.read import cores
    from rakurs.service import start

    if not settings.ON_POSTGRESQL:
        raise UsageError(
            "Without RAKURS_DATABASE_URL, `rakurs serve` reads in its own threads; "
            "workers of their own need PostgreSQL, see docs/operator.md."
        )
    start.check()
    start.bring_up_to_date()
    from rakurs.service.worker import work as run_worker

    run_worker(jobs=jobs or cores(), ready=lambda: click.echo("Rakurs reads what is queued"))
