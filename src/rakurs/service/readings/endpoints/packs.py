"""The packs, and films to try them with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rakurs.service.readings.binary import BinaryView
from rakurs.service.readings.packs import shown_pack, usable_packs
from rakurs.service.readings.samples import SAMPLES, sample_file
from rakurs.service.readings.shapes import PacksSerializer, SamplesSerializer


class PacksView(APIView):
    """The packs."""

    @extend_schema(operation_id="packs", responses=PacksSerializer, tags=["packs"])
    def get(self, request: Request) -> Response:
        """Every pack that can be used, with its views, labels, operating points and what was measured."""
        packs = usable_packs()
        names = [pack.folder.name for pack in packs]
        default = settings.DEFAULT_PACK if settings.DEFAULT_PACK in names else next(iter(names), None)
        shown = [{**shown_pack(pack), "name": pack.folder.name} for pack in packs]
        return Response({"default": default, "results": shown})


class SamplesView(APIView):
    """Films to try with."""

    @extend_schema(operation_id="samples", responses=SamplesSerializer, tags=["packs"])
    def get(self, request: Request) -> Response:
        """Films to try with, where this installation has any."""
        return Response({"results": [_shown(name) for name in SAMPLES if _there(name)]})


class SampleFileView(BinaryView):
    """A file of a film to try with."""

    @extend_schema(
        operation_id="sample_file", responses={(200, "application/dicom"): OpenApiTypes.BINARY}, tags=["packs"]
    )
    def get(self, request: Request, *, name: str, view: str) -> FileResponse:
        """The file of one view, to be uploaded like any other."""
        path = sample_file(name, view)
        if path is None:
            raise Http404
        return FileResponse(path.open("rb"), content_type="application/dicom", filename=f"{name}-{view}.dcm")


def _there(name: str) -> bool:
    return all(sample_file(name, view) is not None for view in SAMPLES[name].views)


def _shown(name: str) -> dict[str, Any]:
    sample = SAMPLES[name]
    return {
        "name": name,
        "title": dict(sample.title),
        "views": {view: reverse("sample-file", args=[name, view]) for view in sample.views},
    }
