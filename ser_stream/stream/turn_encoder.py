"""Incremental encoding of a turn: each step of a network's front end is computed once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ser_stream.engines.base import Array, Network, Outputs, State
from ser_stream.engines.calls import Asking, Encode, Encoded, NoAnswerError, Score
from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.units import Seconds

SPARE_S: Seconds = 1.0
"""How much longer steps are kept than a window. A turn may end this long before its last window:
windows continue during the pause that ends a turn, but only the pause's post-roll belongs to the
turn (see `audio.turns`)."""

AHEAD_S: Seconds = 0.1
"""Sound in each call that computes steps before a window needs them."""

AT_ONCE_S: Seconds = 5.0
"""Most sound in one call. After an overload, 30 s of a turn may be missing; ONNX Runtime never
gives back the 40 MB that one call of that length takes."""


NOT_FINITE = "its answer holds NaN or infinite values"


def require_finite(*arrays: Array | None) -> None:
    """Check an answer of a network; None is left out.

    Raises:
        NoAnswerError: a value is not finite.
    """
    if not is_finite(*arrays):
        raise NoAnswerError(NOT_FINITE)


def is_finite(*arrays: Array | None) -> bool:
    """Return whether all values are finite numbers; None is left out."""
    return all(array is None or bool(np.isfinite(array).all()) for array in arrays)


class Frames(Protocol):
    """The feature frames of a turn, such as `TurnFeatures`."""

    def read(self, start: int, end: int) -> np.ndarray:
        """Return frames [start, end), (frames, dimension) float32."""


@dataclasses.dataclass(frozen=True)
class WholeTurn:
    """The frames (frames, dimension) of a turn that is there as a whole."""

    frames: Array

    def read(self, start: int, end: int) -> Array:
        """Return frames [start, end), (frames, dimension)."""
        return self.frames[start:end]


class TurnEncoder:
    """Encodes the frames of one turn step by step, and runs the head on its windows.

    It yields the calls of the network, see `ser_stream.engines.calls`.

    Args:
        network: the network whose calls are yielded.
        frames: the turn's frames; a call needs all frames before its `n_frames`.
        window_steps: number of steps that the head looks back on.
        offset: offset of the speaker memory, see `SpeakerMemory`. It is subtracted from each frame
            (dimension,), or from the statistics of a network with `remembers_statistics`.
    """

    def __init__(
        self,
        network: Network,
        frames: Frames,
        window_steps: int,
        offset: np.ndarray | None = None,
    ):
        self._framing = network.framing
        self._features = network.features
        self._frames = frames
        self._window_steps = window_steps
        by_statistics = network.remembers_statistics
        self._statistics_offset = offset if by_statistics else None
        self._frame_offset = None if by_statistics else offset
        step_s = network.features.frame_s * self._framing.frames_per_step
        self._spare_steps = math.ceil(SPARE_S / step_s)
        self._block = self._framing.block_steps
        self._ahead_steps = self._whole_blocks(max(self._block, round(AHEAD_S / step_s)))
        self._steps_at_once = self._whole_blocks(max(self._block, round(AT_ONCE_S / step_s)))
        self._first = 0  # number of the first step in `_steps`
        self._steps: Array | None = None  # (steps, n)
        self._state: State | None = None  # of a recurrent network, behind the last step
        self._block_start: tuple[int, State | None] = (0, None)  # of the last block: step, state

    def outputs(self, n_frames: int) -> Asking[Outputs]:
        """Return the outputs of the window that ends with frame `n_frames`, exclusive.

        Raises:
            NoAnswerError: the network fails, or its answer is not finite; nothing of it is kept.
        """
        steps = yield from self._window(n_frames)
        outputs: Outputs = yield Score(steps, self._statistics_offset)
        require_finite(*outputs)
        return outputs

    def encode_ahead(self, n_frames: int) -> Asking[None]:
        """Compute the steps up to frame `n_frames` before a window needs them.

        Each call has `AHEAD_S` of sound, or a block, so that those of several streams have the same
        shape and run as one batch. Does nothing for a network that would compute its context in
        each call.

        Raises:
            NoAnswerError: see `outputs`.
        """
        if self._framing.context_frames:
            return
        for end in range(
            self._known + self._ahead_steps, self._framing.steps_in(n_frames) + 1, self._ahead_steps
        ):
            yield from self._steps_until(end)

    def _whole_blocks(self, n_steps: int) -> int:
        """Return the number of steps without those of a block that is not complete."""
        return n_steps - n_steps % self._block

    def mean_frame(self, n_frames: int) -> np.ndarray:
        """Return the mean of the turn's first `n_frames` frames, (dimension,) float64."""
        mean: np.ndarray = self._frames.read(0, n_frames).mean(axis=0, dtype=np.float64)
        return mean

    @property
    def _known(self) -> int:
        """Number of the turn's steps that have been computed or passed over."""
        return self._first + (0 if self._steps is None else len(self._steps))

    def _window(self, n_frames: int) -> Asking[Array]:
        """Return the steps of the window that ends with frame `n_frames`, (steps, n)."""
        end = self._framing.steps_in(n_frames)
        if end == 0:
            return (yield from self._padded_step(n_frames))
        whole = self._whole_blocks(end)
        parts = []
        if whole:
            steps = yield from self._steps_until(whole)
            start = max(end - self._window_steps, self._first)
            parts.append(steps[max(0, start - self._first) : whole - self._first])
        if whole < end:
            parts.append((yield from self._cut_block(whole, end)))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _steps_until(self, end: int) -> Asking[Array]:
        """Return all kept steps, up to `end` at least, after dropping old ones."""
        known = self._known
        if self._steps is not None and end <= known:
            return self._steps  # a turn's end lies before the end of its last window
        oldest = max(0, end - self._window_steps - self._spare_steps)
        # The steps of skipped windows are not computed, unless this window looks back on them.
        start = known if self._framing.context_frames is None else max(oldest, known)
        parts = [self._steps] if start == known and self._steps is not None else []
        first = start - sum(map(len, parts))
        for each, until in self._calls(start, end):
            parts.append((yield from self._encode(each, until)))
        self._first = max(oldest, first)
        self._steps = np.concatenate(parts)[self._first - first :]
        return self._steps

    def _calls(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the steps [from, until) of each call; the last block is a call of its own."""
        last = max(start, end - self._block) if self._block > 1 else end
        for each in range(start, last, self._steps_at_once):
            yield each, min(each + self._steps_at_once, last)
        if last < end:
            yield last, end

    def _cut_block(self, start: int, end: int) -> Asking[Array]:
        """Compute the steps [start, end) of a block that the end of a turn cuts.

        They differ from those of the whole block, which a window may have computed in the pause
        after the turn, and which a skipped window would not have.
        """
        state = self._state
        if start < self._known:
            before, state = self._block_start
            if before != start:  # the turn ended more than a block ago
                assert self._steps is not None
                return self._steps[start - self._first : end - self._first]
        frames = self._read(*(step * self._framing.frames_per_step for step in (start, end)))
        encoded: Encoded = yield Encode(frames, state)
        require_finite(encoded.steps)
        return encoded.steps

    def _encode(self, start: int, end: int) -> Asking[Array]:
        """Compute the steps [start, end), (end - start, n)."""
        framing = self._framing
        first_frame = start * framing.frames_per_step
        last_frame = end * framing.frames_per_step + framing.step_overlap_frames
        if framing.context_frames is not None:
            first_frame = max(0, first_frame - framing.context_frames)
        encoded: Encoded = yield Encode(self._read(first_frame, last_frame), self._state)
        # Before they are kept. Not every operator passes NaN on: a head may answer nevertheless.
        require_finite(encoded.steps, *encoded.state)
        self._block_start, self._state = (start, self._state), encoded.state
        return encoded.steps[start - end :]

    def _padded_step(self, n_frames: int) -> Asking[Array]:
        """Compute the one step of a turn that is shorter than a step, padded with silence."""
        shape = (self._framing.step_frames, self._features.dimension)
        frames = np.full(shape, SILENCE_DB, np.float32)
        frames[:n_frames] = self._read(0, n_frames)
        encoded: Encoded = yield Encode(frames)
        require_finite(encoded.steps)
        return encoded.steps

    def _read(self, start: int, end: int) -> Array:
        frames = self._frames.read(start, end)
        return frames if self._frame_offset is None else frames - self._frame_offset
