"""Sound that was pushed to a stream of a pool and has not been analysed yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.block import AudioBlock
from ser_stream.stream.pushed import BlockAssembler
from ser_stream.units import Seconds

MAX_PENDING_S: Seconds = 6.0
"""Sound that may wait. It bounds a stream's memory, and how far behind its estimates may be."""

DROPPED_S: Seconds = 5.0
"""The oldest sound, so much and a block, is dropped where more waits. It is more than a `Timeline`
fills with silence, whose analysis would take as long as that of the sound."""

MAX_PIECE_S: Seconds = 0.5
"""Longer blocks are split, so that the oldest part of a long one can be dropped alone."""


class Interruption:
    """Takes the place of a block where the sound was interrupted."""

    length_s: Seconds = 0.0


class EndOfTurn:
    """Stands between the sound of two turns, where the caller says that one has ended.

    Args:
        then: called when the estimates of all sound before it have been delivered.
    """

    length_s: Seconds = 0.0

    def __init__(self, then: Callable[[], None]):
        self.then = then


class PendingSound:
    """Holds the blocks of one stream until the pool analyses them, in order.

    Where more than `MAX_PENDING_S` waits, the oldest is dropped. The times of the other blocks
    stay, so that the stream has a gap there, as after any loss of sound.

    Any thread may push and end; one thread takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._assembler = BlockAssembler()
        self._blocks: deque[AudioBlock | Interruption | EndOfTurn] = deque()
        self._seconds = 0.0
        self._dropped_s = 0.0
        self._ended = False

    @property
    def waits(self) -> bool:
        """Whether there is something to take."""
        return bool(self._blocks)

    @property
    def seconds(self) -> Seconds:
        """Length of the sound that waits."""
        return self._seconds

    @property
    def dropped_s(self) -> Seconds:
        """Length of the sound that was dropped, in all."""
        return self._dropped_s

    @property
    def ended(self) -> bool:
        """Whether no more sound will be pushed."""
        return self._ended

    @property
    def exhausted(self) -> bool:
        """Whether there is no sound and there will be none."""
        return self._ended and not self._blocks

    def push(self, samples: NDArray[np.float32], rate_hz: int) -> bool:
        """Add the next samples (n, channels). Return False where the sound has ended already."""
        with self._lock:
            if self._ended:
                return False
            for block in self._assembler.push(samples, rate_hz):
                self._append(block)
        return True

    def put(self, block: AudioBlock | None) -> bool:
        """Add a block with times of its own, or None for an interruption, and return as `push`."""
        with self._lock:
            if self._ended:
                return False
            if block is None:
                self._append(Interruption())
            else:
                for piece in block.pieces(MAX_PIECE_S):
                    self._append(piece)
        return True

    def end_turn(self, then: Callable[[], None]) -> bool:
        """Add the end of a turn behind all sound that was pushed, and return as `push`."""
        with self._lock:
            if self._ended:
                return False
            for block in self._assembler.flush():
                self._append(block)
            self._append(EndOfTurn(then))
        return True

    def end(self) -> None:
        """Mark the end of the sound. What waits can still be taken."""
        with self._lock:
            if not self._ended:
                for block in self._assembler.flush():
                    self._append(block)
                self._ended = True

    def take(self) -> AudioBlock | Interruption | EndOfTurn | None:
        """Return the oldest of what waits, and forget it; None where nothing waits."""
        with self._lock:
            return self._pop() if self._blocks else None

    def _append(self, block: AudioBlock | Interruption | EndOfTurn) -> None:
        self._blocks.append(block)
        self._seconds += block.length_s
        if self._seconds <= MAX_PENDING_S:
            return
        dropped_s = 0.0
        ends: list[EndOfTurn] = []  # somebody waits for them, whatever happens to the sound
        while dropped_s <= DROPPED_S:
            dropped = self._pop()
            dropped_s += dropped.length_s
            if isinstance(dropped, EndOfTurn):
                ends.append(dropped)
        self._blocks.extendleft(reversed(ends))
        self._dropped_s += dropped_s

    def _pop(self) -> AudioBlock | Interruption | EndOfTurn:
        block = self._blocks.popleft()
        self._seconds = self._seconds - block.length_s if self._blocks else 0.0
        return block
