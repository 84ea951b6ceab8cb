"""What stands between a decoder and everything else: limits, silenced warnings, faults turned into refusals."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rakurs.errors import Refusal, RefusalCode

# The largest single-frame radiographs (stitched long-leg films) stay under 40 million pixels and 80 MB; a file beyond
# these limits is a mistake or an attack. The limit of pixels lies under Pillow's own, so that Pillow has no say.
MAX_FILE_BYTES = 256 * 2**20
MAX_PIXELS = 80_000_000
# rows x columns x channels: as float32 0.6 GB, which is what one image may cost a reader.
MAX_VALUES = 150_000_000
# Parsing takes about 10 microseconds per element: 100,000 of them a second. A film's header has a few hundred.
MAX_HEADER_READS = 300_000
# The largest value of a header that a film needs is a table of 65,536 words.
MAX_HEADER_VALUE_BYTES = 2**20
# A progressive JPEG may repeat the whole image in every scan; encoders write at most about twenty.
MAX_JPEG_SCANS = 100

_FILTERS = threading.Lock()


def unreadable(got: str, expected: str = "a complete, undamaged image file") -> Refusal:
    """The refusal of a damaged file."""
    return Refusal(
        RefusalCode.UNREADABLE, got=got, expected=expected, remedy="Export the image again from where it came from."
    )


def unsupported(got: str, expected: str) -> Refusal:
    """The refusal of a sound file that Rakurs does not read."""
    return Refusal(RefusalCode.UNSUPPORTED, got=got, expected=expected, remedy="Convert the image and send it again.")


def too_large(got: str, expected: str) -> Refusal:
    """The refusal of a file beyond the limits."""
    return Refusal(RefusalCode.TOO_LARGE, got=got, expected=expected, remedy="Send a smaller copy of the image.")


def multi_frame(got: str) -> Refusal:
    """The refusal of a file that holds several images."""
    return Refusal(
        RefusalCode.MULTI_FRAME,
        got=got,
        expected="one image per file",
        remedy="Export the one image that should be read.",
    )


def check_file_size(count: int) -> None:
    """Hold a file of `count` bytes against the limits.

    Raises:
        Refusal: the file is empty (`unreadable`) or over `MAX_FILE_BYTES` (`too_large`).
    """
    if count == 0:
        raise unreadable("an empty file")
    if count > MAX_FILE_BYTES:
        raise too_large(f"a file of {count / 2**20:.0f} MiB", f"at most {MAX_FILE_BYTES / 2**20:.0f} MiB")


def check_size(rows: int, columns: int, *, channels: int = 1) -> None:
    """Hold an image's size, as its header states it, against the limits, before anything is allocated.

    Raises:
        Refusal: a side is zero (`unreadable`), or there are more than `MAX_PIXELS` or `MAX_VALUES` (`too_large`).
    """
    if rows < 1 or columns < 1 or channels < 1:
        raise unreadable(f"an image of {rows} x {columns} pixels with {channels} channels")
    pixels = rows * columns
    if pixels > MAX_PIXELS or pixels * channels > MAX_VALUES:
        raise too_large(
            f"an image of {rows} x {columns} pixels with {channels} channels",
            f"at most {MAX_PIXELS // 10**6} million pixels and {MAX_VALUES // 10**6} million values",
        )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn whatever a foreign decoder raises on damaged data into a refusal; wrap nothing but the decoder's call.

    The decoder's own message is dropped: it may quote the file.

    Raises:
        Refusal: the decoder raised (`unreadable`).
    """
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        raise unreadable(f"{what} that cannot be decoded ({type(error).__name__})") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Drop the warnings of a header parser, which complain of flaws that the reader itself judges and may quote values.

    The filters belong to the whole process in Python 3.11, hence the lock: wrap only the parsing of headers.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
