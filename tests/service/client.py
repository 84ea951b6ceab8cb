"""A small client for the tests: plain HTTP by the standard library, so that nothing of ours answers for us."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

BOUNDARY = "films-of-one-study"
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The machine code of a problem, which must be a whole problem document."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body[:300]
        assert {"type", "title", "status", "detail", "code"} <= set(self.json)
        assert self.json["status"] == self.status
        return str(self.json["code"])


@dataclass(slots=True)
class Person:
    """Somebody who speaks to the service, logged in or not."""

    address: str
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        place = urlsplit(self.address)
        connection = HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
        sent = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, /, **query: object) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, /, content: object = None) -> Answer:
        return self.ask(
            "POST", path, body=json.dumps(content or {}).encode(), headers={"Content-Type": "application/json"}
        )

    def log_in(self, username: str, password: str) -> Person:
        answer = self.post("/api/auth/token/", {"username": username, "password": password})
        assert answer.status == 200, answer.body
        return Person(self.address, token=answer.json["access"])

    def upload(self, *files: tuple[str, bytes], wait: float = 30, name: str = "film.png", **fields: str) -> Answer:
        body = form(files, name=name, fields=fields)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return self.ask("POST", f"/api/studies/?wait={wait}", body=body, headers=headers)


def form(
    files: Sequence[tuple[str, bytes]], *, name: str = "film.png", fields: Mapping[str, str] | None = None
) -> bytes:
    """A multipart body (RFC 7578)."""
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{field}"\r\n\r\n{value}\r\n'.encode() for field, value in (fields or {}).items()]
    parts += [
        f'{head}"{field}"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for field, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
