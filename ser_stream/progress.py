"""Progress of long commands on standard error: bars on a terminal, plain lines elsewhere.

A pipe or a log file gets at most one line every ten seconds per loop, and one line per step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from ser_stream.units import Seconds

T = TypeVar("T")

LINE_INTERVAL_S: Seconds = 10.0
"""Shortest time between two lines of one loop where standard error is no terminal."""


def progress(
    iterable: Iterable[T], description: str, total: int | None = None, show: bool = True
) -> Iterator[T]:
    """Yield the items, and show how many are done and how much time remains.

    Args:
        total: number of items, where the iterable has no length.
        show: False yields the items only, as in all processes but the first.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if not show:
        yield from iterable
    elif sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(iterable, desc=description, total=total, leave=False)
    else:
        yield from _with_lines(iterable, description, total)


def _with_lines(iterable: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    started = last = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_INTERVAL_S:
            last = now
            print_line(f"{description}: {_count(done, total, now - started)}")


def _count(done: int, total: int | None, elapsed_s: Seconds) -> str:
    if not total:
        return str(done)
    remaining_s = elapsed_s / done * max(0, total - done)
    return f"{done} of {total}, {format_duration(remaining_s)} remaining"


class Steps:
    """Announces the steps of a long command, such as "step 3 of 6: training (2 min so far)".

    Args:
        total: number of steps.
        unit: what a step is called.
        alike: whether steps take about the same time each; if so, the remaining time is estimated.
        show: False announces nothing.
    """

    def __init__(self, total: int, unit: str = "step", alike: bool = False, show: bool = True):
        self.total = total
        self._unit = unit
        self._alike = alike
        self._show = show
        self._done = 0
        self._started = time.monotonic()

    def start(self, description: str) -> None:
        """Announce the next step."""
        timing = ""
        if self._done:
            elapsed_s = time.monotonic() - self._started
            if self._alike:
                remaining_s = elapsed_s / self._done * (self.total - self._done)
                timing = f" (about {format_duration(remaining_s)} remaining)"
            else:
                timing = f" ({format_duration(elapsed_s)} so far)"
        self._done += 1
        if self._show:
            print_line(f"{self._unit} {self._done} of {self.total}: {description}{timing}")


def print_line(line: str) -> None:
    """Write a line to standard error, above any progress bar."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr, flush=True)


def format_duration(seconds: Seconds) -> str:
    """Return a duration in the unit that fits it.

    >>> [format_duration(s) for s in (8.2, 90, 5400)]
    ['8 s', '2 min', '1.5 h']
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
