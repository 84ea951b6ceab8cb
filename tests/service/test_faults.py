"""What breaks, and that nothing is lost, nothing is doubled, and nobody has to mend it by hand."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.client import Answer, Person
from tests.service.conftest import Start, film, new_film
from tests.service.processes import Database, Installation, Process, Redis

WAITING = 4
"""Studies that may wait in the queue of `scaled`."""

PATIENCE_S = 60


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, at_scale: Start) -> Iterator[Installation]:
    limits = {"RAKURS_LEASE_S": "1", "RAKURS_MOST_ATTEMPTS": "2", "RAKURS_QUEUE_LIMIT": str(WAITING)}
    made = at_scale(tmp_path_factory.mktemp("scaled"), **limits)
    yield made
    made.stop()


@pytest.fixture
def scaled(shared: Installation) -> Iterator[Installation]:
    """A service with short leases, two tries and a short queue; no worker yet."""
    yield shared
    shared.stop_workers()


def large_film(seed: int) -> bytes:
    """A film that takes a while to read: 36 million pixels."""
    return film(seed, side=6000)


def eventually(ask: Callable[[], Answer], good: Callable[[Answer], bool]) -> Answer:
    """The first good answer."""
    ends = time.monotonic() + PATIENCE_S
    while not good(answer := ask()):
        assert time.monotonic() < ends, answer.body
        time.sleep(0.02)
    return answer


def in_state(person: Person, study: dict[str, Any], *states: str) -> dict[str, Any]:
    """The study, once it is in one of these states."""
    answer = eventually(
        lambda: person.get(f"/api/studies/{study['id']}/"),
        lambda answer: answer.status == 200 and answer.json["state"] in states,
    )
    return dict(answer.json)


def finished(person: Person, study: dict[str, Any]) -> dict[str, Any]:
    return in_state(person, study, "read", "refused", "failed")


def records(worker: Process, study: dict[str, Any]) -> int:
    """How often a worker recorded the study."""
    return sum(f"study={study['id']}" in line and "recorded=True" in line for line in worker.lines)


def test_a_worker_killed_in_mid_reading_loses_nothing_and_doubles_nothing(scaled: Installation) -> None:
    reader, first = scaled.person("reader"), scaled.work()
    study = reader.upload(("frontal", large_film(1)), wait=0).json
    in_state(reader, study, "reading")
    first.stop(signal.SIGKILL)
    second = scaled.work()
    assert finished(reader, study)["state"] == "read"
    second.wait_for("recorded=True")
    assert (records(first, study), records(second, study)) == (0, 1)


def test_a_film_that_kills_every_worker_is_given_up_and_may_be_sent_again(scaled: Installation) -> None:
    reader, content = scaled.person("reader"), large_film(2)
    study = reader.upload(("frontal", content), wait=0).json
    first = scaled.work()
    in_state(reader, study, "reading")
    first.stop(signal.SIGKILL)
    second = scaled.work()
    second.wait_for("taken up")
    in_state(reader, study, "reading")
    second.stop(signal.SIGKILL)
    scaled.work()
    failed = finished(reader, study)
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "cut_off")
    assert finished(reader, reader.upload(("frontal", content)).json)["state"] == "read"


def test_postgresql_restarted_is_a_pause_and_no_loss(scaled: Installation, database: Database) -> None:
    reader, worker = scaled.person("reader"), scaled.work()
    before = [reader.upload(("frontal", new_film()), wait=0).json for _ in range(3)]
    database.restart()
    content = new_film()
    after = eventually(
        lambda: reader.upload(("frontal", content), wait=5), lambda answer: answer.status in (200, 201)
    ).json
    assert {finished(reader, study)["state"] for study in [*before, after]} == {"read"}
    assert worker.process.poll() is None


def test_redis_gone_is_slower_and_nothing_else(scaled: Installation, redis: Redis) -> None:
    reader = scaled.person("reader")
    scaled.work()
    redis.stop()
    try:
        assert finished(reader, reader.upload(("frontal", new_film())).json)["state"] == "read"
        ready = reader.get("/api/health/ready")
        assert (ready.status, ready.json["checks"]["cache"]) == (200, "does not answer")
    finally:
        redis.start()
    assert reader.get("/api/health/ready").json["checks"]["cache"] == "ok"


def test_more_than_is_read_soon_is_turned_away_and_nothing_of_it_recorded(scaled: Installation) -> None:
    reader = scaled.person("reviewer")
    answers = [reader.upload(("frontal", new_film()), wait=0, reference="queue") for _ in range(WAITING + 2)]
    assert [answer.status for answer in answers] == [201] * WAITING + [503] * 2
    assert (answers[-1].code, int(answers[-1].headers["Retry-After"]) > 0) == ("busy", True)
    assert len(reader.get("/api/studies/", reference="queue").json["results"]) == WAITING
    scaled.work()
    assert {finished(reader, answer.json)["state"] for answer in answers[:WAITING]} == {"read"}
    assert reader.upload(("frontal", new_film())).status == 201


def test_the_embedded_service_killed_in_mid_reading_goes_on_where_it_was(tmp_path: Path, embedded: Start) -> None:
    made = embedded(tmp_path)
    reader = made.person("reader")
    studies = [reader.upload(("frontal", content), wait=0).json for content in (large_film(3), new_film(), new_film())]
    assert made.serving is not None
    made.serving.stop(signal.SIGKILL)
    made.serve()
    again = Person(made.address, token=reader.token)
    assert [finished(again, study)["state"] for study in studies] == ["read"] * 3
    made.serving.stop(signal.SIGTERM)
    assert made.serving.process.returncode == 0


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can only be mounted by root, with the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_said_and_room_made_is_enough(tmp_path: Path, embedded: Start, *, full_disk: Path) -> None:
    made = embedded(tmp_path)
    (made.folder / "films").rmdir()
    (made.folder / "films").symlink_to(full_disk)
    reader, content = made.person("reader"), new_film() + b"\0" * 100_000
    ballast = full_disk / "ballast"
    ballast.write_bytes(b"x" * (4 * 2**20 - 65536))
    answer = reader.upload(("frontal", content))
    assert (answer.status, answer.code) == (507, "storage_full")
    assert reader.get("/api/studies/").json["results"] == []
    ballast.unlink()
    assert reader.upload(("frontal", content)).json["state"] == "read"
    made.stop()


def test_two_servers_on_one_data_folder_are_one_too_many(tmp_path: Path, embedded: Start) -> None:
    made = embedded(tmp_path)
    second = Installation(made.folder, made.environment)
    with pytest.raises(AssertionError, match="Another `rakurs serve` works on"):
        second.serve()
    second.stop()
    made.stop()
