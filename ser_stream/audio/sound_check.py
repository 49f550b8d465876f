"""Measures what is wrong with the sound of a source: a DC offset, or no signal at all."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ser_stream.units import Decibels, Seconds

MEAN_S: Seconds = 1.0
"""Length of the stretches whose mean is taken."""
STRETCHES = 3
"""Stretches that must agree before an offset is large, and before it is no longer."""
LARGE_OFFSET = 0.01
"""Offset from which it is large: -40 dBFS. Speech a metre from a robot's microphone is often no
louder."""
SMALL_OFFSET = 0.005
"""Offset below which it is no longer large: -46 dBFS."""


class SoundCheck:
    """Measures the unfiltered samples of a stream, one channel or the mean of all.

    Attributes:
        power: mean square of the newest samples.
        offset: mean of the newest second where it is large, see `LARGE_OFFSET`; else 0.
        constant_s: how long all samples have been the same, such as 0.
    """

    def __init__(self) -> None:
        self.power = 0.0
        self.offset = 0.0
        self.constant_s: Seconds = 0.0
        self._last = np.float32(np.nan)
        self._means: deque[float] = deque(maxlen=STRETCHES)
        self._sum, self._length_s = 0.0, 0.0  # of the stretch in progress

    @property
    def offset_dbfs(self) -> Decibels:
        """Level of `offset`, which must not be 0."""
        return 20 * math.log10(abs(self.offset))

    def add(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        """Take the next samples (n,) into account."""
        if not len(samples):
            return
        self.power = float(np.dot(samples, samples)) / len(samples)
        self._add_to_run(samples, rate_hz)
        self._sum += float(samples.sum()) / rate_hz
        self._length_s += len(samples) / rate_hz
        if self._length_s >= MEAN_S:
            self._means.append(self._sum / self._length_s)
            self._sum, self._length_s = 0.0, 0.0
            self._judge_offset()

    def _add_to_run(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        """Count on from the newest sample that differs from the one before."""
        if len(samples) > 1 and samples[-1] != samples[-2]:  # usual
            self.constant_s, self._last = 1 / rate_hz, samples[-1]
            return
        (different,) = np.nonzero(samples[1:] != samples[:-1])
        if len(different):
            self.constant_s = (len(samples) - 1 - int(different[-1])) / rate_hz
        elif samples[0] == self._last:
            self.constant_s += len(samples) / rate_hz
        else:
            self.constant_s = len(samples) / rate_hz
        self._last = samples[-1]

    def _judge_offset(self) -> None:
        sizes = [abs(mean) for mean in self._means]
        if len(sizes) < STRETCHES:
            return
        one_sign = len({mean > 0 for mean in self._means}) == 1
        if (min(sizes) >= LARGE_OFFSET and one_sign) or (
            self.offset and max(sizes) >= SMALL_OFFSET
        ):
            self.offset = self._means[-1]
        else:
            self.offset = 0.0
