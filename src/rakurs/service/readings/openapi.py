"""What OpenAPI is told beside the endpoints: every one may answer with a problem."""

from __future__ import annotations

from typing import Any, Final

from rakurs.service.readings.problems import MEDIA_TYPE

_TEXT: Final = {"type": "string"}
_PROBLEM: Final = {
    "type": "object",
    "description": "A problem document, RFC 9457; programs go by `code`.",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": _TEXT, "detail": _TEXT},
                "required": ["field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
_ANSWER: Final = {
    "description": "A problem document.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_problems(  # noqa: PLR0917  # as the hook is called
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Add the answer `default`, a problem, to every operation; a hook of drf-spectacular."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = _ANSWER
    return result
