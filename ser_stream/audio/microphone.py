"""A microphone as an audio source that reconnects after it was unplugged."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ser_stream.audio.block import AUTO, MAX_CHANNELS, MIX, AudioBlock, Channel
from ser_stream.audio.devices import Device, find_device, rescan, sound_cards
from ser_stream.audio.portaudio import (
    NOT_RESPONDING,
    PortAudioCall,
    load_portaudio,
    run_call,
    start_call,
)
from ser_stream.errors import InputError
from ser_stream.text import valid_text
from ser_stream.units import Seconds

log = logging.getLogger("ser_stream.audio")

MAX_PENDING_S: Seconds = 10.0
"""Audio kept for a slow reader; beyond that the oldest is dropped."""

SILENT_CALLBACK_S: Seconds = 3.0
"""Time without a block after which the device is lost. PulseAudio's first may take 2 s."""

LINGER_S: Seconds = 7.0
"""Further time that a device without blocks stays open where PortAudio calls it active. A server
that was stopped for a moment goes on with the same stream at once; a new one takes 2 s."""

CLOSE_S: Seconds = 1.0
"""A device that takes longer to be closed is reported: its sound server does not respond."""

FREQUENT_RETRY_S: Seconds = 60.0
"""Time after a loss during which the device is looked for every `reopen_every_s`."""

RARE_RETRY_EVERY_S: Seconds = 30.0
"""Interval between later attempts."""

SERVER_CHANNELS = 8
"""Channels that are opened of a sound server so that one can be chosen. It claims 32 and more, most
of which do not exist: it fills them with mixtures of the others."""


