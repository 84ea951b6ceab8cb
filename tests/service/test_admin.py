"""`rakurs admin`, and the description of the API."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.service.client import Person
from tests.service.conftest import new_film
from tests.service.processes import RAKURS, Installation, run_inside

REPOSITORY = Path(__file__).parents[2]


def admin(installation: Installation, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RAKURS, "admin", *arguments],
        env={**os.environ, **installation.environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


EMBEDDED = pytest.mark.parametrize("installation", ["embedded"], indirect=True)
"""For what has nothing to do with the database."""


@EMBEDDED
def test_a_user_is_made_and_given_a_new_password_which_ends_what_was_open(installation: Installation) -> None:
    made = admin(installation, "create-user", "anna", "--clinic", "Green clinic", "--role", "reviewer")
    anna = installation.anybody.log_in("anna", made.stdout.split()[-1])
    assert anna.get("/api/me/").json["clinic"] == "Green clinic"
    admin(installation, "reset-password", "anna", "--password-stdin", given="another long password\n")
    assert anna.get("/api/me/").status == 401
    assert installation.anybody.log_in("anna", "another long password").get("/api/me/").status == 200


@EMBEDDED
def test_a_weak_password_and_a_taken_name_are_refused_in_a_sentence(installation: Installation) -> None:
    weak = admin(installation, "create-user", "boris", "--clinic", "Green clinic", "--password-stdin", given="12345\n")
    taken = admin(installation, "create-user", "reader", "--clinic", "Green clinic")
    assert (weak.returncode, taken.returncode) == (2, 2)
    assert "This password cannot be used" in weak.stderr
    assert "There is a user 'reader' already" in taken.stderr


def test_erasing_removes_rows_and_films_and_leaves_the_audit(installation: Installation, administrator: Person) -> None:
    study = administrator.upload(("frontal", new_film()), reference="erase-me").json
    film = installation.folder / "films" / study["views"][0]["sha256"][:2] / study["views"][0]["sha256"]
    assert film.is_file()
    assert "Would erase 1 studies" in admin(installation, "erase", "--reference", "erase-me").stdout
    assert "Erased 1 studies and 1 films" in admin(installation, "erase", "--reference", "erase-me", "--yes").stdout
    assert not film.exists()
    assert administrator.get(f"/api/studies/{study['id']}/").status == 404
    rows = administrator.get("/api/audit/", study=study["id"]).json["results"]
    assert [row["action"] for row in rows] == ["erase", "upload"]


def test_reviews_and_audit_cannot_be_changed_in_the_database(installation: Installation) -> None:
    program = """
from django.db import DatabaseError
from rakurs.service.readings.models import AuditRow
try:
    AuditRow.objects.update(detail="forged")
except DatabaseError as error:
    print(error)
"""
    assert "kept as they were written" in run_inside(program, installation.environment)


@EMBEDDED
def test_the_description_of_the_api_is_current(installation: Installation) -> None:
    done = admin(installation, "openapi", str(REPOSITORY / "docs" / "openapi.yaml"), "--check")
    assert done.returncode == 0, done.stdout


def test_the_migrations_are_complete(installation: Installation) -> None:
    program = (
        "from django.core.management import call_command; call_command('makemigrations', check=True, dry_run=True)"
    )
    assert "No changes detected" in run_inside(program, installation.environment)


def test_workers_without_postgresql_are_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RAKURS, "work"],
        env={**os.environ, "RAKURS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "workers of their own need PostgreSQL" in done.stderr) == (2, True)
