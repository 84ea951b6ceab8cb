"""Two installations of the same program: the embedded one, and one with PostgreSQL, Redis and a worker of its own."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.packs import write_pack
from tests.service.client import Person
from tests.service.processes import Database, Installation, Redis, postgresql

Start = Callable[..., Installation]
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
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="rakurs-pg-") as folder, postgresql(Path(folder) / "data") as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="rakurs-redis-") as folder:
        server = Redis(Path(folder))
        server.start()
        yield server
        server.stop()


def environment_of(folder: Path, packs: Path, **more: str) -> dict[str, str]:
    return {"RAKURS_DATA_DIR": str(folder), "RAKURS_PACKS": str(packs), "RAKURS_PACK": "tiny", **more}


def embedded(folder: Path, packs: Path, **more: str) -> Installation:
    made = Installation(folder, environment_of(folder, packs, RAKURS_READERS="1", **more))
    made.make_people()
    made.serve()
    return made


def at_scale(folder: Path, packs: Path, *, database: Database, redis: Redis, **more: str) -> Installation:
    url = database.new(f"rakurs_{next(_NUMBERS)}")
    settings = {"RAKURS_DATABASE_URL": url, "RAKURS_REDIS_URL": redis.address, **more}
    made = Installation(folder, environment_of(folder, packs, **settings))
    made.make_people()
    made.serve()
    return made


@pytest.fixture(scope="session", params=["embedded", "at scale"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, packs: Path
) -> Iterator[Installation]:
    """Either installation; every test that asks for it runs on both."""
    folder = tmp_path_factory.mktemp("data")
    if request.param == "embedded":
        made = embedded(folder, packs)
    else:
        database, redis = request.getfixturevalue("database"), request.getfixturevalue("redis")
        made = at_scale(folder, packs, database=database, redis=redis)
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
