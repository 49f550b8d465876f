"""Many live streams in one process, whose networks run once for all of them.

Any thread pushes sound; the pool's thread computes what has come within 20 ms, all together::

    push ---> PendingSound ---+
    push ---> PendingSound ---+---> PoolCore ---> on_estimate(name, estimate)
    push ---> PendingSound ---+
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from ser_stream.errors import InferenceError
from ser_stream.models.info import ModelInfo
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pool_stream import PoolStream
from ser_stream.stream.pooled import OnEstimate, OnProgress, OnSpeech, Receivers
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.word_recognition import WordRecognition
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
        self._urgent = threading.Event()  # somebody waits for the work
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

    @property
    def ended(self) -> bool:
        """Whether the pool's thread has ended: it was closed, or its network fails for good."""
        return not self._thread.is_alive()

    def open(
        self,
        name: str,
        on_estimate: OnEstimate,
        settle_s: Seconds = 0.0,
        on_progress: OnProgress | None = None,
        words: WordRecognition | None = None,
        on_speech: OnSpeech | None = None,
        **settings: Any,
    ) -> PoolStream:
        """Open a stream.

        Args:
            name: distinguishes the stream from the others.
            on_estimate: called with the name and each estimate, in the pool's thread: all streams
                wait for it. If it raises, that is logged, and the stream ends.
            settle_s: for blocks with times of their own, see `AudioSource`.
            on_progress: called with the name and a `Progress` after each block of sound, in the
                pool's thread, as `on_estimate` is.
            words: recognises the words of this stream, and of no other one at the same time; close
                it after the stream. The estimate of a whole turn waits for them for a second at
                most, as of a live source.
            on_speech: called with the name and the words of a turn, as `on_estimate` is.
            settings: of this stream alone: `channel`, and what `PoolStream.change` takes.

        Raises:
            InputError: another stream has that name, or too many are open, or a setting cannot be
                used; other streams are not affected.
        """
        channel = settings.pop("channel", self.settings.channel)
        chosen = self.settings.changed(**settings).replace(channel=channel)
        if words is not None:
            words.change(chosen)
        receivers = Receivers(on_estimate, on_progress, on_speech)
        stream = self._core.open(name, receivers, settle_s, chosen, words, self.wake)
        return PoolStream(self._core, stream, chosen, self.wake, lambda: self.in_its_thread)

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

    def wake(self, urgent: bool = False) -> None:
        """Note that there is work for the pool's thread.

        Args:
            urgent: whether it is to be done without waiting for the sound of other streams.
        """
        if urgent:
            self._urgent.set()
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
                self._work.wait(self._core.wait_s)
                # Sound of other streams arrives meanwhile, and is computed together with it.
                self._urgent.wait(max(0.0, self._work_since + BATCH_WAIT_S - time.monotonic()))
                self._urgent.clear()
                self._work.clear()
                while self._core.run_once():
                    pass
        except InferenceError as error:
            logger.error("%s; the pool ends, with all of its streams", error)
            self._core.abandon()
        except BaseException:  # whatever it is, nobody must wait for streams that do not end
            logger.exception("the pool ends, with all of its streams")
            self._core.abandon()
