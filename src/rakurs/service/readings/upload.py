"""From a multipart body to a study: views named, digests taken, films kept, row and job written in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.datastructures import MultiValueDict

from rakurs.dicom.header import view_position_of
from rakurs.dicom.pixels import read_dataset
from rakurs.errors import PackError, RakursError, TaskError
from rakurs.inference.document import pack_document
from rakurs.pack import Pack
from rakurs.service.readings.identifiers import new_id, rank_of
from rakurs.service.readings.jobs import defer
from rakurs.service.readings.models import State, Study, StudyView, User
from rakurs.service.readings.packs import pack_of, view_names
from rakurs.service.readings.problems import Problem
from rakurs.service.readings.storage import digest_of, keep
from rakurs.task import Task

BY_HEADER: Final = "file"
"""The field whose files go to the view that their header names, else to the pack's main view."""

_PREAMBLE = slice(128, 132)


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that can become a study."""

    pack: Pack
    files: Mapping[str, UploadedFile[Any]]
    reference: str
    note: str


def upload_of(fields: Mapping[str, Any], files: MultiValueDict[str, UploadedFile[Any]], *, default_pack: str) -> Upload:
    """The upload in a form's fields, which are valid, and its files.

    Raises:
        Problem: no such pack, no file, or files that are no study of this pack.
    """
    name = fields.get("pack") or default_pack
    try:
        pack = pack_of(name)
    except (PackError, TaskError) as error:
        raise Problem(400, "pack", detail=error.message) from None
    return Upload(
        pack=pack,
        files=_by_view(files, pack.task),
        reference=fields.get("reference", ""),
        note=fields.get("note", ""),
    )


def _by_view(files: MultiValueDict[str, UploadedFile[Any]], task: Task) -> dict[str, UploadedFile[Any]]:
    views = view_names(task)
    unknown = sorted(set(files) - {*views, BY_HEADER})
    if unknown:
        raise Problem(
            400,
            "view",
            detail=f"Some files came under names that are no views; expected {', '.join([*views, BY_HEADER])}.",
        )
    found: dict[str, UploadedFile[Any]] = {}
    for field, sent in files.lists():
        for file in sent:
            view = _view_by_header(file, task) if field == BY_HEADER else field
            if view in found:
                raise Problem(
                    400, "view", detail=f"Two files show the view {view}; expected one file per view and study."
                )
            found[view] = file
    if not found:
        raise Problem(
            400, "no_file", detail=f"There is no file; expected one under any of: {', '.join([*views, BY_HEADER])}."
        )
    return {view: found[view] for view in views if view in found}


def _view_by_header(file: UploadedFile[Any], task: Task) -> str:
    """The view that a DICOM file's header names; whatever cannot be told is left to reading, which refuses it."""
    file.seek(0)
    if file.read(132)[_PREAMBLE] != b"DICM":
        return task.main_view.name
    file.seek(0)
    try:
        position = view_position_of(read_dataset(file.read()))
    except RakursError:
        return task.main_view.name
    return next((view.name for view in task.views if position in view.dicom), task.main_view.name)


def record(upload: Upload, user: User, *, leave_row: Callable[..., None]) -> tuple[Study, bool]:
    """Write the study of an upload, and whether it is new; the same user's same films are the same study.

    A study that failed is queued again. `leave_row` writes the row of the audit, in the same transaction.

    Raises:
        StorageFull: there is no room for a film; nothing is recorded.
        StorageGone: a film cannot be kept for another reason; nothing is recorded.
    """
    digests = {view: digest_of(file) for view, file in upload.files.items()}
    content = _content(upload.pack, digests)
    there = _there(user, content)
    if there is None:
        for view, file in upload.files.items():
            keep(file, digests[view])
        try:
            return _write(upload, user, digests=digests, content=content, leave_row=leave_row), True
        except IntegrityError:
            there = _there(user, content)  # another request of the same user was first
            if there is None:
                raise
    if there.state == State.FAILED:
        _try_again(there)
    leave_row(study_id=there.id)
    return there, False


def _content(pack: Pack, digests: Mapping[str, str]) -> str:
    """What a reading depends on: the pack's networks and measurements, and every film."""
    measured = pack.measured.model_dump_json() if pack.measured else ""
    said = json.dumps([pack_document(pack), sorted(digests.items())])
    return hashlib.sha256(f"{said}{measured}".encode()).hexdigest()


def _there(user: User, content: str) -> Study | None:
    return Study.objects.filter(uploader=user, content=content, deleted_at=None).first()


def _write(
    upload: Upload, user: User, *, digests: Mapping[str, str], content: str, leave_row: Callable[..., None]
) -> Study:
    document = pack_document(upload.pack)
    study_id = new_id()
    study = Study(
        id=study_id,
        clinic_id=user.clinic_id,
        uploader=user,
        reference=upload.reference,
        note=upload.note,
        content=content,
        pack=upload.pack.folder.name,
        pack_version=document["version"],
        networks=document["networks"],
        rank=rank_of(0, study_id),
    )
    with transaction.atomic():
        study.save(force_insert=True)
        StudyView.objects.bulk_create(
            [
                StudyView(
                    study=study,
                    view=view,
                    file_name=(file.name or "")[:255],
                    sha256=digests[view],
                    size_bytes=file.size or 0,
                )
                for view, file in upload.files.items()
            ]
        )
        leave_row(study_id=study.id)
        defer(study.id)
    return study


def _try_again(study: Study) -> None:
    with transaction.atomic():
        failed = Study.objects.filter(id=study.id, state=State.FAILED)
        if failed.update(state=State.QUEUED, attempts=0, finished_at=None, refusal_code="", refusal_message=""):
            study.state = State.QUEUED.value
            defer(study.id)
