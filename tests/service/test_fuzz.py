"""Every endpoint asked by what its own description says, and by what it does not say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks

from tests.service.client import Person
from tests.service.conftest import Start, new_film
from tests.service.processes import Installation

load_all_checks()
schema = schemathesis.openapi.from_path(Path(__file__).parents[2] / "docs" / "openapi.yaml")
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
REAL = {"view": "frontal", "label": "mass", "name": "chest-pa"}
"""Parts of addresses that lead somewhere; every other example keeps what was made up."""

_TURNS = itertools.count()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, embedded: Start) -> Iterator[Installation]:
    made = embedded(tmp_path_factory.mktemp("asked"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def study(asked: Installation) -> dict[str, Any]:
    uploaded: dict[str, Any] = asked.person("stranger").upload(("frontal", new_film())).json
    return uploaded


@schema.parametrize()
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_an_endpoint_answers_as_it_is_described(case: Case[Any], *, asked: Installation, study: dict[str, Any]) -> None:
    stranger: Person = asked.person("stranger")
    if case.method != "DELETE" and "study_id" in case.path_parameters:
        case.path_parameters["study_id"] = study["id"]
    if next(_TURNS) % 2:
        case.path_parameters.update({name: REAL[name] for name in REAL if name in case.path_parameters})
    if case.query and "wait" in case.query:
        case.query["wait"] = 1
    checks: Any = CHECKS.get_by_names(NAMES)
    case.call_and_validate(
        base_url=asked.address,
        headers={"Authorization": f"Bearer {stranger.token}"},
        checks=checks,
    )
