"""Damages files at random and reads them: run as a program, in a process of its own, because a decoder may crash.

Usage: python -m tests.fuzzing NAME COUNT SEED. It ends with 0 if every damaged file gave an image or a refusal, in
time and within the limit of memory, and says how many gave what; else the last mutation named on stderr did not.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable

import numpy as np

from rakurs.errors import Refusal
from rakurs.inference.images import decode_image
from tests.ways import WAYS

LIMIT_S = 5.0
MEMORY_GROWTH = 2**30
# One small file of every format and codec.
NAMES = (
    "MONOCHROME2, several windows",
    "padding by range",
    "Modality LUT",
    "VOI LUT",
    "big endian",
    "deflated",
    "no meta information, implicit",
    "RLE",
    "JPEG baseline",
    "JPEG extended, 12 bits",
    "JPEG lossless",
    "JPEG-LS",
    "JPEG-LS near-lossless",
    "JPEG 2000",
    "JPEG 2000 lossy",
    "HTJ2K",
    "RGB, RLE",
    "YBR_FULL",
    "PNG, 8 bits",
    "PNG, interlaced, 16 bits",
    "PNG, palette",
    "TIFF, LZW",
    "TIFF, JPEG inside",
    "TIFF, 16 bits",
    "TIFF, RGB of 12 bits in 16",
    "WebP, lossless",
    "WebP, lossy",
    "JPEG file",
    "JPEG 2000 file",
    "BMP",
    "GIF",
)
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def _position(data: bytearray, random: np.random.Generator) -> int:
    """Anywhere, but as often in the first 600 bytes, where the headers are, as in all the rest."""
    return int(random.integers(min(len(data), 600) if random.random() < 0.5 else len(data)))


def flip(data: bytearray, random: np.random.Generator) -> bytearray:
    for _ in range(int(random.integers(1, 9))):
        data[_position(data, random)] ^= 1 << int(random.integers(8))
    return data


def overwrite(data: bytearray, random: np.random.Generator) -> bytearray:
    """Put an extreme number of 1, 2 or 4 bytes somewhere: lengths, sizes, counts."""
    width = int(random.choice((1, 2, 4)))
    number = (int(random.choice(_EXTREMES)) & (1 << 8 * width) - 1).to_bytes(width, "big")
    start = _position(data, random)
    data[start : start + width] = number if random.random() < 0.5 else number[::-1]
    return data


def truncate(data: bytearray, random: np.random.Generator) -> bytearray:
    return data[: int(random.integers(len(data)))]


def delete(data: bytearray, random: np.random.Generator) -> bytearray:
    start = _position(data, random)
    del data[start : start + int(random.integers(1, 64))]
    return data


def repeat(data: bytearray, random: np.random.Generator) -> bytearray:
    start = _position(data, random)
    part = data[start : start + int(random.integers(1, 64))]
    return data[:start] + part * int(random.integers(1, 5)) + data[start:]


MUTATIONS: tuple[Mutation, ...] = (flip, flip, overwrite, overwrite, truncate, delete, repeat)


def resealed(data: bytearray) -> bytearray:
    """A PNG with its checksums made right again, so that damage gets past them; anything else as it is."""
    position = 8
    while data[:4] == b"\x89PNG" and position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 <= len(data):
            data[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return data


def mutated(original: bytes, random: np.random.Generator) -> bytes:
    data = bytearray(original)
    for _ in range(int(random.integers(1, 4))):
        if data:
            data = MUTATIONS[int(random.integers(len(MUTATIONS)))](data, random)
    return bytes(resealed(data) if random.random() < 0.5 else data)


def _limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as facts:
        used = int(facts.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_GROWTH, used + MEMORY_GROWTH))


def outcome_of(data: bytes) -> str:
    """Read a damaged file: "image", or the code of the refusal."""
    try:
        image = decode_image(data)
    except Refusal as refusal:
        if "Warning" in refusal.message:
            raise AssertionError("a warning was taken for a fault") from refusal
        return refusal.code
    assert image.pixels.dtype == np.float32
    assert np.isfinite(image.pixels).all()
    assert 0 <= image.pixels.min() <= image.pixels.max() <= 1
    return "image"


def main(name: str, count: int, *, seed: int) -> None:
    warnings.simplefilter("error")
    faulthandler.enable()
    original = WAYS[name][0]()
    assert outcome_of(original) == "image"
    _limit_memory()
    outcomes: Counter[str] = Counter()
    for number in range(count):
        os.write(2, b"mutation %d\n" % number)
        data = mutated(original, np.random.default_rng((seed, number)))
        faulthandler.dump_traceback_later(LIMIT_S, exit=True)
        outcomes[outcome_of(data)] += 1
        faulthandler.cancel_dump_traceback_later()
    print(dict(outcomes))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), seed=int(sys.argv[3]))
