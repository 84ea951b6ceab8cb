"""The variables of the environment: one form each, every fault at once, secrets for the owner alone."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rakurs.service.environment import (
    Environment,
    EnvironmentFault,
    caches_of,
    database_of,
    prepare_data_folder,
    secret_of,
    storage_of,
)
from tests.service.processes import RAKURS

REPOSITORY = Path(__file__).parents[2]
SETTINGS = REPOSITORY / "src" / "rakurs" / "service"


def checked(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`rakurs admin check` under these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAKURS_")}
    return subprocess.run(
        [*RAKURS, "admin", "check"],
        env={**kept, "RAKURS_DATA_DIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_fault_is_told_at_once_with_a_remedy_and_no_password(tmp_path: Path) -> None:
    done = checked(
        tmp_path,
        RAKURS_DATABASE_URL="mysql://someone:hunter2@host/name",
        RAKURS_QUEUE_LIMIT="many",
        RAKURS_TLS="perhaps",
        RAKURS_QUEU_LIMIT="7",
    )
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("RAKURS_DATABASE_URL", "RAKURS_QUEUE_LIMIT", "RAKURS_TLS"))
    assert "RAKURS_QUEU_LIMIT is no variable of Rakurs" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_the_start_has_an_id_a_cause_and_a_remedy(tmp_path: Path) -> None:
    done = checked(tmp_path, RAKURS_PACK="no-such-pack", RAKURS_TLS="1")
    assert done.returncode == 2
    assert re.search(r"rakurs\.E001: There is no pack 'no-such-pack'\. Name one of", done.stderr)
    assert re.search(
        r"rakurs\.E005: RAKURS_TLS is set, but no proxy is trusted.* Set RAKURS_TRUSTED_PROXY", done.stderr
    )


def test_a_name_beyond_this_machine_without_tls_is_noted(tmp_path: Path) -> None:
    done = checked(tmp_path, RAKURS_HOSTS="rakurs.example.org")
    assert (done.returncode, "rakurs.W004" in done.stdout) == (0, True)


def test_a_secret_that_others_may_read_stops_the_start(tmp_path: Path) -> None:
    prepare_data_folder(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    assert "rakurs.E003" in checked(tmp_path).stderr


def test_the_secret_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    prepare_data_folder(folder)
    secret = (folder / "secret").read_text(encoding="ascii")
    prepare_data_folder(folder)
    assert (folder / "secret").read_text(encoding="ascii") == secret
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="RAKURS_DATA_DIR"):
        prepare_data_folder(tmp_path / "file" / "data")


def test_a_secret_may_be_handed_over_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "handed").write_text("s" * 40 + "\n")
    environment = Environment({"RAKURS_SECRET_KEY_FILE": str(tmp_path / "handed")})
    assert secret_of(environment, tmp_path) == "s" * 40
    environment.check()


def test_a_short_secret_is_a_fault(tmp_path: Path) -> None:
    environment = Environment({"RAKURS_SECRET_KEY": "short"})
    secret_of(environment, tmp_path)
    with pytest.raises(EnvironmentFault, match="shorter than 32 characters"):
        environment.check()


def test_the_address_of_a_database_is_taken_apart(tmp_path: Path) -> None:
    url = "postgresql://ra%40kurs:p%2Fw@db.example:5433/readings?sslmode=require"
    found = database_of(Environment({"RAKURS_DATABASE_URL": url}), tmp_path)
    assert {name: found[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "USER": "ra@kurs", "PASSWORD": "p/w", "HOST": "db.example", "PORT": "5433", "NAME": "readings",
    }  # fmt: skip
    assert found["OPTIONS"]["sslmode"] == "require"


def test_storage_and_cache_are_those_of_their_addresses(tmp_path: Path) -> None:
    values = {
        "RAKURS_STORAGE_URL": "s3://films/rakurs?endpoint=http://minio:9000",
        "RAKURS_REDIS_URL": "redis://cache/1",
    }
    environment = Environment(values)
    storage, caches = storage_of(environment, tmp_path), caches_of(environment)
    assert (storage["OPTIONS"]["bucket_name"], storage["OPTIONS"]["location"]) == ("films", "rakurs")
    assert storage["OPTIONS"]["endpoint_url"] == "http://minio:9000"
    assert caches["default"]["LOCATION"] == "redis://cache/1"
    environment.check()


def test_debug_cannot_be_turned_on(tmp_path: Path) -> None:
    program = (
        "from rakurs.service import start; start.set_up(); from django.conf import settings; print(settings.DEBUG)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RAKURS_DATA_DIR": str(tmp_path), "DEBUG": "1", "DJANGO_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"


def test_every_variable_stands_in_the_operators_guide() -> None:
    code = "".join((SETTINGS / name).read_text(encoding="utf-8") for name in ("settings.py", "environment.py"))
    guide = (REPOSITORY / "docs" / "operator.md").read_text(encoding="utf-8")
    names = set(re.findall(r'"(RAKURS_[A-Z0-9_]+)"', code)) - {"RAKURS_TEST_DATA"}
    assert {name for name in names if f"`{name}`" not in guide} == set()
