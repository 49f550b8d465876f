"""Many live streams in one process, whose networks run once for all of them.

Any thread pushes sound; the pool's thread computes what has come within 20 ms, all together::

    push ---> PendingSound ---+
    push ---> PendingSound ---+---> PoolCore ---> on_estimate(name, estimate)
    push ---> PendingSound ---+
"""

from __future__ import annotations

import logging
import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.errors import InferenceError, InputError, shown
from ser_stream.models.info import ModelInfo
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pooled import OnEstimate, PooledStream
from ser_stream.stream.pushed import checked_samples
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import Samples
from ser_stream.stream.status import StreamStatus
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

BATCH_WAIT_S: Seconds = 0.02
"""How long pushed sound waits for the sound of other streams."""


class StreamPool:
    """Recognises emotions in many live streams at once, in one thread.

    >>> with StreamPool(max_streams=50) as pool:   # doctest: +SKIP
    ...     stream = pool.open("robot1", lambda name, estimate: print(name, estimate.expression))
    ...     stream.push(samples, 16_000)

    Each stream gives the estimates that a `Recognizer` gives for its sound. Streams join and leave
    at any time. All methods may be called from any thread.

    Args:
        model: see `Recognizer`.
        max_streams: streams that are open at the same time; another one is refused.
        settings: any of `RecognizerSettings`, for all streams; without words.

    Raises:
        InputError: a setting cannot be used; the message says what is accepted.
    """

    def __init__(
        self,
        model: str | Path | RecognizerSettings = "default",
        max_streams: int = 100,
        **settings: Any,
    ) -> None:
        if not isinstance(model, RecognizerSettings):
            model, settings = RecognizerSettings(), {"model": model, **settings}
        self._core = PoolCore(model.replace(**settings), max_streams)
        self._work = threading.Event()  # there is sound, or a stream or the pool ends
        self._work_since = 0.0  # monotonic
        self._thread = threading.Thread(target=self._run, name="ser_stream-pool", daemon=True)
        self._thread.start()

    @property
    def settings(self) -> RecognizerSettings:
        """The settings of all streams."""
        return self._core.settings

    @property
    def info(self) -> ModelInfo:
        """Description of the network."""
        return self._core.info

    @property
    def engine(self) -> str:
        """What runs the network, such as "onnx" or "torch on cuda"."""
        return self._core.engine

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate of a stream to the next."""
        return self._core.hop_s

    @property
    def streams(self) -> list[str]:
        """Names of the open streams."""
        return [stream.name for stream in self._core.streams]

    def open(self, name: str, on_estimate: OnEstimate, settle_s: Seconds = 0.0) -> PoolStream:
        """Open a stream.

        Args:
            name: distinguishes the stream from the others.
            on_estimate: called with the name and each estimate, in the pool's thread: all streams
                wait for it. If it raises, that is logged, and the stream ends.
            settle_s: for blocks with times of their own, see `AudioSource`.

        Raises:
            InputError: another stream has that name, or too many are open; those are not affected.
        """
        return PoolStream(self, self._core.open(name, on_estimate, settle_s))

    def close(self, timeout_s: Seconds | None = None) -> None:
        """End all streams, deliver their last estimates, and end the thread.

        Args:
            timeout_s: return after so long, even if a network or an `on_estimate` hangs.
        """
        self._core.close()
        self.wake()
        if not self.in_its_thread:
            self._thread.join(timeout_s)

    def __enter__(self) -> StreamPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wake(self) -> None:
        """Note that there is work for the pool's thread."""
        if not self._work.is_set():
            self._work_since = time.monotonic()
            self._work.set()

    @property
    def in_its_thread(self) -> bool:
        """Whether the caller is called by the pool, as `on_estimate` is."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            while not self._core.over:
                self._work.wait()
                # Sound of other streams arrives meanwhile, and is computed together with it.
                time.sleep(max(0.0, self._work_since + BATCH_WAIT_S - time.monotonic()))
                self._work.clear()
                while self._core.run_once():
                    pass
        except InferenceError as error:
            logger.error("%s; the pool ends, with all of its streams", error)
            self._core.abandon()
        except BaseException:  # whatever it is, nobody must wait for streams that do not end
            logger.exception("the pool ends, with all of its streams")
            self._core.abandon()


class PoolStream:
    """One stream of a `StreamPool`; `StreamPool.open` makes it. Any thread may use it.

    Attributes:
        name: of the stream.
    """

    def __init__(self, pool: StreamPool, stream: PooledStream):
        self.name = stream.name
        self._pool = pool
        self._stream = stream

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

    @property
    def status(self) -> StreamStatus:
        """The state of the stream; of one that has ended, the last."""
        return self._stream.status()

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
        self._pool.wake()
        if not self._pool.in_its_thread:
            self._stream.wait(timeout_s)

    def _added(self, added: bool) -> None:
        """Note that the pool has work, if what was pushed has been accepted."""
        if not added:
            raise InputError(f"stream {self.name}: it has ended; open another one")
        self._pool.wake()


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
