"""Log lines without patient data: an exception is told by its kind and its places, never by its words."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType


class Formatter(logging.Formatter):
    """A line per record, as text or as JSON.

    The words of an exception may quote what a person typed or what a file holds (a database says
    which value broke a rule), so that only its type and the places in the code are written.
    """

    def __init__(self, form: str = "text") -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = getattr(record, "facts", {})
        places = told_exception(record.exc_info[1]) if record.exc_info and record.exc_info[1] else ""
        if self._form == "json":
            said = {"time": when, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
            return json.dumps({**said, **facts, **({"exception": places} if places else {})}, default=str)
        tail = "".join(f" {name}={value}" for name, value in facts.items())
        return f"{when} {record.levelname} {record.name}: {record.getMessage()}{tail}" + (
            f"\n{places}" if places else ""
        )


def told_exception(error: BaseException) -> str:
    """The type of an exception and of those behind it, and where they were raised; not what they say."""
    told = []
    seen: BaseException | None = error
    while seen is not None:
        told.append(f"{type(seen).__name__} in\n{_places(seen.__traceback__)}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "caused by\n".join(told)


def _places(trace: TracebackType | None) -> str:
    return "".join(f"  {place.filename}:{place.lineno} {place.name}\n" for place in traceback.extract_tb(trace))
