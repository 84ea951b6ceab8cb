"""Who may do what: a table of people and endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.client import Person
from tests.service.conftest import new_film
from tests.service.processes import Installation

Row = tuple[str, str, dict[str, int]]

OPEN = {"nobody": 200, "reader": 200, "reviewer": 200, "administrator": 200, "neighbour": 200}
PEOPLE = {"nobody": 401, "reader": 200, "reviewer": 200, "administrator": 200, "neighbour": 200}
CLINIC = {**PEOPLE, "neighbour": 404}
REVIEWERS = {**PEOPLE, "reader": 403}
ADMINISTRATORS = {**REVIEWERS, "reviewer": 403}
REVIEWING = {"nobody": 401, "reader": 403, "reviewer": 201, "administrator": 201, "neighbour": 404}
DELETING = {"nobody": 401, "reader": 403, "reviewer": 403, "neighbour": 404, "administrator": 204}

TABLE: tuple[Row, ...] = (
    ("GET", "/api/health/live", OPEN),
    ("GET", "/api/health/ready", OPEN),
    ("GET", "/api/schema/", OPEN),
    ("GET", "/api/docs/", OPEN),
    ("GET", "/metrics", OPEN),
    ("GET", "/", OPEN),
    ("GET", "/api/me/", PEOPLE),
    ("GET", "/api/packs/", PEOPLE),
    ("GET", "/api/samples/", PEOPLE),
    ("GET", "/api/samples/chest-pa/frontal/", PEOPLE),
    ("GET", "/api/studies/", PEOPLE),
    ("GET", "/api/studies/{id}/", CLINIC),
    ("GET", "/api/studies/{id}/views/frontal/image/", CLINIC),
    ("GET", "/api/studies/{id}/views/frontal/pixels/", CLINIC),
    ("GET", "/api/studies/{id}/findings/mass/heat-map/", CLINIC),
    ("GET", "/api/studies/{id}/report.pdf", CLINIC),
    ("GET", "/api/studies/{id}/review/", CLINIC),
    ("POST", "/api/studies/{id}/review/", REVIEWING),
    ("GET", "/api/studies/export.csv", REVIEWERS),
    ("GET", "/api/audit/", ADMINISTRATORS),
    ("DELETE", "/api/studies/{id}/", DELETING),
)
VERDICT = {"findings": [{"label": "mass", "verdict": "agree"}]}


@pytest.fixture(scope="module")
def study(installation: Installation) -> dict[str, Any]:
    """A study of the red clinic; the neighbour is of the blue one."""
    study: dict[str, Any] = installation.person("reader").upload(("frontal", new_film())).json
    return study


@pytest.mark.parametrize(("method", "path", "expected"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_each_person_gets_what_the_table_says(
    installation: Installation, study: dict[str, Any], *, method: str, path: str, expected: dict[str, int]
) -> None:
    def status(name: str) -> int:
        person = installation.anybody if name == "nobody" else installation.person(name)
        address = path.format(**study)
        answer = person.post(address, VERDICT) if method == "POST" else person.ask(method, address)
        return answer.status

    if method == "DELETE":
        study = installation.person("reader").upload(("frontal", new_film())).json
    assert {name: status(name) for name in expected} == expected


def test_a_neighbour_sees_nothing_of_the_clinic_in_any_list(neighbour: Person, study: dict[str, Any]) -> None:
    assert neighbour.get("/api/studies/", order="time").json["results"] == []
    assert study["id"] not in neighbour.get("/api/studies/export.csv").body.decode()
    assert study["id"] not in neighbour.get("/api/audit/", size=200).body.decode()


def test_a_token_that_was_changed_opens_nothing(reader: Person) -> None:
    forged = Person(reader.address, token=reader.token[:-6] + "AAAAAA")
    assert forged.get("/api/me/").code == "token_invalid"


def test_too_many_failures_lock_the_name_out_and_the_right_password_too(installation: Installation) -> None:
    anybody = installation.anybody
    wrong = {"username": "a name that nobody has", "password": "x"}
    answers = [anybody.post("/api/auth/token/", wrong) for _ in range(6)]
    assert [answer.code for answer in answers] == ["wrong_credentials"] * 5 + ["locked_out"]
    assert int(answers[-1].headers["Retry-After"]) > 60
