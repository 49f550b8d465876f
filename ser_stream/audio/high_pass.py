"""High-pass filter that removes DC offset, rumble and mains hum, and keeps low voices.

| Hz | 0 | 10 | 20 | 30 | 40 | 49.5 to 50.5 | 55 | 59.5 to 60.5 | 62 | 70 | 80 | 90 | 100 up |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
| dB | none left | -40 | -29 | -25 | -26 | -51 | -34 | -44 | -31 | -11 | -3 | -0.5 | 0 to +0.5 |

The exact frequencies 50 and 60 Hz are removed altogether. Harmonics of hum (100, 120 Hz and above)
lie in the range of voices and pass. A steeper filter would pass 80 Hz whole, but ring for longer:
after a voice of 80 Hz has ended, this one falls by 40 dB in 51 ms and by 60 dB in 73 ms. It has no
look-ahead: the response to a sample begins with that sample.

A recursive filter would need a loop over samples. It is linear, though, so 512 of them are three
products of matrices: the answer of each part of 32 samples to its own samples, the state that each
part begins with, and the answer to that state.
"""

from __future__ import annotations

import cmath
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_stream.units import SAMPLE_RATE_HZ, Hertz

SECTIONS: tuple[tuple[Hertz, Hertz, Hertz], ...] = ((0, 35, 47), (60, 68, 20), (50, 68, 20))
"""Zero, pole and half the pole's bandwidth of each second-order section. Each has a pair of
conjugate zeros and one of poles, and the gain 1 at the highest frequency."""

PART = 32
"""Samples of a part, which one matrix filters."""
PARTS = 16
"""Parts of a frame."""
FRAME = PART * PARTS
"""Samples of a frame, which are filtered together: 32 ms."""
ORDER = 2 * len(SECTIONS)
"""Numbers in the filter's state."""


class HighPass:
    """Filters a 16 kHz stream block by block; the filter is at rest at the beginning.

    The concatenated output of all calls equals, bit for bit, the whole stream filtered at once,
    however it is divided into blocks: frames begin at the same samples, and products of matrices of
    one shape are always added up in one order. A frame that is not complete is filtered with zeros
    in place of the samples to come, and again when they are there.
    """

    def __init__(self) -> None:
        self._matrices = _matrices()
        self._frame = np.zeros((PARTS, PART))
        self._samples = self._frame.reshape(-1)  # the same, as (FRAME,)
        self._n = 0  # samples of the frame that are there
        # Its first row is the state before the frame; then what each part adds to the state.
        self._states = np.zeros((PARTS + 1, ORDER))

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next samples (n,), filtered, (n,) float32."""
        filtered = np.empty(len(samples), np.float32)
        start = 0
        while start < len(samples):
            before = self._n
            end = min(len(samples), start + FRAME - before)
            self._n = before + end - start
            self._samples[before : self._n] = samples[start:end]
            filtered[start:end] = self._filtered_frame()[before : self._n]
            if self._n == FRAME:
                self._samples[:] = 0.0
                self._n = 0
            start = end
        return filtered

    def _filtered_frame(self) -> NDArray[np.float64]:
        """Return the frame, filtered, (FRAME,); where it is complete, take over its last state."""
        answer_to_samples, answer_to_state, state_after = self._matrices
        answers = self._frame.dot(answer_to_samples)
        self._states[1:] = answers[:, PART:]
        states = state_after.dot(self._states.reshape(-1)).reshape(PARTS + 1, ORDER)
        if self._n == FRAME:
            self._states[0] = states[PARTS]
        filtered = states[:PARTS].dot(answer_to_state)
        filtered += answers[:, :PART]
        return filtered.reshape(-1)


class _Matrices(NamedTuple):
    """The matrices of `HighPass`, float64."""

    answer_to_samples: NDArray[np.float64]
    """(PART, PART + ORDER): of a part's samples to its output, and to the state after it."""
    answer_to_state: NDArray[np.float64]
    """(ORDER, PART): of the state before a part to its output."""
    state_after: NDArray[np.float64]
    """((PARTS + 1) * ORDER) squared: of the first state and what each part adds, to the states
    before all parts and after the last."""


@lru_cache(maxsize=1)
def _matrices() -> _Matrices:
    response = _response()
    steps = [np.eye(ORDER)]
    for _ in range(PARTS):
        steps.append(steps[-1] @ response[PART:, PART:])
    zero = np.zeros((ORDER, ORDER))
    rows = [[steps[i - j] if j <= i else zero for j in range(PARTS + 1)] for i in range(PARTS + 1)]
    return _Matrices(
        np.ascontiguousarray(response[:, :PART].T),
        np.ascontiguousarray(response[:PART, PART:].T),
        np.block(rows),
    )


def _response() -> NDArray[np.float64]:
    """Return what a part gives for each of its samples being 1, and each number of the state.

    It has a row for each sample of the output and for each number of the state after the part, and
    a column for each of the samples and of the state before it: (PART + ORDER) squared. The
    sections run sample by sample in transposed direct form II, for all columns at once.
    """
    coefficients = [_coefficients(*section) for section in SECTIONS]
    columns = np.eye(PART + ORDER)
    state = columns[PART:].reshape(len(SECTIONS), 2, PART + ORDER).copy()
    output = np.empty((PART, PART + ORDER))
    for i in range(PART):
        value = columns[i]
        for (first, second), (b0, b1, b2, a1, a2) in zip(state, coefficients, strict=True):
            result = b0 * value + first
            first[:] = b1 * value - a1 * result + second
            second[:] = b2 * value - a2 * result
            value = result
        output[i] = value
    return np.concatenate([output, state.reshape(ORDER, -1)])


def _coefficients(
    zero_hz: Hertz, pole_hz: Hertz, half_width_hz: Hertz
) -> tuple[float, float, float, float, float]:
    """Return b0, b1, b2, a1 and a2 of a section."""
    per_hz = 2 * math.pi / SAMPLE_RATE_HZ
    zero = cmath.exp(1j * zero_hz * per_hz)
    pole = cmath.exp((1j * pole_hz - half_width_hz) * per_hz)
    gain = abs((1 + pole) / (1 + zero)) ** 2
    return gain, -2 * gain * zero.real, gain, -2 * pole.real, abs(pole) ** 2


class FirstSample:
    """Subtracts the first sample that is not 0 from a stream, from there on.

    The high-pass filter removes any constant, so that the result is the same, but for the step at
    the beginning: the filter would answer to it, and a resampler smears it.
    """

    def __init__(self) -> None:
        self._value: np.float32 | None = None

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next samples (n,) without the offset, (n,) float32."""
        if self._value is not None:
            return samples - self._value
        (sounding,) = np.nonzero(samples)
        if not len(sounding):
            return samples
        first = int(sounding[0])
        self._value = np.float32(samples[first])
        without = samples.copy()
        without[first:] -= self._value
        return without