class Microphone:
    """An `AudioSource` that captures through PortAudio; its clock is 0 when `blocks()` begins.

    `time_s` is the time of arrival: with PulseAudio 35 ms after the sound, otherwise less. The
    device runs at its own default rate with all its channels; see `Conditioner`. Of a sound server
    as many are opened as `channel` needs.

    When the device disappears, `blocks()` looks for `device` every `reopen_every_s` until it is
    back; the pause is a gap in `time_s`. After a minute it looks only every
    `RARE_RETRY_EVERY_S`, and when the kernel's list of sound cards changes: each attempt leaks
    13 KiB in PortAudio or below. An attempt restarts PortAudio, which ends every other stream of
    this process: use one Microphone.

    A sound server that stops responding is reported like a lost device, within 5 s. Nothing waits
    for it for ever: when it responds again, the device is opened anew.

    With PulseAudio or PipeWire there is one device ("default" or "pulse"), and the server selects
    its source; the environment variable PULSE_SOURCE names another (`pactl list short sources`).
    If the source disappears while there are others, the server may silently move the stream.

    Args:
        device: see `find_device`. It is not looked for before `blocks()`.
        channel: the channel that will be used.
        block_s: length of a block.
        reopen_every_s: interval between attempts to find a lost device.
        wait: whether to wait for a device that is missing at the start, as for a lost one.
    """

    live = True
    settle_s: Seconds = 0.5  # a driver that delays blocks delivers them in a burst well within

    def __init__(
        self,
        device: str | int | None = None,
        channel: Channel = MIX,
        block_s: Seconds = 0.032,
        reopen_every_s: Seconds = 1.0,
        wait: bool = False,
    ) -> None:
        self.name = "default microphone" if device is None else valid_text(f"microphone {device}")
        self.connected = False
        """Whether blocks are arriving."""
        self.reconnects = 0
        """Number of times that the device was found after it had been missing."""
        self.last_error = ""
        """Why the device was missing last, as a line for people."""
        self.dropped_blocks = 0
        """Blocks dropped because the reader was more than `MAX_PENDING_S` behind."""
        self.dropped_s: Seconds = 0.0
        """Length of the dropped blocks."""
        self.overflows = 0
        """Number of times that PortAudio reported lost samples."""
        self._device = device
        self._channel = channel
        self._block_s = block_s
        self._reopen_every_s = reopen_every_s
        self.waits = wait
        self._loss_reported = False
        self._lost_at = 0.0  # monotonic time of the loss, or of the last change of sound cards
        self._started = 0.0
        self._closed = threading.Event()
        # None marks the end of the stream. Each stream has its own queue, so that a late callback
        # of an old stream does not reach the new one.
        self._pending: queue.SimpleQueue[AudioBlock | None] = queue.SimpleQueue()

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield blocks as they arrive, until `close()`; None each time that the device is lost.

        The device is released when the iterator ends.

        Raises:
            InputError: the device is missing or cannot be opened at the start, unless `wait`.
        """
        self._started = time.monotonic()
        for attempt in itertools.count():
            at_once = False
            try:
                device, stream = self._open(again=attempt > 0)
            except InputError as error:
                if self._closed.is_set():  # the end was asked for while the sound server hung
                    return
                if attempt == 0 and not self.waits:
                    raise
                self._note_loss(str(error))
            else:
                try:
                    yield from self._capture(device, stream)
                    if not self._closed.is_set():
                        self._note_loss(f"microphone {device.name!r}: delivers no more sound")
                        yield None
                except BaseException:  # the reader has ended; nobody waits for the sound server
                    self._release(stream, CLOSE_S)
                    raise
                at_once = self._release_patiently(stream, device)
            if not at_once and self._closed_before_next_attempt():
                return
            if self._closed.is_set():
                return

    def close(self) -> None:
        """End `blocks()` at once, from any thread."""
        self._closed.set()
        self._pending.put(None)

    def _capture(self, device: Device, stream: Any) -> Iterator[AudioBlock | None]:
        """Yield blocks until the stream ends, fails or is closed; None where they stay away."""
        pending = self._pending
        patience_s = SILENT_CALLBACK_S
        while not self._closed.is_set():
            try:
                block = pending.get(timeout=patience_s)
            except queue.Empty:
                if patience_s == LINGER_S or not stream.active:
                    return
                patience_s = LINGER_S
                self._note_loss(
                    f"microphone {device.name!r}: no sound for {SILENT_CALLBACK_S:g} s; the sound "
                    "server may not respond"
                )
                yield None
                continue
            if block is None:
                return
            if not self.connected:
                self._note_connection(device)
                patience_s = SILENT_CALLBACK_S
            yield block

    def _release(self, stream: Any, within_s: Seconds) -> PortAudioCall[None]:
        """Begin to close a stream, and wait for it, but not long."""
        self.connected = False
        closing: PortAudioCall[None] = start_call(stream.close)
        if not sys.is_finalizing():  # no other thread runs any more then
            closing.wait(within_s)
        return closing

    def _release_patiently(self, stream: Any, device: Device) -> bool:
        """Close a stream, and wait until that has been done, or until `close()`.

        Returns:
            Whether it was long held up by a sound server that did not respond, and now responds.
        """
        closing = self._release(stream, CLOSE_S)
        if closing.wait(0.0):
            return False
        if not self._closed.is_set():
            self.last_error = f"microphone {device.name!r}: {NOT_RESPONDING}"
            log.warning("%s; waiting for it", self.last_error)
        while not closing.wait(0.1):
            if self._closed.is_set():
                return False
        return True

    def _open(self, again: bool) -> tuple[Device, Any]:
        """Return the device and a running stream of it, with as many channels as possible.

        Args:
            again: PortAudio is restarted first, so that it sees the devices that there are now.

        Raises:
            InputError: the device is missing or cannot be opened, or its sound server does not
                respond.
        """

        def find_and_open() -> tuple[Device, Any]:
            if again:
                rescan()
            device = find_device(self._device)
            return device, self._opened(device)

        return run_call(
            find_and_open,
            on_slow=lambda error: self._note_loss(f"{self.name}: {error}"),
            discard=lambda opened: opened[1].close(),
            ended=self._closed,
        )

    def _opened(self, device: Device) -> Any:
        sounddevice = load_portaudio()
        n_channels = channels_to_open(device, self._channel)
        for channels in sorted({n_channels, min(n_channels, 2), 1}, reverse=True):
            stream = None
            try:
                stream = self._new_stream(sounddevice, device, channels)
                stream.start()
                return stream
            except sounddevice.PortAudioError as failure:
                error = failure
                if stream is not None:
                    stream.close()
        raise InputError(f"microphone {device.name!r}: cannot be opened ({error})") from error

    def _new_stream(self, sounddevice: ModuleType, device: Device, channels: int) -> Any:
        pending = self._pending = queue.SimpleQueue()
        if self._closed.is_set():  # close() may have used the queue before
            pending.put(None)
        rate_hz = device.default_rate_hz
        block_length = max(1, round(self._block_s * rate_hz))
        max_pending = max(1, round(MAX_PENDING_S * rate_hz / block_length))

        def keep(samples, frames, times, status) -> None:
            # This runs in PortAudio's thread and must be quick. PortAudio's own times are
            # unreliable with PulseAudio.
            now = time.monotonic()
            self.overflows += status.input_overflow
            if pending.qsize() >= max_pending:
                with contextlib.suppress(queue.Empty):  # the reader was quicker
                    dropped = pending.get_nowait()
                    if dropped is not None:
                        self.dropped_blocks += 1
                        self.dropped_s += dropped.length_s
            pending.put(AudioBlock(samples.copy(), rate_hz, now - self._started, now))

        return sounddevice.InputStream(
            samplerate=rate_hz,
            blocksize=block_length,
            device=device.index,
            channels=channels,
            dtype="float32",
            callback=keep,
            finished_callback=lambda: pending.put(None),
        )

    def _closed_before_next_attempt(self) -> bool:
        """Wait until the next attempt is due; return whether `close()` came first."""
        cards = sound_cards()
        since = time.monotonic()
        frequent = since - self._lost_at < FREQUENT_RETRY_S
        while not self._closed.wait(self._reopen_every_s):
            if sound_cards() != cards:
                self._lost_at = time.monotonic()  # a new card may take a moment to be ready
                return False
            if frequent or time.monotonic() - since >= RARE_RETRY_EVERY_S:
                return False
        return True

    def _note_connection(self, device: Device) -> None:
        self.connected = True
        log.info("microphone %r: connected", device.name)
        if self._loss_reported:
            self._loss_reported = False
            self.reconnects += 1

    def _note_loss(self, error: str) -> None:
        self.connected = False
        self.last_error = error
        if not self._loss_reported:  # once, not at every attempt
            self._loss_reported = True
            self._lost_at = time.monotonic()
            log.warning("%s; looking for it every %g s", error, self._reopen_every_s)


def channels_to_open(device: Device, channel: Channel) -> int:
    """Return how many channels of a device are opened where this channel of it is to be used."""
    if not device.is_server:
        wanted = MAX_CHANNELS
    elif channel == AUTO:
        wanted = SERVER_CHANNELS
    elif channel == MIX:
        wanted = 2
    else:
        wanted = max(2, channel + 1)
    return min(wanted, device.channels, MAX_CHANNELS)
