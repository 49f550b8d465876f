"""Buffers of a turn that grow with it."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray


class GrowingArray:
    """Rows that one thread appends, and that others may read at the same time.

    Appended rows never change and never move: when the memory is full, they are copied to another
    one of twice the size, and views of the old one stay valid.

    Args:
        row_shape: shape of a row.
        capacity: rows there is room for at first.
    """

    def __init__(self, row_shape: tuple[int, ...], capacity: int):
        self._rows = np.empty((capacity, *row_shape), np.float32)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: NDArray[np.float32]) -> None:
        """Append rows, (n, *row_shape)."""
        start, end = self._length, self._length + len(rows)
        if end > len(self._rows):
            grown = np.empty((max(end, 2 * len(self._rows)), *self._rows.shape[1:]), np.float32)
            grown[:start] = self._rows[:start]
            self._rows = grown
        self._rows[start:end] = rows
        self._length = end

    def read(self, start: int, end: int) -> NDArray[np.float32]:
        """Return rows [start, end) as a view; they have been appended before."""
        return self._rows[start:end]


class GrowingEnergy:
    """Sums of squares of a signal's samples, known at each multiple of `unit` samples.

    They give the level of any span of a turn without its sound.
    """

    def __init__(self, unit: int):
        self._unit = unit
        self._sums = array("d", [0.0])  # of the first 0, unit, 2 * unit... samples
        self._total = 0.0  # of all samples
        self._n_samples = 0

    def append(self, samples: NDArray[np.float32]) -> None:
        """Append the signal's next samples (n,)."""
        if not len(samples):
            return
        sums = np.cumsum(np.square(samples, dtype=np.float64))
        sums += self._total
        first = self._unit - 1 - self._n_samples % self._unit  # the sample that completes a unit
        self._sums.extend(sums[first :: self._unit].tolist())
        self._total = float(sums[-1])
        self._n_samples += len(samples)

    def before(self, n_samples: int) -> tuple[float, int]:
        """Return the sum of squares of the first samples, and their number.

        That is the largest known multiple of `unit` up to `n_samples`.
        """
        units = min(n_samples // self._unit, len(self._sums) - 1)
        return self._sums[units], units * self._unit
