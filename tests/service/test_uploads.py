"""Bodies that are too large, too slow, cut off, or no form at all."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.service.client import BOUNDARY, Person, form
from tests.service.conftest import Start, new_film
from tests.service.processes import Installation

MIB = 2**20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, embedded: Start) -> Iterator[Installation]:
    """An installation with small limits: a body of 1 MiB, 2 seconds of silence."""
    limits = {"RAKURS_UPLOAD_LIMIT_MIB": "1", "RAKURS_IDLE_S": "2", "RAKURS_CONNECTIONS": "50"}
    made = embedded(tmp_path_factory.mktemp("small"), **limits)
    yield made
    made.stop()


@pytest.fixture
def person(small: Installation) -> Person:
    return small.person("reader")


def opened(person: Person, head: str) -> socket.socket:
    """A connection on which the head of an upload was sent."""
    place = urlsplit(person.address)
    connection = socket.create_connection((place.hostname or "", place.port or 0), timeout=20)
    lines = f"POST /api/studies/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n{head}\r\n\r\n"
    connection.sendall(lines.encode())
    return connection


def head(length: int) -> str:
    return f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}"


def count(person: Person) -> int:
    return len(person.get("/api/studies/", size=200).json["results"])


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(person: Person) -> None:
    with opened(person, head(3 * MIB)) as connection, connection.makefile("rb") as incoming:
        answer = incoming.read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "application/problem+json" in answer
    assert '"code": "too_large"' in answer


def test_a_body_without_a_length_ends_at_the_limit(person: Person) -> None:
    chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    with opened(
        person, f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nTransfer-Encoding: chunked"
    ) as pipe:
        try:
            for _ in range(60):
                pipe.sendall(chunk)
            pipe.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # the server closed it, which is as good an answer
        else:
            assert pipe.recv(65536).startswith(b"HTTP/1.1 413")
    assert person.get("/api/me/").status == 200


def test_a_large_body_that_is_no_upload_is_refused(person: Person) -> None:
    body = b'{"refresh": "' + b"x" * (MIB + 100_000) + b'"}'
    answer = person.ask("POST", "/api/auth/refresh/", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (413, "too_large")


def test_an_upload_that_is_cut_off_leaves_nothing(person: Person) -> None:
    before, body = count(person), form([("frontal", new_film())])
    with opened(person, head(len(body))) as connection:
        connection.sendall(body[: len(body) // 2])
    time.sleep(0.2)
    assert count(person) == before


def test_an_upload_that_falls_silent_is_given_up_and_others_are_served_meanwhile(person: Person) -> None:
    body = form([("frontal", new_film())])
    waiting = [opened(person, head(len(body))) for _ in range(40)]
    for connection in waiting:
        connection.sendall(body[:100])
    assert person.upload(("frontal", new_film())).json["state"] == "read"
    waiting[0].settimeout(15)
    assert waiting[0].recv(1024) == b""
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form([]), "no_file"),
        (form([("top", b"x")]), "view"),
        (form([("frontal", b"x"), ("frontal", b"y")]), "view"),
        (form([("frontal", b"x")], fields={"pack": "../../etc"}), "pack"),
        (form([("frontal", b"x")], fields={"reference": "x" * 65}), "invalid"),
        (form([("frontal", b"x")], fields={"reference": "a\0b"}), "invalid"),
        (b"no form", "no_file"),
        (form([("frontal", b"x")])[:-40], "unsupported or no_file"),
    ],
    ids=["empty", "another view", "a view twice", "a path", "long", "a null", "no form", "no end"],
)
def test_a_body_that_is_no_study_is_refused_by_a_code(person: Person, *, body: bytes, code: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = person.ask("POST", "/api/studies/?wait=20", body=body, headers=headers)
    if answer.status < 400:
        assert answer.json["refusal"]["code"] in code
    else:
        assert answer.status == 400
        assert answer.code in code


def test_another_kind_of_body_is_not_supported(person: Person) -> None:
    answer = person.post("/api/studies/", {"pack": "tiny"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_path_in_a_file_name_is_only_a_name(person: Person) -> None:
    study = person.upload(("frontal", new_film()), name="../../../etc/passwd").json
    assert study["views"][0]["file_name"] == "passwd"
