"""Two installations of the same program: the embedded one, and one with PostgreSQL, Redis and a worker of its own."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.packs import write_pack
from tests.service.client import Person
from tests.service.processes import Database, Installation, Redis, make_people, postgresql

Start = Callable[..., Installation]
TEMPLATE = "rakurs_template"
_NUMBERS = itertools.count()


def film(seed: int, *, side: int = 96) -> bytes:
    """A grey PNG with structure that differs from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
    done, content = cv2.imencode(".png", cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR))
    assert done
    return content.tobytes()


def new_film() -> bytes:
    """A film that no test has uploaded yet."""
    return film(10_000 + next(_NUMBERS))


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pack of two views, calibrated and gated, that refuses nothing by its gate."""
    folder = tmp_path_factory.mktemp("packs")
    write_pack(folder / "tiny", views=("frontal", "lateral"))
    return folder


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="rakurs-redis-") as folder:
        server = Redis(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, packs: Path) -> Path:
    """A data folder with people in it, of which every installation gets a copy."""
    folder = tmp_path_factory.mktemp("template")
    make_people(environment_of(folder, packs))
    return folder


@pytest.fixture(scope="session")
def database(template: Path, packs: Path) -> Iterator[Database]:
    """PostgreSQL, with a database of the same people, of which every installation gets a copy."""
    with tempfile.TemporaryDirectory(prefix="rakurs-pg-") as folder, postgresql(Path(folder) / "data") as server:
        make_people(environment_of(template, packs, RAKURS_DATABASE_URL=server.new(TEMPLATE)))
        yield server


def environment_of(folder: Path, packs: Path, **more: str) -> dict[str, str]:
    return {"RAKURS_DATA_DIR": str(folder), "RAKURS_PACKS": str(packs), "RAKURS_PACK": "tiny", **more}


@pytest.fixture(scope="session")
def embedded(template: Path, packs: Path) -> Start:
    """Start the embedded service on a new data folder."""

    def start(folder: Path, **more: str) -> Installation:
        data = folder / "data"
        shutil.copytree(template, data)
        made = Installation(data, environment_of(data, packs, RAKURS_READERS="1", **more))
        made.serve()
        return made

    return start


@pytest.fixture(scope="session")
def at_scale(template: Path, packs: Path, *, database: Database, redis: Redis) -> Start:
    """Start a service on a new database, with no worker yet."""

    def start(folder: Path, **more: str) -> Installation:
        data = folder / "data"
        shutil.copytree(template, data)
        url = database.new(f"rakurs_{next(_NUMBERS)}", template=TEMPLATE)
        settings = {"RAKURS_DATABASE_URL": url, "RAKURS_REDIS_URL": redis.address, **more}
        made = Installation(data, environment_of(data, packs, **settings))
        made.serve()
        return made

    return start


@pytest.fixture(scope="session", params=["embedded", "at_scale"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Either installation; every test that asks for it runs on both."""
    start: Start = request.getfixturevalue(request.param)
    made = start(tmp_path_factory.mktemp("installation"))
    if request.param == "at_scale":
        made.work()
    yield made
    made.stop()


@pytest.fixture
def reader(installation: Installation) -> Person:
    return installation.person("reader")


@pytest.fixture
def reviewer(installation: Installation) -> Person:
    return installation.person("reviewer")


@pytest.fixture
def administrator(installation: Installation) -> Person:
    return installation.person("administrator")


@pytest.fixture
def neighbour(installation: Installation) -> Person:
    return installation.person("neighbour")


@pytest.fixture
def anybody(installation: Installation) -> Person:
    return installation.anybody
