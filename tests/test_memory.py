"""Whether freed memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from paths import ROOT

HEAP = """
import re
import numpy as np
def heap_kb():
    found = re.search(r"\\[heap\\]\\nSize: +(\\d+)", open("/proc/self/smaps").read())
    return int(found[1])
np.ones(2_000_000)
before = heap_kb()
kept = [np.ones(500_000) for _ in range(10)]
print(heap_kb() - before > 10_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize("called", [False, True])
def test_large_arrays_stay_out_of_the_heap(called):
    call = "from ser_stream.memory import give_back_large_allocations as f; f()\n" * called
    command = [sys.executable, "-c", call + HEAP]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{not called}\n"
