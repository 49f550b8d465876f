"""Memory that a program gives back to the system, while it runs for days."""

from __future__ import annotations

import contextlib
import ctypes

M_MMAP_THRESHOLD = -3
"""Parameter of glibc's `mallopt`."""
LARGE = 1 << 20
"""Bytes of an allocation that gets pages of its own, which are given back when it is freed."""


def give_back_large_allocations() -> None:
    """Let glibc give back the memory of large arrays as soon as they are freed.

    By itself, glibc raises its threshold to the largest array that was ever freed, and keeps such
    arrays in its heap, which grows by some MB an hour of speech. For programs, not for a library:
    it concerns the whole process. Without glibc nothing is done.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
