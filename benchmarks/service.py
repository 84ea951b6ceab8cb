"""How fast is the service: for one person, for many, on a long worklist, and beside `rakurs read`?

    .venv/bin/python benchmarks/service.py --films 200

Real processes on loopback: `rakurs serve` on SQLite, then `rakurs serve` and `rakurs work` on PostgreSQL and Redis. The
pack is the one that ships; every upload is another file (the same PNG of 1024 px with other bytes behind its end), so
that nothing comes out of a cache. Load is made by wrk where it is installed, which costs the machine least, else by
threads of this script. Films a second of the service stand beside those of `rakurs read` on as many films in one run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from material.serving import BOUNDARY, Serving, at_scale, distinct, embedded, form
from timing import BENCHMARKS, arguments, machine, rakurs_command, run_process, table

PACKAGES = ("rakurs", "Django", "djangorestframework", "waitress", "procrastinate", "onnxruntime", "psycopg")
HEAD = ("question", "installation", "answer", "target")
MANY = 32
CONNECTIONS = 8
Row = tuple[str, str, str, str]


def main() -> None:
    asked = parser().parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    rows: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        film = _film(folder)
        with embedded(folder / "sqlite", RAKURS_READERS=str(asked.threads)) as serving:
            rows += measured(serving, "SQLite", film=film, asked=asked)
        with at_scale(folder / "postgresql", jobs=asked.threads) as serving:
            rows += measured(serving, "PostgreSQL, Redis, a worker", film=film, asked=asked)
            rows += beside_the_command_line(serving, film=film, folder=folder, asked=asked)
            rows.append(turned_away(serving, film=film))
    print(table(HEAD, rows))


def parser() -> argparse.ArgumentParser:
    made = arguments(__doc__, rounds=1)
    made.add_argument("--films", type=int, default=200, help="films of each load (default 200)")
    made.add_argument("--studies", type=int, default=100_000, help="studies on the long worklist (default 100,000)")
    return made


def _film(folder: Path) -> bytes:
    from material.films import write_png  # noqa: PLC0415  # its imports are of no use to the rest

    return write_png(folder / "film.png", seed=0).read_bytes()


_NUMBERS: Iterator[int] = iter(range(10**9))


def measured(serving: Serving, name: str, *, film: bytes, asked: argparse.Namespace) -> list[Row]:
    """Everything that is asked of either installation."""
    rows = [one_person(serving, name, film=film, count=max(20, asked.films // 2))]
    rows.append(heat_maps(serving, name, film=film))
    rows.append(many_people(serving, name, film=film, count=asked.films))
    rows += long_worklist(serving, name, count=asked.studies)
    return rows


def timed(work: Callable[[], object], count: int) -> list[float]:
    """Seconds of each call; the first five are not counted."""
    seconds = []
    for _ in range(count + 5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds[5:]


def shown(seconds: Sequence[float]) -> str:
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {1000 * hundredths[49]:.1f} ms, p95 {1000 * hundredths[94]:.1f} ms"


def one_person(serving: Serving, name: str, *, film: bytes, count: int) -> Row:
    client = serving.client()

    def upload() -> None:
        status, study = client.upload(distinct(film, next(_NUMBERS)))
        assert (status, study["state"]) == (201, "read"), study

    return "upload to findings, one person", name, shown(timed(upload, count)), "p50 250 ms, p95 600 ms"


def heat_maps(serving: Serving, name: str, *, film: bytes) -> Row:
    client = serving.client()
    _, study = client.upload(distinct(film, next(_NUMBERS)))
    paths = [path for finding in study["findings"] for path in finding["heat_maps"].values() if path]

    def fetch() -> None:
        status, picture = client.ask("GET", paths[0])
        assert (status, picture[:4]) == (200, b"\x89PNG")

    return "a heat map", name, shown(timed(fetch, 200)), "10 ms"


def many_people(serving: Serving, name: str, *, film: bytes, count: int) -> Row:
    """Everybody gets the study of the film that they sent, however many send at once."""
    films = [distinct(film, next(_NUMBERS)) for _ in range(count)]
    began = time.perf_counter()

    def upload(content: bytes) -> str:
        client = serving.client()
        status, study = client.upload(content)
        while status == 503:
            time.sleep(0.5)
            status, study = client.upload(content)
        while study["state"] in ("queued", "reading"):
            study = json.loads(client.ask("GET", f"/api/studies/{study['id']}/?wait=30")[1])
        right = study["views"][0]["sha256"] == hashlib.sha256(content).hexdigest()
        return f"{study['id']} {study['state']} {right}"

    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(upload, films))
    seconds = time.perf_counter() - began
    right = len({answer for answer in answers if answer.endswith("read True")})
    return (
        f"{MANY} people at once",
        name,
        f"{right} of {count} read, each as the film that was sent; {count / seconds:.1f} films/s",
        "none lost, none mixed up",
    )


def long_worklist(serving: Serving, name: str, *, count: int) -> list[Row]:
    environment = {**os.environ, **serving.environment}
    subprocess.run([sys.executable, "-m", "material.worklist", str(count)], cwd=BENCHMARKS, env=environment, check=True)
    client = serving.client()
    deep = f"/api/studies/?cursor={_cursor('rank:01.0')}"
    questions = {
        "by urgency": "/api/studies/",
        "by urgency, in the middle": deep,
        "by time": "/api/studies/?order=time",
        "one finding, by urgency": "/api/studies/?finding=mass&point=specific",
        "a finding that nobody has": "/api/studies/?finding=hernia",
        "the beginning of a reference": "/api/studies/?search=P-0123",
        "refused ones": "/api/studies/?state=refused",
    }
    rows = []
    for question, path in questions.items():
        seconds = timed(lambda path=path: _page(client, path), 40)
        rows.append((f"worklist of {count:,}: {question}", name, shown(seconds), "50 ms"))
    return rows


def _page(client: object, path: str) -> None:
    status, _ = client.ask("GET", path)  # type: ignore[attr-defined]
    assert status == 200


def _cursor(text: str) -> str:
    import base64  # noqa: PLC0415

    return quote(base64.urlsafe_b64encode(text.encode()).decode())


def beside_the_command_line(serving: Serving, *, film: bytes, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """Films a second through the API, and of `rakurs read` on as many, in turn."""
    films = folder / "films"
    films.mkdir()
    for number in range(asked.films):
        (films / f"{number:04}.png").write_bytes(distinct(film, next(_NUMBERS)))
    ours, theirs = [], []
    for _ in range(max(1, asked.rounds)):
        run = run_process(rakurs_command("read", films, "--json", "--jobs", str(asked.threads)))
        theirs.append(asked.films / run.seconds)
        ours.append(_throughput(serving, film=film, folder=folder, count=asked.films))
    share = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    tool = "wrk" if shutil.which("wrk") else "threads of this script"
    api = (
        f"{statistics.median(ours):.1f} films/s, {share:.0%} of the command line's ({tool}, {CONNECTIONS} connections)"
    )
    name = "PostgreSQL, Redis, a worker"
    return [
        ("films a second", "rakurs read", f"{statistics.median(theirs):.1f} films/s", ""),
        ("films a second", name, api, "70 %"),
    ]


def _throughput(serving: Serving, *, film: bytes, folder: Path, count: int) -> float:
    if shutil.which("wrk") is None:
        began = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda number: serving.client().upload(distinct(film, number)), _some(count)))
        return count / (time.perf_counter() - began)
    seconds = max(5, count // 15)
    script = folder / "upload.lua"
    script.write_text(_LUA.format(token=serving.token, boundary=BOUNDARY, film=folder / "form", start=next(_NUMBERS)))
    (folder / "form").write_bytes(form(film))
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "60s"]
    path = f"{serving.address}/api/studies/?wait=30"
    told = subprocess.run([*command, "-s", str(script), path], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None or "Non-2xx" in told:
        raise SystemExit(f"wrk did not get its answers:\n{told}")
    return float(found.group(1))


def _some(count: int) -> list[int]:
    return [next(_NUMBERS) for _ in range(count)]


_LUA = """
local file = io.open("{film}", "rb")
local body = file:read("*all")
file:close()
local tail = "\\r\\n--{boundary}--\\r\\n"
local head = body:sub(1, #body - #tail)
local number = {start} * 1000000 + math.random(1000000)
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Content-Type"] = "multipart/form-data; boundary={boundary}"
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, head .. string.format("%016d", number) .. tail)
end
"""


def turned_away(serving: Serving, *, film: bytes) -> Row:
    """What happens to those who send more than is read soon."""
    films = [distinct(film, next(_NUMBERS)) for _ in range(260)]

    def upload(content: bytes) -> int:
        return serving.client().upload(content, wait=0)[0]

    with ThreadPoolExecutor(MANY) as pool:
        statuses = list(pool.map(upload, films))
    told = ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
    return "260 uploads that nobody waits for", "PostgreSQL, Redis, a worker", told, "201, and 503 past the bound"


if __name__ == "__main__":
    main()
