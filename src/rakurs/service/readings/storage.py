"""Films by digest: the same bytes lie once, and a name never means two contents."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import UploadedFile

from rakurs.errors import RakursError

CHUNK_BYTES = 2**20
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


class StorageFull(RakursError):
    """The place where films lie takes no more."""

    code = "storage_full"


class StorageGone(RakursError):
    """The place where films lie does not answer."""

    code = "storage_unavailable"


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
            _make_name_last(place.parent)
        finally:
            part.unlink(missing_ok=True)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: a file of this name has this content."""
        return name


def _make_name_last(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can: a file is found again only by its name."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        StorageFull: there is no room for it.
        StorageGone: it cannot be written for another reason.
    """
    name = name_of(sha256)
    try:
        if not default_storage.exists(name):
            file.seek(0)
            default_storage.save(name, file)
    except Exception as error:  # a storage in a cloud has kinds of its own
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise StorageFull(
                "There is no room for the film. Nothing was recorded; make room and send it again."
            ) from None
        log.warning("The storage took no film", extra={"facts": {"fault": type(error).__name__}})
        raise StorageGone("The storage does not answer just now. Nothing was recorded; send it again.") from None


def content_of(sha256: str) -> bytes:
    """The bytes of a film.

    Raises:
        FileNotFoundError: it is not there.
        OSError: the storage cannot be read just now.
    """
    try:
        with default_storage.open(name_of(sha256)) as file:
            content: bytes = file.read()
    except OSError:
        raise
    except Exception as error:  # a storage in a cloud has kinds of its own
        raise OSError(type(error).__name__) from None
    return content


def forget(sha256: str) -> None:
    """Remove a film from the storage."""
    default_storage.delete(name_of(sha256))
