"""Films by digest: the same bytes lie once, and a name never means two contents."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import UploadedFile

from rakurs.errors import RakursError

CHUNK_BYTES = 2**20


class StorageFull(RakursError):
    """The place where films lie takes no more."""

    code = "storage_full"


class FilmStorage(FileSystemStorage):
    """The data folder: a file is whole, and on the disk, before it has its name."""

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        place = Path(self.path(name))
        if place.exists():
            return name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = place.with_name(f".{uuid4().hex}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in content.chunks(CHUNK_BYTES):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: a file of this name has this content."""
        return name


def name_of(sha256: str) -> str:
    """Where a film lies in the storage."""
    return f"{sha256[:2]}/{sha256}"


def digest_of(file: UploadedFile[Any]) -> str:
    """The sha256 of an uploaded file, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in file.chunks(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def keep(file: UploadedFile[Any], sha256: str) -> None:
    """Put an uploaded file into the storage under its digest; what is there already stays.

    Raises:
        StorageFull: it cannot be written.
    """
    name = name_of(sha256)
    try:
        if not default_storage.exists(name):
            file.seek(0)
            default_storage.save(name, file)
    except OSError as error:
        raise StorageFull(
            f"The film was not kept, because the storage answered: {error.strerror or type(error).__name__}. "
            "Nothing was recorded; make room and send it again."
        ) from None


def content_of(sha256: str) -> bytes:
    """The bytes of a film.

    Raises:
        FileNotFoundError: it is not there.
        OSError: the storage cannot be read.
    """
    with default_storage.open(name_of(sha256)) as file:
        return _all_of(file)


def _all_of(file: IO[bytes]) -> bytes:
    return file.read()


def forget(sha256: str) -> None:
    """Remove a film from the storage."""
    default_storage.delete(name_of(sha256))
