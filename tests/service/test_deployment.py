"""compose.yaml and the Dockerfile, as far as they can be held to account without a container engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "operator.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
    return content


def test_every_variable_of_compose_is_one_of_ours(compose: dict[str, Any]) -> None:
    used = {name for service in ("serve", "work") for name in compose["services"][service]["environment"]}
    assert {name for name in used if f"`{name.removesuffix('_FILE')}`" not in GUIDE} == set()


def test_every_secret_network_and_volume_that_compose_uses_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert set(service.get("networks", [])) <= set(compose["networks"])
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}
        assert named <= set(compose["volumes"])
        assert set(service.get("depends_on", [])) <= set(compose["services"])


def test_the_proxy_that_is_trusted_is_the_one_that_there_is(compose: dict[str, Any]) -> None:
    address = compose["services"]["proxy"]["networks"]["inner"]["ipv4_address"]
    assert compose["services"]["serve"]["environment"]["RAKURS_TRUSTED_PROXY"] == address


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    docker = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    sources = {
        part for line in re.findall(r"^COPY (?!--from)(.+)$", docker, re.MULTILINE) for part in line.split()[:-1]
    }
    needed = {source.rstrip("/") for source in sources if not source.startswith("web")}
    assert {source for source in needed if not (REPOSITORY / source).exists()} == set()
    assert {source for source in sources if not source.startswith(tuple(kept))} == set()


def test_the_image_runs_as_nobody_in_particular() -> None:
    docker = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER rakurs$", docker, re.MULTILINE)
