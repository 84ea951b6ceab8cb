"""Identifiers that sort by time, so that they are the order of a list as well as its keys."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562 section 5.7): milliseconds since 1970 in front, 74 random bits behind."""
    value = int.from_bytes(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    return UUID(int=value)


def rank_of(urgency: float, study_id: UUID) -> str:
    """A text that sorts by urgency (0 to 999), then by time: the one column that a list by urgency is ordered by."""
    return f"{min(max(urgency, 0.0), 999.0):010.6f}-{study_id.hex}"
