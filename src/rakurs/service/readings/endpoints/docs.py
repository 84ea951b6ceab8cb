"""The description of the API, and a page to try it on."""

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularAPIView):
    """The OpenAPI document."""


class DocsView(SpectacularSwaggerSplitView):
    """Swagger's page, from files of this installation."""

    url_name = "schema"
