"""ROS topics of audio messages as sources of sound. Needs no rclpy: the node passes messages on."""

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


class AudioMessages:
    """Makes blocks of the messages of one topic, and tells what is wrong with the topic.

    The blocks' time is that of the messages' stamps. Messages that cannot be used are left out, and
    `last_error` says why; the next one that can be used ends the error.

    Args:
        audio_format: format of the bytes in ros-drivers' messages, until AudioInfo announces
            another one.
        on_block: called with each block.
        now_s: current time of the clock that stamps messages. It replaces the stamp of a message
            that has none, or an empty one.
        name: of the topic, for messages.

    Attributes:
        frame_id: of the latest message's header; "" without one.
    """

    # Many drivers stamp a block when they read or publish it: after a stall the stamps are late.
    settle_s: Seconds = 0.5

    MAX_SILENCE_S: Seconds = 3.0
    """The publisher is missed after so long without a message, or twice as long as the last one."""

    def __init__(
        self,
        audio_format: AudioFormat,
        on_block: Callable[[AudioBlock], None],
        now_s: Callable[[], Seconds] = time.time,
        name: str = "topic audio",
    ) -> None:
        self.audio_format = audio_format
        self.name = name
        self.frame_id = ""
        self._on_block = on_block
        self._now_s = now_s
        self._error = ""
        self._rate_check = RateCheck(name)
        self._last_message_at: float | None = None  # monotonic
        self._max_silence_s = self.MAX_SILENCE_S

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
            return f"{self.name}: no message yet"
        if self.interrupted:
            silence_s = time.monotonic() - self._last_message_at
            return f"{self.name}: no message for {silence_s:.0f} s; is its publisher alive?"
        return self._rate_check.error

    @property
    def interrupted(self) -> bool:
        """Whether the publisher is missed."""
        if self._last_message_at is None:
            return False
        return time.monotonic() - self._last_message_at > self._max_silence_s

    def push_info(self, info: Any) -> None:
        """Take ros-drivers' AudioInfo."""
        with self._noting_errors():
            self.audio_format = format_from_info(info)

    def push_message(self, message: Any) -> None:
        """Take an AudioData, AudioDataStamped or AudioStamped."""
        self.frame_id = message.header.frame_id if hasattr(message, "header") else ""
        with self._noting_errors():
            if hasattr(getattr(message, "audio", None), "info"):  # mgonzs13's AudioStamped
                samples, rate_hz = samples_from_audio(message.audio)
                end_s = self._stamp_s(message) + len(samples) / rate_hz
            else:
                data = getattr(message, "audio", message).data
                samples = samples_from_bytes(data.tobytes(), self.audio_format)
                rate_hz = self.audio_format.sample_rate_hz
                end_s = self._stamp_s(message)
            self._pass_on(samples, rate_hz, end_s)

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

    def _pass_on(self, samples: np.ndarray, rate_hz: int, end_s: Seconds) -> None:
        now, duration_s = time.monotonic(), len(samples) / rate_hz
        self._max_silence_s = max(self.MAX_SILENCE_S, 2 * duration_s)
        self._on_block(AudioBlock(samples, rate_hz, end_s, now))
        self._rate_check.add(duration_s, end_s)
        self._last_message_at, self._error = now, ""


class AudioTopic(AudioMessages):
    """An `AudioSource` whose blocks are the messages that a subscriber passes to it.

    Args:
        audio_format, now_s: see `AudioMessages`.
    """

    live = True
    waits = True

    def __init__(self, audio_format: AudioFormat, now_s: Callable[[], Seconds] = time.time) -> None:
        super().__init__(audio_format, self._put, now_s)
        self.dropped_blocks = 0
        self._pending: queue.SimpleQueue[AudioBlock | None] = queue.SimpleQueue()

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

    def _put(self, block: AudioBlock) -> None:
        if self._pending.qsize() >= MAX_PENDING_BLOCKS:
            with contextlib.suppress(queue.Empty):  # the reader has taken it in the meantime
                self._pending.get_nowait()
                self.dropped_blocks += 1
        self._pending.put(block)


class RateCheck:
    """Compares the duration of the received audio with the time that it took to arrive.

    Samples with a wrong rate or number of channels (stereo declared as mono) look like any others,
    but too many of them arrive each second.

    Args:
        name: of the topic, for the message.

    Attributes:
        error: what is wrong; "" if nothing is.
    """

    PERIOD_S: Seconds = 5.0
    TOLERANCE = 0.2

    def __init__(self, name: str = "topic audio") -> None:
        self.error = ""
        self._name = name
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
                f"{self._name}: {ratio:.1f} s of sound arrive in each second; check audio_rate and "
                "audio_channels (stereo declared as mono gives 2.0)"
            )
        self._start_s, self._received_s = end_s, 0.0
