"""What people do with the service, on either installation."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from rakurs.cli import rakurs_command
from tests import films
from tests.service.client import Person
from tests.service.conftest import film, new_film
from tests.service.processes import PASSWORD, Installation


def test_an_uploaded_film_is_read_before_the_answer_comes(reader: Person) -> None:
    answer = reader.upload(("frontal", new_film()), reference="P-100", note="cough")
    study = answer.json
    assert (answer.status, study["state"], study["reference"], study["note"]) == (201, "read", "P-100", "cough")
    assert answer.headers["Location"] == f"/api/studies/{study['id']}/"
    assert [finding["label"] for finding in study["findings"]] == ["effusion", "mass", "pneumothorax", "other"]
    assert all(0 <= finding["probability"] <= 1 for finding in study["findings"])


def test_findings_are_those_of_the_command_line(reader: Person, installation: Installation) -> None:
    content = new_film()
    path = installation.folder / "film.png"
    path.write_bytes(content)
    pack = f"{installation.environment['RAKURS_PACKS']}/tiny"
    printed = CliRunner().invoke(rakurs_command, ["read", "--pack", pack, "--json", str(path)])
    read = json.loads(printed.output)["readings"][0]
    study = reader.upload(("frontal", content)).json
    assert [{**finding, "heat_maps": None} for finding in study["findings"]] == [
        {**finding, "heat_maps": None} for finding in read["findings"]
    ]


def test_the_same_films_of_the_same_person_are_the_same_study(reader: Person) -> None:
    content = new_film()
    first, second = reader.upload(("frontal", content)), reader.upload(("frontal", content))
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]


def test_the_same_film_of_another_person_is_a_study_of_its_own(reader: Person, reviewer: Person) -> None:
    content = new_film()
    mine, theirs = reader.upload(("frontal", content)).json, reviewer.upload(("frontal", content)).json
    assert mine["id"] != theirs["id"]
    assert [finding["logit"] for finding in mine["findings"]] == [finding["logit"] for finding in theirs["findings"]]


def test_the_same_film_sent_many_times_at_once_is_one_study(reader: Person) -> None:
    content = new_film()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: reader.upload(("frontal", content)), range(6)))
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]


def test_two_views_make_one_study(reader: Person) -> None:
    study = reader.upload(("frontal", new_film()), ("lateral", new_film())).json
    assert [view["view"] for view in study["views"]] == ["frontal", "lateral"]
    assert set(study["findings"][0]["heat_maps"]) == {"frontal", "lateral"}


def test_a_file_goes_to_the_view_that_its_header_names(reader: Person) -> None:
    values = films.film_of(12)
    lateral = films.dicom12(values, ViewPosition="LL")
    study = reader.upload(("file", lateral), ("frontal", new_film())).json
    assert [view["view"] for view in study["views"]] == ["frontal", "lateral"]
    assert study["views"][1]["sha256"] == hashlib.sha256(lateral).hexdigest()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no film", "unsupported"),
        (b"\x89PNG\r\n\x1a\n cut off", "unreadable"),
        (films.png(films.photograph()), "colour"),
        (films.png(np.full((96, 96), 7, np.uint8)), "blank"),
        (films.dicom12(films.film_of(12), Modality="CT"), "wrong_modality"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refused_film_is_recorded_with_its_reason(reader: Person, *, content: bytes, code: str) -> None:
    study = reader.upload(("frontal", content)).json
    assert (study["state"], study["refusal"]["code"], study["findings"]) == ("refused", code, [])
    assert reader.get(f"/api/studies/{study['id']}/").json["refusal"] == study["refusal"]
    answer = reader.get(f"/api/studies/{study['id']}/findings/mass/heat-map/")
    assert (answer.status, answer.code) == (409, code)


def test_without_waiting_the_answer_comes_at_once_and_the_reading_later(reader: Person) -> None:
    study = reader.upload(("frontal", new_film()), wait=0).json
    assert study["state"] in ("queued", "reading", "read")
    assert reader.get(f"/api/studies/{study['id']}/", wait=30).json["state"] == "read"


def test_a_heat_map_is_a_small_picture_with_alpha(reader: Person) -> None:
    study = reader.upload(("frontal", new_film())).json
    addresses = [finding["heat_maps"]["frontal"] for finding in study["findings"]]
    answer = reader.get(next(address for address in addresses if address))
    picture = Image.open(BytesIO(answer.body))
    assert (answer.headers["Content-Type"], picture.format, picture.mode) == ("image/png", "PNG", "P")
    assert len(answer.body) < 6000
    assert np.asarray(picture.convert("RGBA"))[..., 3].max() == 255


def test_pictures_are_not_sent_twice(reader: Person) -> None:
    study = reader.upload(("frontal", new_film())).json
    path = study["views"][0]["image"]
    etag = reader.get(path).headers["ETag"]
    again = reader.ask("GET", path, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


def test_the_film_comes_as_it_is_displayed_and_with_every_grey_level(reader: Person) -> None:
    stored = films.film_of(12)
    study = reader.upload(("frontal", films.dicom12(stored, WindowCenter=2048, WindowWidth=4096))).json
    view = study["views"][0]
    shown = np.asarray(Image.open(BytesIO(reader.get(view["image"], format="png").body)))
    answer = reader.ask("GET", view["pixels"], headers={"Accept-Encoding": "gzip"})
    rows, columns = int(answer.headers["Rakurs-Rows"]), int(answer.headers["Rakurs-Columns"])
    levels = np.frombuffer(gzip.decompress(answer.body), "<u2").reshape(rows, columns)
    assert (view["rows"], view["columns"]) == (rows, columns) == shown.shape == stored.shape
    assert np.abs(levels / 65535 - stored / 4095).max() < 1e-3
    assert np.abs(shown / 255 - stored / 4095).max() < 5e-3


def test_the_worklist_is_paged_without_gap_or_repetition(reader: Person) -> None:
    made = {reader.upload(("frontal", new_film()), reference="paged").json["id"] for _ in range(5)}
    for order in ("urgency", "time"):
        path, found = f"/api/studies/?size=2&order={order}&reference=paged", []
        while path:
            page = reader.get(path).json
            found += [study["id"] for study in page["results"]]
            path = page["next"]
        assert sorted(found) == sorted(made)


def test_the_worklist_is_ordered_by_urgency_or_by_time(reader: Person) -> None:
    made = [reader.upload(("frontal", new_film()), reference="ordered").json for _ in range(4)]
    urgent = reader.get("/api/studies/", reference="ordered").json["results"]
    newest = reader.get("/api/studies/", reference="ordered", order="time").json["results"]
    assert [study["urgency"] for study in urgent] == sorted((study["urgency"] for study in made), reverse=True)
    assert [study["id"] for study in newest] == [study["id"] for study in reversed(made)]


def test_the_worklist_is_filtered_by_reference_state_and_finding(reader: Person) -> None:
    read = reader.upload(("frontal", new_film()), reference="Filter-1").json
    refused = reader.upload(("frontal", b"no film at all"), reference="Filter-2").json

    def found(**query: str) -> set[str]:
        return {study["id"] for study in reader.get("/api/studies/", search="Filter", **query).json["results"]}

    assert found() == {read["id"], refused["id"]}
    assert found(state="refused") == {refused["id"]}
    for finding in read["findings"]:
        reached = finding["operating_points"]["specific"]
        assert found(finding=finding["label"], point="specific") == ({read["id"]} if reached else set())


def test_a_review_is_kept_beside_those_before_it(reviewer: Person) -> None:
    study = reviewer.upload(("frontal", new_film())).json
    path = f"/api/studies/{study['id']}/review/"
    reviewer.post(path, {"findings": [{"label": "mass", "verdict": "agree"}]})
    answer = reviewer.post(path, {"findings": [{"label": "mass", "verdict": "disagree", "comment": "a nipple"}]})
    assert answer.status == 201
    assert [review["verdict"] for review in answer.json["results"]] == ["disagree", "agree"]
    assert {review["reviewer"] for review in answer.json["results"]} == {"reviewer"}
    shown = reviewer.get(f"/api/studies/{study['id']}/").json
    assert shown["reviews"] == answer.json["results"]
    assert shown["reviewed_at"] is not None


def test_the_table_has_a_row_per_finding_and_no_formula(reviewer: Person) -> None:
    study = reviewer.upload(("frontal", new_film()), reference="=1+1").json
    text = reviewer.get("/api/studies/export.csv", reference="=1+1").body.decode()
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["label"] for row in rows] == [finding["label"] for finding in study["findings"]]
    assert {row["reference"] for row in rows} == {"'=1+1"}
    assert float(rows[0]["probability"]) == study["findings"][0]["probability"]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_report_is_a_pdf(reader: Person, language: str) -> None:
    study = reader.upload(("frontal", new_film()), ("lateral", new_film())).json
    answer = reader.get(study["report"], language=language)
    assert (answer.status, answer.headers["Content-Type"], answer.body[:5]) == (200, "application/pdf", b"%PDF-")


def test_a_deleted_study_is_gone_and_may_be_uploaded_anew(administrator: Person) -> None:
    content = new_film()
    study = administrator.upload(("frontal", content)).json
    assert administrator.ask("DELETE", f"/api/studies/{study['id']}/").status == 204
    assert administrator.get(f"/api/studies/{study['id']}/").code == "not_found"
    again = administrator.upload(("frontal", content))
    assert again.status == 201
    assert again.json["id"] != study["id"]


def test_every_access_leaves_a_row_of_the_audit(administrator: Person, reader: Person) -> None:
    study = reader.upload(("frontal", new_film())).json
    reader.get(f"/api/studies/{study['id']}/")
    reader.get(study["views"][0]["image"])
    reader.get(study["views"][0]["pixels"])
    reader.get(study["report"])
    reader.get(f"/api/studies/{study['id']}/findings/mass/heat-map/")
    rows = administrator.get("/api/audit/", study=study["id"]).json["results"]
    assert [row["action"] for row in rows] == ["heat_map", "report", "pixels", "image", "view", "upload"]
    assert {row["user"] for row in rows} == {"reader"}


def test_the_packs_say_everything_that_a_page_needs(reader: Person) -> None:
    answer = reader.get("/api/packs/").json
    pack = next(pack for pack in answer["results"] if pack["name"] == "tiny")
    assert answer["default"] == "tiny"
    assert [view["name"] for view in pack["views"]] == ["frontal", "lateral"]
    assert pack["labels"][0]["title"]["ru"] == "Плевральный выпот"
    assert set(pack["labels"][0]["operating_points"]) == {"sensitive", "specific"}


def test_the_sample_film_can_be_fetched_and_uploaded(reader: Person) -> None:
    sample = reader.get("/api/samples/").json["results"][0]
    content = reader.get(sample["views"]["frontal"]).body
    study = reader.upload(("frontal", content), name="sample.dcm").json
    assert study["state"] == "read"


def test_a_person_logs_in_goes_on_and_logs_out(anybody: Person) -> None:
    tokens = anybody.post("/api/auth/token/", {"username": "reader", "password": PASSWORD}).json
    renewed = anybody.post("/api/auth/refresh/", {"refresh": tokens["refresh"]}).json
    assert anybody.post("/api/auth/refresh/", {"refresh": tokens["refresh"]}).code == "token_invalid"
    assert Person(anybody.address, token=renewed["access"]).get("/api/me/").json["username"] == "reader"
    assert anybody.post("/api/auth/logout/", {"refresh": renewed["refresh"]}).status == 204
    assert anybody.post("/api/auth/refresh/", {"refresh": renewed["refresh"]}).code == "token_invalid"


def test_the_page_keeps_its_refresh_token_where_no_script_can_read_it(anybody: Person) -> None:
    answer = anybody.post("/api/auth/token/", {"username": "reader", "password": PASSWORD, "cookie": True})
    held = re.fullmatch(r"rakurs_refresh=([^;]+); (.*)", answer.headers["Set-Cookie"])
    assert held is not None
    assert answer.json["refresh"] is None
    assert {"HttpOnly", "SameSite=Strict", "Path=/api/auth/"} <= set(held.group(2).split("; "))
    anybody.cookies["rakurs_refresh"] = held.group(1)
    assert anybody.post("/api/auth/refresh/").status == 200


def test_many_people_at_once_each_get_their_own_answer(installation: Installation) -> None:
    reader = installation.person("reader")
    contents = [film(50_000 + number) for number in range(32)]
    with ThreadPoolExecutor(32) as pool:
        studies = [answer.json for answer in pool.map(lambda content: reader.upload(("frontal", content)), contents)]
    shown = [reader.get(f"/api/studies/{study['id']}/", wait=30).json for study in studies]
    assert {study["state"] for study in shown} == {"read"}
    assert [study["views"][0]["sha256"] for study in shown] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
    assert len({tuple(finding["logit"] for finding in study["findings"]) for study in shown}) == len(contents)
