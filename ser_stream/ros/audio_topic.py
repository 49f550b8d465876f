"""ROS topics of audio messages as sources of sound. Needs no rclpy: the node passes messages on."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ser_stream.audio.block import AudioBlock
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    AudioFormat,
    format_from_info,
    is_stamped_at_start,
    message_length,
    message_samples,
)
from ser_stream.ros.left_out import LeftOut
from ser_stream.ros.rate_check import RateCheck
from ser_stream.ros.stamps import to_seconds
from ser_stream.units import Seconds

MAX_PENDING_S: Seconds = 10.0
"""Sound that waits for the recogniser before the oldest is dropped."""

BLOCK_MS = 32
"""Shorter messages are joined until the sound fills the next block of this length, which is what
recognition analyses at once: what follows costs the same for messages of any length."""

MAX_JOINED = 64
"""Messages that are joined at most, however short they are."""


class AudioMessages:
    """Makes blocks of the messages of one topic, and tells what is wrong with the topic.

    The blocks' time is that of the messages' stamps. Short messages are joined: see `BLOCK_MS`.
    Messages that cannot be used are left out, and `last_error` says why; the next one that can be
    used ends the error, which is logged if it was brief. Messages and AudioInfo may come in
    different threads.

    Args:
        audio_format: format of the bytes in ros-drivers' messages, until AudioInfo announces
            another one.
        on_block: called with each block.
        now_s: current time of the clock that stamps messages. It replaces the stamp of a message
            that has none, or an empty one.
        name: of the topic, for messages.

    Attributes:
        frame_id: that of the newest header; "" where messages have none.
        awaited_s: length of the messages that complete the next block.
        due_at: when they are expected, by `time.monotonic()`; infinite before the first message.
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
        self.awaited_s: Seconds = 0.0
        self.due_at = math.inf
        self._on_block = on_block
        self._now_s = now_s
        self._left_out = LeftOut(name)
        self._info_error = ""  # why the format that was announced last cannot be used
        self._rate_check = RateCheck(name)
        self._last_block_at: float | None = None  # monotonic
        self._max_silence_s = self.MAX_SILENCE_S
        self._lock = threading.Lock()
        self._joined: list[Any] = []  # messages that do not fill a block yet
        self._rate_hz = 0
        self._position = 0  # samples of this rate so far

    @property
    def connected(self) -> bool:
        """Whether messages arrive that can be used."""
        return self.last_error == ""

    @property
    def last_error(self) -> str:
        """What is wrong with the topic at this moment, in words; "" if nothing is."""
        if self._left_out.error:
            return self._left_out.error
        if self._last_block_at is None:
            return f"{self.name}: no message yet"
        if self.interrupted:
            silence_s = time.monotonic() - self._last_block_at
            return f"{self.name}: no message for {silence_s:.0f} s; is its publisher alive?"
        return self._rate_check.error

    @property
    def left_out(self) -> int:
        """Number of messages that could not be used."""
        return self._left_out.count

    @property
    def interrupted(self) -> bool:
        """Whether the publisher is missed."""
        if self._last_block_at is None:
            return False
        return time.monotonic() - self._last_block_at > self._max_silence_s

    def push_info(self, info: Any) -> None:
        """Take ros-drivers' AudioInfo.

        Messages that hold bytes are left out as long as what it announces cannot be used.
        """
        with self._lock:
            self._pass_on()  # what came before has the format before
            try:
                self.audio_format, self._info_error = format_from_info(info), ""
            except InputError as error:
                self._left_out.error = self._info_error = str(error)

    def refuse(self, error: InputError) -> None:
        """Take note of a message that is left out before it could be passed here."""
        with self._lock:
            self._left_out.add(error)

    def push_message(self, message: Any) -> None:
        """Take a message of one of the `AUDIO_TYPES`."""
        with self._lock:
            if self.interrupted:
                self._joined.clear()
            try:
                length, rate_hz = message_length(message, self.audio_format)
            except InputError as error:
                self._left_out.add(error)
                return
            self._joined.append(message)
            if rate_hz != self._rate_hz:
                self._rate_hz, self._position = rate_hz, 0
            blocks_before = self._blocks_at(self._position)
            self._position += length
            blocks = self._blocks_at(self._position)
            self.awaited_s = self._missing_s(blocks + 1, length)
            self.due_at = time.monotonic() + self.awaited_s
            if blocks > blocks_before or len(self._joined) >= MAX_JOINED:
                self._pass_on()

    def _blocks_at(self, position: int) -> int:
        """Number of blocks that end up to a position."""
        return position * 1000 // (BLOCK_MS * max(1, self._rate_hz))

    def _missing_s(self, n_blocks: int, length: int) -> Seconds:
        """Length of the messages of `length` samples that are missing to so many blocks."""
        missing = n_blocks * BLOCK_MS * self._rate_hz / 1000 - self._position
        n_messages = math.ceil(missing / max(1, length))
        return n_messages * length / max(1, self._rate_hz)

    def _pass_on(self) -> None:
        """Make a block of the joined messages; of several, where their format differs."""
        joined, self._joined = self._joined, []
        parts: list[np.ndarray] = []
        rate_hz, end_s = 0, 0.0
        for message in joined:
            try:
                if self._info_error and not hasattr(message, "channel_map"):
                    raise InputError(self._info_error)
                samples, new_rate_hz = message_samples(message, self.audio_format)
            except InputError as error:
                self._left_out.add(error)
                continue
            if parts and (new_rate_hz, samples.shape[1]) != (rate_hz, parts[0].shape[1]):
                self._make_block(parts, rate_hz, end_s)
                parts = []
            parts.append(samples)
            rate_hz, end_s = new_rate_hz, self._end_s(message, len(samples) / new_rate_hz)
        if parts:
            self._make_block(parts, rate_hz, end_s)

    def _end_s(self, message: Any, length_s: Seconds) -> Seconds:
        """Time at the end of a message of this length."""
        now_s = self._now_s()
        if not hasattr(message, "header"):
            return now_s
        self.frame_id = message.header.frame_id
        stamp = message.header.stamp
        empty = stamp.sec == stamp.nanosec == 0
        time_s = now_s if empty else to_seconds((stamp.sec, stamp.nanosec), now_s)
        return time_s + length_s if is_stamped_at_start(message) else time_s

    def _make_block(self, parts: list[np.ndarray], rate_hz: int, end_s: Seconds) -> None:
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
        now = time.monotonic()
        block = AudioBlock(samples, rate_hz, end_s, now)
        self._max_silence_s = max(self.MAX_SILENCE_S, 2 * block.length_s)
        self._on_block(block)
        self._rate_check.add(block.length_s, end_s)
        self._last_block_at = now
        self._left_out.end(now)


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
