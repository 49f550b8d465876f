"""One stream of a `StreamPool`, as its user has it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.errors import InputError, shown
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pooled import PooledStream
from ser_stream.stream.pushed import checked_samples
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import Samples
from ser_stream.stream.status import StreamStatus
from ser_stream.units import Seconds


class PoolStream:
    """One stream of a `StreamPool`; `StreamPool.open` makes it. Any thread may use it.

    Args:
        wake: notes that the pool has work, and whether it is urgent.
        in_pool_thread: returns whether the caller is called by the pool.

    Attributes:
        name: of the stream.
        settings: its present settings.
    """

    def __init__(
        self,
        core: PoolCore,
        stream: PooledStream,
        settings: RecognizerSettings,
        wake: Callable[[bool], None],
        in_pool_thread: Callable[[], bool],
    ):
        self.name = stream.name
        self.settings = settings
        self._core = core
        self._stream = stream
        self._wake = wake
        self._in_pool_thread = in_pool_thread

    def push(self, samples: Samples, rate: float) -> None:
        """Add the next samples, and return at once.

        Where more than 6 s of sound wait, the oldest 5 s are dropped, which is a gap.

        Args:
            samples, rate: see `Recognizer.push`.

        Raises:
            InputError: the samples or the rate are not accepted, and are left out; or the stream
                has ended.
        """
        array, rate_hz = checked_samples(samples, rate)
        self._added(self._stream.sound.push(array, rate_hz))

    def push_block(self, block: AudioBlock | None) -> None:
        """Add a block that has times of its own, such as those of a clock that others share.

        Estimates have the times of the blocks. A block that cannot be used is an interruption, and
        `status.source` says why. Use either this or `push` for a stream.

        Args:
            block: the next one; None: the sound was interrupted, which ends the turn.

        Raises:
            InputError: it is no block, its rate or a time is no number that is accepted, or the
                stream has ended.
        """
        if block is not None:
            _check_block(self.name, block)
        self._added(self._stream.sound.put(block))

    def end_turn(self, then: Callable[[], None]) -> None:
        """End the current turn behind the sound that was pushed so far, and return at once.

        For a caller that knows earlier than a pause of 0.6 s that a turn has ended, as voice agents
        do. Where nobody speaks, nothing is ended. What follows is another turn.

        Args:
            then: called in the pool's thread, as `on_estimate` is, when all estimates of the sound
                so far have been delivered; also where there is none.

        Raises:
            InputError: the stream has ended.
        """
        self._added(self._stream.sound.end_turn(then), urgent=True)

    @property
    def status(self) -> StreamStatus:
        """The state of the stream; of one that has ended, the last."""
        return self._stream.status()

    @property
    def waiting_s(self) -> Seconds:
        """Seconds of sound that were pushed and wait: where it grows, the pool does not keep up."""
        return self._stream.sound.seconds

    @property
    def ended(self) -> bool:
        """Whether the stream takes no more sound."""
        return self._stream.sound.ended

    def change(self, **settings: float | None) -> None:
        """Change settings of this stream, from the next window on; see `Recognizer.change`.

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        changed = self.settings.changed(**settings)
        self._stream.change(changed, *self._core.windows_and_scoring(changed))
        self.settings = changed

    @property
    def muted(self) -> bool:
        """Whether sound is ignored because the robot itself speaks. May be set at any time."""
        return self._stream.session.windower.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._stream.session.windower.muted = muted

    def close(self, timeout_s: Seconds | None = None) -> None:
        """End the stream; returns when its last estimate has been delivered.

        In `on_estimate` it returns at once, and the last estimates follow.

        Args:
            timeout_s: return after so long, even if the pool's thread hangs.
        """
        self._stream.sound.end()
        self._wake(False)
        if not self._in_pool_thread():
            self._end(timeout_s)
        elif self._stream.has_words:  # which another thread closes: this one must not wait
            threading.Thread(target=self._end, args=(timeout_s,), daemon=True).start()

    def _end(self, timeout_s: Seconds | None) -> None:
        self._stream.wait(timeout_s)
        self._stream.close_words()

    def _added(self, added: bool, urgent: bool = False) -> None:
        """Note that the pool has work, if what was pushed has been accepted."""
        if not added:
            raise InputError(f"stream {self.name}: it has ended; open another one")
        self._wake(urgent)


def _check_block(name: str, block: object) -> None:
    if not isinstance(block, AudioBlock):
        raise InputError(
            f"stream {name}: found {type(block).__name__}; accepted are an AudioBlock and None"
        )
    rate, times = block.sample_rate_hz, (block.time_s, block.captured_at)
    if not isinstance(rate, int | np.integer):
        raise InputError(
            f"stream {name}: sample_rate_hz: found {shown(rate)}; accepted are integers"
        )
    check_format(rate, block.samples.shape[1], where=f"stream {name}")
    if not all(isinstance(time_s, int | float) and math.isfinite(time_s) for time_s in times):
        raise InputError(
            f"stream {name}: time_s and captured_at: found {shown(times[0])} and "
            f"{times[1]!r}; accepted "
            "are finite numbers"
        )
