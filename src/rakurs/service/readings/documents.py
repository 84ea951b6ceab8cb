"""Rows of the database as the API shows them; the words are those of `rakurs read --json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from rakurs.service.readings.access import may
from rakurs.service.readings.models import AuditRow, Review, Role, State, Study, StudyView, User

Document = dict[str, Any]


def study_document(study: Study) -> Document:
    """A study with everything that was said of it."""
    return {
        **_head(study),
        "note": study.note,
        "warnings": study.warnings,
        "seconds": study.seconds,
        "views": [_view(study, view) for view in _ordered_views(study)],
        "findings": [_finding(study, finding) for finding in study.findings],
        "reviews": _reviews(study),
        "report": reverse("report", args=[study.id]),
    }


def _reviews(study: Study) -> list[Document]:
    if study.reviewed_at is None:
        return []
    return [review_document(review) for review in study.reviews.select_related("reviewer").order_by("-id")]


def summary_document(study: Study) -> Document:
    """A study as a line of the worklist: of the findings, those that reached an operating point."""
    return {
        **_head(study),
        "views": [
            {"view": view.view, "thumbnail": _image_address(study, view.view) + "?size=thumbnail"}
            for view in _ordered_views(study)
        ],
        "findings": [
            {name: finding[name] for name in ("label", "probability", "operating_points")}
            for finding in study.findings
            if any(finding["operating_points"].values())
        ],
    }


def _head(study: Study) -> Document:
    refused, failed = study.state == State.REFUSED, study.state == State.FAILED
    reason = {"code": study.refusal_code, "message": study.refusal_message}
    return {
        "id": str(study.id),
        "state": study.state,
        "reference": study.reference,
        "pack": {"name": study.pack, "version": study.pack_version, "networks": study.networks},
        "uploader": study.uploader.username,
        "created_at": _time(study.created_at),
        "finished_at": _time(study.finished_at),
        "reviewed_at": _time(study.reviewed_at),
        "calibrated": study.calibrated,
        "answer": study.answer or None,
        "urgency": float(study.rank.partition("-")[0]) if study.state == State.READ else None,
        "refusal": reason if refused else None,
        "failure": reason if failed else None,
    }


def _time(when: datetime | None) -> str | None:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None


def _ordered_views(study: Study) -> list[StudyView]:
    """In the order in which they came, which is that of the pack; `views` was fetched without its large columns."""
    return sorted(study.views.all(), key=lambda view: view.id)


def _image_address(study: Study, view: str) -> str:
    return reverse("image", args=[study.id, view])


def _view(study: Study, view: StudyView) -> Document:
    return {
        "view": view.view,
        "file_name": view.file_name,
        "sha256": view.sha256,
        "size_bytes": view.size_bytes,
        "rows": view.rows,
        "columns": view.columns,
        "spacing_mm": view.spacing_mm,
        "image": _image_address(study, view.view),
        "pixels": reverse("pixels", args=[study.id, view.view]),
    }


def _finding(study: Study, finding: Document) -> Document:
    """A finding with the addresses of its heat maps; null where nothing in that view speaks for it."""
    address = reverse("heat-map", args=[study.id, finding["label"]])
    return {
        **finding,
        "heat_maps": {
            view: f"{address}?view={view}" if there else None for view, there in finding["heat_maps"].items()
        },
    }


def review_document(review: Review) -> Document:
    """What a person said of a finding."""
    return {
        "label": review.label,
        "verdict": review.verdict,
        "comment": review.comment,
        "reviewer": review.reviewer.username,
        "created_at": _time(review.created_at),
    }


def audit_document(row: AuditRow) -> Document:
    """Who did what, when."""
    return {
        "id": row.id,
        "created_at": _time(row.created_at),
        "user": row.user.username if row.user else None,
        "action": row.action,
        "study": str(row.study_id) if row.study_id else None,
        "detail": row.detail,
        "address": row.address,
    }


def user_document(user: User) -> Document:
    """The person who is logged in, and what that person may do."""
    return {
        "username": user.username,
        "clinic": user.clinic.name,
        "role": user.role,
        "may": {
            "upload": True,
            "review": may(user, Role.REVIEWER),
            "export": may(user, Role.REVIEWER),
            "delete": may(user, Role.ADMINISTRATOR),
            "audit": may(user, Role.ADMINISTRATOR),
        },
    }
