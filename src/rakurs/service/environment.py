"""The environment variables of the service: each has one name, one form and one sentence on what it does.

All faults are collected and told at once, so that nobody mends them one start after the other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from rakurs.errors import RakursError

T = TypeVar("T")

PREFIX: Final = "RAKURS_"

NOT_OURS: Final = frozenset({"RAKURS_PACKS", "RAKURS_TEST_DATA"})
"""Variables with our prefix that other rooms read."""

SECRET_FILE: Final = "secret"


class EnvironmentFault(RakursError):
    """Environment variables that the service cannot start with; every fault has its line."""

    code = "environment"


@dataclass(slots=True)
class Environment:
    """Reads variables, remembers which were known, and collects what is wrong with them."""

    values: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=lambda: set(NOT_OURS))

    def text(self, name: str, default: str = "") -> str:
        """The value of a variable, or of the file that NAME_FILE points to, which is how secrets are handed over."""
        self.known |= {name, f"{name}_FILE"}
        path = self.values.get(f"{name}_FILE", "")
        if path and not self.values.get(name):
            return self._content(f"{name}_FILE", path)
        return self.values.get(name, "").strip() or default

    def _content(self, name: str, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(f"{name} names '{path}', which cannot be read: {type(error).__name__}.")
            return ""

    def read(self, name: str, default: T, *, convert: Callable[[str], T], form: str) -> T:
        """A variable by `convert`; where that raises ValueError, the fault says the `form` that was expected."""
        text = self.text(name)
        if not text:
            return default
        try:
            return convert(text)
        except ValueError:
            self.faults.append(f"{name} is '{text}'; expected {form}.")
            return default

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 10**6) -> int:
        """A whole number between `least` and `most`."""

        def convert(text: str) -> int:
            number = int(text)
            if not least <= number <= most:
                raise ValueError
            return number

        return self.read(name, default, convert=convert, form=f"a whole number from {least} to {most}")

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A number between `least` and `most`."""

        def convert(text: str) -> float:
            number = float(text)
            if not least <= number <= most:
                raise ValueError
            return number

        return self.read(name, default, convert=convert, form=f"a number from {least:g} to {most:g}")

    def switch(self, name: str, default: bool = False) -> bool:
        """On or off."""
        return self.read(name, default, convert=lambda text: _SWITCHES[text.lower()], form="1 or 0")

    def words(self, name: str, default: list[str]) -> list[str]:
        """A list, separated by commas."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or default

    def choice(self, name: str, default: str, *, among: tuple[str, ...]) -> str:
        """One of a few words."""
        return self.read(
            name, default, convert=lambda text: among[among.index(text.lower())], form=f"one of {', '.join(among)}"
        )

    def check(self) -> None:
        """Refuse to start on any fault, also on a variable that nobody reads, which is a misspelt one.

        Raises:
            EnvironmentFault: with every fault on a line of its own.
        """
        unknown = sorted(name for name in self.values if name.startswith(PREFIX) and name not in self.known)
        faults = [*self.faults, *(f"{name} is no variable of Rakurs; see docs/operator.md." for name in unknown)]
        if faults:
            raise EnvironmentFault("\n".join(["The environment cannot be used:", *(f"- {fault}" for fault in faults)]))


class _Switches(dict[str, bool]):
    def __missing__(self, key: str) -> bool:
        raise ValueError(key)


_SWITCHES: Final = _Switches(
    {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
)


def data_folder(values: Mapping[str, str] | None = None) -> Path:
    """Where everything lies that the service keeps: RAKURS_DATA_DIR, else a folder of the user's."""
    values = os.environ if values is None else values
    home = values.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(values.get("RAKURS_DATA_DIR") or Path(home) / "rakurs").absolute()


def prepare_data_folder(folder: Path) -> None:
    """Make the data folder, readable by its owner alone, and the secret within it.

    Raises:
        EnvironmentFault: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("films", "incoming"):
            (folder / name).mkdir(exist_ok=True, mode=0o700)
        _make_secret(folder / SECRET_FILE)
    except OSError as error:
        raise EnvironmentFault(
            f"The data folder '{folder}' cannot be used: {error.strerror or type(error).__name__}. "
            "Name one in RAKURS_DATA_DIR that this user may write."
        ) from None


def _make_secret(path: Path) -> None:
    """Write a secret at the first start, with mode 600; an existing one stays."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48) + "\n")


def secret_of(environment: Environment, folder: Path) -> str:
    """RAKURS_SECRET_KEY, else the secret in the data folder, else one that lasts as long as this process."""
    given = environment.text("RAKURS_SECRET_KEY")
    if given and len(given) < 32:
        environment.faults.append("RAKURS_SECRET_KEY is shorter than 32 characters; expected a long random text.")
    if given:
        return given
    try:
        return (folder / SECRET_FILE).read_text(encoding="ascii").strip()
    except OSError:
        return secrets.token_urlsafe(48)


def database_of(environment: Environment, folder: Path) -> dict[str, Any]:
    """Django's setting of the database: RAKURS_DATABASE_URL (postgresql://…), else SQLite in the data folder."""
    url = environment.text("RAKURS_DATABASE_URL")
    if not url:
        return _sqlite(folder)
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        # The address may hold a password, so that it is not repeated.
        environment.faults.append("RAKURS_DATABASE_URL is no postgresql://USER:PASSWORD@HOST:PORT/NAME.")
        return _sqlite(folder)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "server_side_binding": True, "prepare_threshold": 3, **options},
    }


def _sqlite(folder: Path) -> dict[str, Any]:
    """SQLite that many threads may use: readers never wait, a writer takes its lock when it begins, and waits for it.

    `synchronous = FULL`: an answer of success must outlive a power cut.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / "rakurs.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000; "
            "PRAGMA temp_store=MEMORY;",
        },
    }


def storage_of(environment: Environment, folder: Path) -> dict[str, Any]:
    """Where films lie, for Django: RAKURS_STORAGE_URL (s3://BUCKET/PREFIX?endpoint=URL), else the data folder."""
    url = environment.text("RAKURS_STORAGE_URL")
    parts = urlsplit(url)
    if url and (parts.scheme != "s3" or not parts.netloc):
        environment.faults.append("RAKURS_STORAGE_URL is no s3://BUCKET/PREFIX?endpoint=URL&region=NAME.")
    if not url:
        return {
            "BACKEND": "rakurs.service.readings.storage.FilmStorage",
            "OPTIONS": {
                "location": folder / "films",
                "directory_permissions_mode": 0o700,
                "file_permissions_mode": 0o600,
            },
        }
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    options = {
        "bucket_name": parts.netloc,
        "location": parts.path.strip("/"),
        "endpoint_url": query.get("endpoint"),
        "region_name": query.get("region"),
        "file_overwrite": True,  # names are digests of contents
        "default_acl": None,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def caches_of(environment: Environment) -> dict[str, Any]:
    """Django's setting of the caches: RAKURS_REDIS_URL, else the memory of the process."""
    url = environment.text("RAKURS_REDIS_URL")
    if not url:
        return {
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 1000}}
        }
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        environment.faults.append("RAKURS_REDIS_URL is no redis://HOST:PORT/NUMBER, rediss://… or unix://PATH.")
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    return {
        "default": {"BACKEND": "rakurs.service.readings.caches.LenientRedisCache", "LOCATION": url, "OPTIONS": options}
    }
