"""The description of the API, as docs/openapi.yaml holds it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema


def description() -> str:
    """OpenAPI 3.1 in YAML, checked against the standard's own schema."""
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    validate: Any = validate_schema
    validate(schema)
    renderer: Any = OpenApiYamlRenderer
    text: bytes = renderer().render(schema, renderer_context={})
    return text.decode("utf-8")
