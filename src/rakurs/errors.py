"""The errors of Rakurs: each carries a machine code and one sentence that is safe to log."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Any


class RefusalCode(StrEnum):
    """Why an image is not read; the codes are part of the JSON, the API and the page."""

    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    BLANK = "blank"
    WRONG_MODALITY = "wrong_modality"
    WRONG_BODY_PART = "wrong_body_part"
    MULTI_FRAME = "multi_frame"
    COLOUR = "colour"
    ROTATED = "rotated"
    WRONG_VIEW = "wrong_view"
    UNLIKE_TRAINING = "unlike_training"


class RakursError(Exception):
    """An error that a person can act on.

    The message says what came, what was expected and what to do. It never holds patient data: no
    file content, no header value that names or dates a person.
    """

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refusal(RakursError):
    """An image that is not read, with one of the codes of `RefusalCode`."""

    def __init__(self, code: RefusalCode, *, got: str, expected: str, remedy: str) -> None:
        super().__init__(f"Got {got}; expected {expected}. {remedy}")
        self.code = code.value
        self._parts = {"got": got, "expected": expected, "remedy": remedy}

    def __reduce__(self) -> tuple[Any, ...]:
        """A refusal travels between processes as the words that it was made of."""
        return partial(Refusal, RefusalCode(self.code), **self._parts), ()


class TaskError(RakursError):
    """A task file that cannot be used."""

    code = "task"


class PackError(RakursError):
    """A pack whose parts are missing, damaged or do not agree with each other."""

    code = "pack"


class UsageError(RakursError):
    """A call that asks for something that cannot be done as asked."""

    code = "usage"


class TrainingError(RakursError):
    """A training, or its data, that cannot go on as it is."""

    code = "training"
