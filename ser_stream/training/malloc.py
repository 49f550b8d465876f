"""Settings of the C library's memory allocator for training on a CPU."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of returning it to the kernel.

    The feature maps of a batch take hundreds of megabytes, allocated and freed in each step.
    Clearing new pages for them took half of the training step of Sherman's network and more
    (measured: 4.1 s against 7 to 20 s). On other systems than Linux with glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    mallopt = getattr(libc, "mallopt", None)  # musl has none
    if mallopt is None:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 * 2**20)
