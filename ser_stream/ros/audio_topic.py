"""ROS topics of audio messages as sources of sound. Needs no rclpy: the node passes messages on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.block import AudioBlock
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    AudioFormat,
    format_from_info,
    samples_from_audio,
    samples_from_buffer,
    samples_from_bytes,
)
from ser_stream.ros.rate_check import RateCheck
from ser_stream.units import Seconds

MAX_PENDING_S: Seconds = 10.0
"""Sound that waits for the recogniser before the oldest is dropped."""

BLOCK_S: Seconds = 0.032
"""Shorter messages are joined up to this length: what follows costs the same for any block."""


class AudioMessages:
    """Makes blocks of the messages of one topic, and tells what is wrong with the topic.

    The blocks' time is that of the messages' stamps. Messages shorter than `BLOCK_S` are joined.
    Messages that cannot be used are left out, and `last_error` says why; the next one that can be
    used ends the error.

    Args:
        audio_format: format of the bytes in ros-drivers' messages, until AudioInfo announces
            another one.
        on_block: called with each block.
        now_s: current time of the clock that stamps messages. It replaces the stamp of a message
            that has none, or an empty one.
        name: of the topic, for messages.

    Attributes:
        frame_id: that of the newest message's header; "" where messages have none.
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
        self._info_error = ""  # why the format that was announced last cannot be used
        self._rate_check = RateCheck(name)
        self._last_message_at: float | None = None  # monotonic
        self._max_silence_s = self.MAX_SILENCE_S
        self._joined: list[NDArray[np.float32]] = []  # samples of short messages
        self._joined_format = (0, 0)  # their sample rate and channels
        self._joined_s: Seconds = 0.0  # their length

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
        """Take ros-drivers' AudioInfo.

        Messages that hold bytes are left out as long as what it announces cannot be used.
        """
        self._info_error = ""
        with self._noting_errors():
            try:
                self.audio_format = format_from_info(info)
            except InputError as error:
                self._info_error = str(error)
                raise

    def push_message(self, message: Any) -> None:
        """Take a message of one of the `AUDIO_TYPES`."""
        with self._noting_errors():
            if hasattr(message, "channel_map"):  # AudioBuffer
                samples, rate_hz = samples_from_buffer(message)
                end_s = self._stamp_s(message)
            elif hasattr(getattr(message, "audio", None), "info"):  # AudioStamped
                samples, rate_hz = samples_from_audio(message.audio)
                end_s = self._stamp_s(message) + len(samples) / rate_hz
            else:
                if self._info_error:
                    raise InputError(self._info_error)
                data = getattr(message, "audio", message).data
                samples = samples_from_bytes(data.tobytes(), self.audio_format)
                rate_hz = self.audio_format.sample_rate_hz
                end_s = self._stamp_s(message)
            if hasattr(message, "header"):
                self.frame_id = message.header.frame_id
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

    def _pass_on(self, samples: NDArray[np.float32], rate_hz: int, end_s: Seconds) -> None:
        now, duration_s = time.monotonic(), len(samples) / rate_hz
        if self.interrupted:
            self._joined.clear()  # from before the interruption
        self._max_silence_s = max(self.MAX_SILENCE_S, 2 * duration_s)
        self._join(samples, rate_hz, end_s, now)
        self._rate_check.add(duration_s, end_s)
        self._last_message_at, self._error = now, ""

    def _join(
        self, samples: NDArray[np.float32], rate_hz: int, end_s: Seconds, captured_at: float
    ) -> None:
        """Pass a message's samples on, together with those before that did not fill a block."""
        block_format, length_s = (rate_hz, samples.shape[1]), len(samples) / rate_hz
        if not self._joined or block_format != self._joined_format:
            self._joined, self._joined_format, self._joined_s = [], block_format, 0.0
        self._joined.append(samples)
        self._joined_s += length_s
        if self._joined_s + length_s <= BLOCK_S:
            return
        joined, self._joined = self._joined, []
        whole = joined[0] if len(joined) == 1 else np.concatenate(joined)
        self._on_block(AudioBlock(whole, rate_hz, end_s, captured_at))


class AudioTopic(AudioMessages):
    """An `AudioSource` whose blocks are the messages that a subscriber passes to it.

    Args:
        audio_format, now_s: see `AudioMessages`.
    """

    live = True
    waits = True

    def __init__(self, audio_format: AudioFormat, now_s: Callable[[], Seconds] = time.time) -> None:
        super().__init__(audio_format, self._put, now_s)
        self.dropped_s: Seconds = 0.0
        self._changed = threading.Condition()
        self._pending: deque[AudioBlock] = deque()
        self._pending_s: Seconds = 0.0
        self._closed = False

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield blocks until `close()`, and None once each time the publisher is missed."""
        timeout_s: Seconds | None = None  # waits forever before the first block and after a None
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._pending or self._closed, timeout_s):
                    block = None
                elif self._pending:
                    block = self._pop()
                else:
                    return
            timeout_s = None if block is None else self._max_silence_s
            yield block

    def close(self) -> None:
        """End `blocks()` after the blocks that wait, from any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _put(self, block: AudioBlock) -> None:
        with self._changed:
            self._pending.append(block)
            self._pending_s += block.length_s
            while self._pending_s > MAX_PENDING_S and len(self._pending) > 1:
                self.dropped_s += self._pop().length_s
            self._changed.notify()

    def _pop(self) -> AudioBlock:
        block = self._pending.popleft()
        self._pending_s = self._pending_s - block.length_s if self._pending else 0.0
        return block
