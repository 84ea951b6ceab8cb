"""Memory that is asked for anew at each step of a training, kept from going back to the system in between."""

from __future__ import annotations

import ctypes
import platform
import sys

# mallopt(3), from <malloc.h> of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_PAD_BYTES = 256 * 2**20


def keep_memory() -> bool:
    """Let glibc keep the memory of large tensors when they are freed; says whether it does.

    By default it maps each of them from the system and gives it back at the end of the step, and the system clears
    every page again: a sixth of the time of a training of small convolutions on a processor (docs/benchmarks.md).
    Memory then stays with the process until it ends. Nothing is done where the C library is another.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    asked = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, _PAD_BYTES))
    taken = [mallopt(parameter, value) == 1 for parameter, value in asked]
    return all(taken)
