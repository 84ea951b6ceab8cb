"""Keeping memory is asked of glibc alone, and asked in a process of its own: it cannot be taken back."""

from __future__ import annotations

import platform

import pytest

from tests.processes import run_python

PROGRAM = """
import resource
import numpy as np
from rakurs.training.allocator import keep_memory

if {kept}:
    assert keep_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(2**26, np.uint8)
before = faults()
for _ in range(10):
    np.ones(2**26, np.uint8)
print(faults() - before)
"""


def page_faults(*, kept: bool) -> int:
    """Of ten arrays of 64 MiB, one after another."""
    program = PROGRAM.format(kept=kept)
    answer = run_python("-c", program)
    return int(answer.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked")
def test_arrays_that_follow_each_other_share_the_same_memory() -> None:
    assert page_faults(kept=True) < 0.05 * page_faults(kept=False)
