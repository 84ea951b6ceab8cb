"""Pictures of a study: films, their grey levels, heat maps, the printed report."""

from __future__ import annotations

import gzip
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from rakurs.errors import Refusal
from rakurs.inference.images import decode_image
from rakurs.inference.overlay import film_jpeg, film_png
from rakurs.service.readings.access import Action, leave_row, study_for
from rakurs.service.readings.binary import BinaryView, answer_file, etag_of
from rakurs.service.readings.maps import map_picture
from rakurs.service.readings.models import State, Study, StudyView
from rakurs.service.readings.pdf import report_pdf
from rakurs.service.readings.problems import Problem
from rakurs.service.readings.storage import content_of
from rakurs.study import Image

SIZES: Final = {"thumbnail": 192, "screen": 1600, "full": None}
LANGUAGES: Final = ("en", "ru")
WHITE: Final = 65535


class ImageView(BinaryView):
    """A film as it is displayed."""

    @extend_schema(
        operation_id="image",
        parameters=[
            OpenApiParameter("size", str, enum=list(SIZES), default="screen", description="Of the longer side."),
            OpenApiParameter("format", str, enum=["jpeg", "png"], default="jpeg", description="`png` loses nothing."),
        ],
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
        },
        tags=["images"],
    )
    def get(self, request: Request, *, study_id: UUID, view: str) -> HttpResponseBase:
        """The film as it is displayed: windowed, dark is 0, 8 bits."""
        size = _choice(request, "size", among=tuple(SIZES), default="screen")
        form = _choice(request, "format", among=("jpeg", "png"), default="jpeg")
        held = _view_for(request, study_id, view=view)
        leave_row(request, Action.THUMBNAIL if size == "thumbnail" else Action.IMAGE, study_id=study_id, detail=view)

        def make() -> bytes:
            if size == "thumbnail" and form == "jpeg" and held.thumbnail is not None:
                return bytes(held.thumbnail)
            draw = film_png if form == "png" else film_jpeg
            return draw(_image(held), longest=SIZES[size])

        return answer_file(request, make, etag=etag_of(held.sha256, size, form), media_type=f"image/{form}")


class PixelsView(BinaryView):
    """All grey levels of a film."""

    @extend_schema(
        operation_id="pixels",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=["images"],
    )
    def get(self, request: Request, *, study_id: UUID, view: str) -> HttpResponseBase:
        """Unsigned 16-bit values, little-endian, row by row, dark is 0, white 65535; `Rakurs-Rows` and `-Columns`."""
        held = _view_for(request, study_id, view=view)
        leave_row(request, Action.PIXELS, study_id=study_id, detail=view)
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        headers: dict[str, str] = {"Content-Encoding": "gzip"} if packed else {}

        def make() -> bytes:
            values = _grey_levels(_image(held))
            headers.update({"Rakurs-Rows": str(values.shape[0]), "Rakurs-Columns": str(values.shape[1])})
            return gzip.compress(values.tobytes(), 1) if packed else values.tobytes()

        etag = etag_of(held.sha256, "pixels", packed)
        response = answer_file(request, make, etag=etag, media_type="application/octet-stream")
        for name, value in headers.items():
            response[name] = value
        response["Vary"] = "Authorization, Accept-Encoding"
        return response


class HeatMapView(BinaryView):
    """Where in a view a finding comes from."""

    @extend_schema(
        operation_id="heat_map",
        parameters=[
            OpenApiParameter("view", str, description="Default: the first view that has a map of the finding.")
        ],
        responses={(200, "image/png"): OpenApiTypes.BINARY},
        tags=["images"],
    )
    def get(self, request: Request, *, study_id: UUID, label: str) -> HttpResponseBase:
        """A small PNG with alpha, which covers the film exactly when it is stretched over it."""
        study = _read_study(request, study_id)
        finding = _finding(study, label)
        view = request.query_params.get("view") or next(iter(finding["heat_maps"]), "")
        if view not in finding["heat_maps"]:
            raise Problem(404, "no_heat_map", detail="That view has no heat map, because it was not read.")
        held = StudyView.objects.filter(study_id=study_id, view=view).only("sha256", "heat_maps").first()
        if held is None or held.heat_maps is None:
            raise Http404
        leave_row(request, Action.HEAT_MAP, study_id=study_id, detail=f"{view} {label}")
        packed = bytes(held.heat_maps)
        etag = etag_of(study.finished_at, study_id, view, label)
        return answer_file(request, lambda: map_picture(packed, label) or b"", etag=etag, media_type="image/png")


class ReportView(BinaryView):
    """The report on paper."""

    @extend_schema(
        operation_id="report",
        parameters=[OpenApiParameter("language", str, enum=list(LANGUAGES), default="en")],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        tags=["images"],
    )
    def get(self, request: Request, study_id: UUID) -> HttpResponseBase:
        """The report of a study as PDF, with films, heat maps and reviews."""
        language = _choice(request, "language", among=LANGUAGES, default="en")
        study = study_for(request, study_id)
        if study.state not in (State.READ, State.REFUSED):
            raise Problem(409, study.state, detail="There is no report yet: the study is not read.")
        leave_row(request, Action.REPORT, study_id=study_id)
        etag = etag_of(study.finished_at, study.reviewed_at, study.reviews.count(), study_id, language)
        headers = {"Content-Disposition": f'inline; filename="rakurs-{study_id}.pdf"'}
        return answer_file(
            request,
            lambda: report_pdf(study, language=language),
            etag=etag,
            media_type="application/pdf",
            headers=headers,
        )


def _choice(request: Request, name: str, *, among: tuple[str, ...], default: str) -> str:
    value = request.query_params.get(name, default)
    if value not in among:
        raise Problem(400, "invalid", detail=f"`{name}` is one of: {', '.join(among)}.")
    return value


def _view_for(request: Request, study_id: UUID, *, view: str) -> StudyView:
    """One image of a study that the user may see.

    Raises:
        Http404: there is none.
    """
    study = study_for(request, study_id, fields=("id",))
    held = StudyView.objects.filter(study=study, view=view).defer("heat_maps").first()
    if held is None:
        raise Http404
    return held


def _image(held: StudyView) -> Image:
    """The film with every pixel.

    Raises:
        Problem: it was refused as an image, or is no longer there.
    """
    try:
        return decode_image(content_of(held.sha256))
    except Refusal as refusal:
        raise Problem(409, str(refusal.code), detail=refusal.message) from None
    except FileNotFoundError:
        raise Problem(410, "film_missing", detail="The film is no longer in the storage.") from None
    except OSError:
        detail = "The storage does not answer just now; try again."
        raise Problem(503, "storage_unavailable", detail=detail, headers={"Retry-After": "5"}) from None


def _grey_levels(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[Any]]:
    """uint16 (rows, columns), little-endian; colours become their mean."""
    grey = image.pixels if image.pixels.ndim == 2 else image.pixels.mean(axis=2)
    return np.round(grey * WHITE).astype("<u2")


def _read_study(request: Request, study_id: UUID) -> Study:
    """A study that was read.

    Raises:
        Problem: it was not; the code is that of the refusal where it was refused.
    """
    study = study_for(request, study_id, fields=("state", "findings", "finished_at", "refusal_code", "refusal_message"))
    if study.state != State.READ:
        detail = study.refusal_message or "The study is not read yet."
        raise Problem(409, study.refusal_code or study.state, detail=detail)
    return study


def _finding(study: Study, label: str) -> dict[str, Any]:
    found: dict[str, Any] | None = next((one for one in study.findings if one["label"] == label), None)
    if found is None:
        raise Http404
    return found
