"""A ROS topic of audio messages as an audio source. Needs no rclpy: the node passes messages on."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ser_stream.audio.block import AudioBlock
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    AudioFormat,
    format_from_info,
    samples_from_audio,
    samples_from_bytes,
)
from ser_stream.units import Seconds

MAX_PENDING_BLOCKS = 500
"""Blocks that wait for the recogniser before the oldest is dropped: 10 s of 20 ms each."""


class AudioTopic:
    """An `AudioSource` whose blocks are the messages that a subscriber passes to it.

    Its time is that of the messages' stamps. Messages that cannot be used are left out, and
    `last_error` says why; the stream continues with the next one that can.

    Args:
        audio_format: format of the bytes in ros-drivers' messages, until AudioInfo announces
            another one.
        now_s: current time of the clock that stamps messages. It replaces the stamp of a message
            that has none, or an empty one.
    """

    live = True
    waits = True
    name = "topic audio"
    # Many drivers stamp a block when they read or publish it: after a stall the stamps are late.
    settle_s: Seconds = 0.5

    MAX_SILENCE_S: Seconds = 3.0
    """The publisher is missed after so long without a message, or twice as long as the last one."""

    def __init__(self, audio_format: AudioFormat, now_s: Callable[[], Seconds] = time.time) -> None:
        self.audio_format = audio_format
        self.dropped_blocks = 0
        self._now_s = now_s
        self._error = ""
        self._rate_check = RateCheck()
        self._last_message_at: float | None = None  # monotonic
        self._max_silence_s = self.MAX_SILENCE_S
        self._pending: queue.SimpleQueue[AudioBlock | None] = queue.SimpleQueue()

    @property
    def connected(self) -> bool:
        """Whether messages arrive that can be used."""
        return self.last_error == ""

    @property
    def last_error(self) -> str:
        """What is wrong with the topic at this moment, in words; "" if nothing is."""
        if self._error:
            return self._error
        if self._last_message_at is None:
            return "topic audio: no message yet"
        silence_s = time.monotonic() - self._last_message_at
        if silence_s > self._max_silence_s:
            return f"topic audio: no message for {silence_s:.0f} s; is its publisher alive?"
        return self._rate_check.error

    def push_info(self, info: Any) -> None:
        """Take ros-drivers' AudioInfo."""
        with self._noting_errors():
            self.audio_format = format_from_info(info)

    def push_message(self, message: Any) -> None:
        """Take an AudioData, AudioDataStamped or AudioStamped."""
        with self._noting_errors():
            if hasattr(getattr(message, "audio", None), "info"):  # mgonzs13's AudioStamped
                samples, rate_hz = samples_from_audio(message.audio)
                end_s = self._stamp_s(message) + len(samples) / rate_hz
            else:
                data = getattr(message, "audio", message).data
                samples = samples_from_bytes(data.tobytes(), self.audio_format)
                rate_hz = self.audio_format.sample_rate_hz
                end_s = self._stamp_s(message)
            self._put(samples, rate_hz, end_s)

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield blocks until `close()`, and None once each time the publisher is missed."""
        timeout_s: Seconds | None = None  # waits forever before the first block and after a None
        while True:
            try:
                block = self._pending.get(timeout=timeout_s)
            except queue.Empty:
                timeout_s = None
                yield None
                continue
            if block is None:
                return
            timeout_s = self._max_silence_s
            yield block

    def close(self) -> None:
        """End `blocks()`, from any thread."""
        self._pending.put(None)

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self._error = str(error)

    def _stamp_s(self, message: Any) -> Seconds:
        """Stamp of a message; the current time where it has none or an empty one."""
        if not hasattr(message, "header"):
            return self._now_s()
        stamp = message.header.stamp
        return stamp.sec + stamp.nanosec * 1e-9 or self._now_s()

    def _put(self, samples: np.ndarray, rate_hz: int, end_s: Seconds) -> None:
        if self._pending.qsize() >= MAX_PENDING_BLOCKS:
            with contextlib.suppress(queue.Empty):  # the reader has taken it in the meantime
                self._pending.get_nowait()
                self.dropped_blocks += 1
        now, duration_s = time.monotonic(), len(samples) / rate_hz
        self._max_silence_s = max(self.MAX_SILENCE_S, 2 * duration_s)
        self._pending.put(AudioBlock(samples, rate_hz, end_s, now))
        self._rate_check.add(duration_s, end_s)
        self._last_message_at, self._error = now, ""


class RateCheck:
    """Compares the duration of the received audio with the time that it took to arrive.

    Samples with a wrong rate or number of channels (stereo declared as mono) look like any others,
    but too many of them arrive each second.

    Attributes:
        error: what is wrong; "" if nothing is.
    """

    PERIOD_S: Seconds = 5.0
    TOLERANCE = 0.2

    def __init__(self) -> None:
        self.error = ""
        self._start_s: Seconds | None = None
        self._received_s: Seconds = 0.0

    def add(self, duration_s: Seconds, end_s: Seconds) -> None:
        """Take a block into account that has this duration and ends at this stamp."""
        if self._start_s is None or end_s < self._start_s:
            self._start_s, self._received_s = end_s, 0.0
            return
        self._received_s += duration_s
        elapsed_s = end_s - self._start_s
        if elapsed_s < self.PERIOD_S:
            return
        ratio = self._received_s / elapsed_s
        self.error = ""
        if ratio > 1 + self.TOLERANCE:
            self.error = (
                f"topic audio: {ratio:.1f} s of sound arrive in each second; check audio_rate and "
                "audio_channels (stereo declared as mono gives 2.0)"
            )
        self._start_s, self._received_s = end_s, 0.0
