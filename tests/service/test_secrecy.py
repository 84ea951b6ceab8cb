"""What must not be seen: patients and secrets in logs, settings in answers, anything by another site's page."""

from __future__ import annotations

import logging
import re
import sys

import pytest

from rakurs.service.logs import Formatter
from tests import films
from tests.service.client import Person
from tests.service.conftest import new_film
from tests.service.processes import PASSWORD, Installation


def test_nothing_of_a_patient_and_no_secret_is_logged(installation: Installation) -> None:
    reviewer, administrator = installation.person("reviewer"), installation.person("administrator")
    named = films.dicom12(films.film_of(12), PatientName="Sidorova^Anna", PatientID="PAT-4711", Modality="CT")
    study = reviewer.upload(("file", named), name="Sidorova.dcm", reference="REF-4711", note="Sidorova coughs").json
    read = reviewer.upload(("frontal", new_film()), name="Petrov.png", reference="REF-4712").json
    comment = {"findings": [{"label": "mass", "verdict": "comment", "comment": "Petrov's old scar"}]}
    reviewer.post(f"/api/studies/{read['id']}/review/", comment)
    reviewer.get("/api/studies/", search="REF-47")
    reviewer.get("/api/studies/", order="Sidorova")
    reviewer.get(f"/api/studies/{study['id']}/report.pdf")
    administrator.ask("DELETE", f"/api/studies/{study['id']}/")
    installation.anybody.post("/api/auth/token/", {"username": "Sidorova", "password": "PAT-4711"})
    written = installation.everything_written()
    assert study["id"] in written
    secrets = [PASSWORD, reviewer.token, administrator.token, (installation.folder / "secret").read_text().strip()]
    names = ["Sidorova", "Petrov", "PAT-4711", "REF-47", "coughs", "scar", "PatientName"]
    assert [word for word in [*secrets, *names] if word in written] == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_logged_by_its_place_and_not_by_its_words(form: str) -> None:
    try:
        raise ValueError("Key (reference)=(PAT-4711) already exists") from KeyError("PAT-4711")
    except ValueError:
        record = logging.LogRecord(
            "rakurs", logging.ERROR, pathname=__file__, lineno=1, msg="A fault", args=(), exc_info=sys.exc_info()
        )
    line = Formatter(form).format(record)
    assert "PAT-4711" not in line
    assert "ValueError" in line
    assert "test_secrecy.py" in line


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(reader: Person) -> None:
    for path in ("/", "/api/packs/", "/api/docs/", "/nothing.js", "/api/studies/"):
        headers = reader.get(path).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
        assert headers["Referrer-Policy"] == "same-origin"


def test_the_pages_of_the_service_hold_no_script_of_their_own(anybody: Person) -> None:
    for path in ("/", "/api/docs/"):
        page = anybody.get(path).body.decode()
        assert re.search(r"<script(?![^>]* src=)[^>]*>\s*\S", page) is None


def test_answers_of_the_api_are_not_kept_by_caches(reader: Person) -> None:
    assert reader.get("/api/studies/").headers["Cache-Control"] == "no-store"
    study = reader.upload(("frontal", new_film())).json
    assert reader.get(study["views"][0]["image"]).headers["Cache-Control"] == "private, no-cache"


def test_an_unknown_host_name_is_refused(anybody: Person) -> None:
    answer = anybody.ask("GET", "/api/health/live", headers={"Host": "evil.example"})
    assert (answer.status, answer.code) == (400, "invalid")


def test_behind_tls_requests_without_it_are_sent_there_and_browsers_told_to_stay(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    start = request.getfixturevalue("embedded")
    made = start(tmp_path_factory.mktemp("tls"), RAKURS_TLS="1", RAKURS_TRUSTED_PROXY="127.0.0.1")
    plain = made.anybody.get("/api/packs/")
    secure = made.anybody.ask("GET", "/api/packs/", headers={"X-Forwarded-Proto": "https"})
    cookie = made.anybody.ask(
        "POST",
        "/api/auth/token/",
        body=f'{{"username": "reader", "password": "{PASSWORD}", "cookie": true}}'.encode(),
        headers={"Content-Type": "application/json", "X-Forwarded-Proto": "https"},
    ).headers["Set-Cookie"]
    made.stop()
    assert (plain.status, plain.headers["Location"].partition(":")[0]) == (301, "https")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Secure" in cookie
