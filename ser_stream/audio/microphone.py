"""A microphone as an audio source that comes back by itself when it was unplugged."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Iterator

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.devices import Device, find_device, load_portaudio, rescan, sound_cards
from ser_stream.audio.native_stderr import quiet_stderr
from ser_stream.errors import InputError
from ser_stream.units import Seconds

log = logging.getLogger("ser_stream.audio")

MAX_PENDING_S: Seconds = 10.0
"""How much audio waits for a slow reader before the oldest is dropped."""

SILENT_CALLBACK_S: Seconds = 3.0
"""Without a block for so long the microphone is lost. PulseAudio's first may take 2 s."""

OFTEN_FOR_S: Seconds = 60.0
RARELY_S: Seconds = 30.0
"""A lost microphone is looked for often for so long, and then at this pace."""

MAX_CHANNELS = 8
"""A device that claims more is a sound server, which would invent them: 2 will do."""


class Microphone:
    """Captures through PortAudio. An `AudioSource`; its clock is 0 when `blocks()` begins.

    `time_s` is when a block arrived, 35 ms after it was spoken with PulseAudio, and less without.
    The device runs at its own default rate with all its channels: see `Conditioner`.

    When the device disappears, `blocks()` waits and looks for `device` again every
    `reopen_every_s`, until it is back; the pause is a gap in `time_s`. After a minute it looks
    every `RARELY_S` only, and when Linux has other sound cards than before: each look costs 13 KiB
    that PortAudio, or what is below it, never gives back. Looking for it restarts PortAudio, which
    ends every other stream of this process: keep to one Microphone.

    With PulseAudio or PipeWire there is one device ("default" or "pulse"), and the server decides
    what it hears; the environment variable PULSE_SOURCE names another source (`pactl list short
    sources`). If that one disappears while there are others, the server may move the stream to
    one of them without a word.

    Args:
        device: see `find_device`. Nothing is opened, or looked for, before `blocks()`.
        block_s: length of a block.
        reopen_every_s: how often to look for a lost device.
        wait: if the device is not there at first, wait for it as if it had been lost.
    """

    live = True
    settle_s: Seconds = 0.5  # what the driver held back, it delivers in a burst well within this

    def __init__(
        self,
        device: str | int | None = None,
        block_s: Seconds = 0.032,
        reopen_every_s: Seconds = 1.0,
        wait: bool = False,
    ) -> None:
        self.name = "default microphone" if device is None else f"microphone {device}"
        self.connected = False
        """Whether blocks are coming."""
        self.reconnects = 0
        """How often it came back, or came at last."""
        self.last_error = ""
        """Why it was not connected last time, for people."""
        self.dropped_blocks = 0
        """Blocks thrown away because the reader was more than `MAX_PENDING_S` behind."""
        self.overflows = 0
        """How often PortAudio said that samples were lost before they came here."""
        self._device = device
        self._block_s = block_s
        self._reopen_every_s = reopen_every_s
        self.waits = wait
        self._missed = False  # the loss was reported
        self._lost_at = 0.0  # monotonic: since then, or since there are other cards
        self._started = 0.0
        self._closed = threading.Event()
        # None: the stream has ended. Each stream has its own queue, so that what an old one says
        # late is not taken for the new one's.
        self._pending: queue.SimpleQueue[AudioBlock | None] = queue.SimpleQueue()

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Blocks, as they come, until `close()`; None each time that the device has been lost.

        The device is given back when the iterator ends.

        Raises:
            InputError: the device is not there or cannot be opened, at the start, unless `wait`.
        """
        self._started = time.monotonic()
        for attempt in itertools.count():
            try:
                if attempt > 0:
                    rescan()
                device = find_device(self._device)
                stream = self._open(device)
            except InputError as error:
                if attempt == 0 and not self.waits:
                    raise
                self._note_loss(str(error))
            else:
                try:
                    yield from self._capture(device)
                finally:
                    self.connected = False
                    with quiet_stderr():
                        stream.close()
                if not self._closed.is_set():
                    self._note_loss(f"microphone {device.name!r}: gives no more sound")
                    yield None
            if self._rests():
                return

    def close(self) -> None:
        """End `blocks()` at once, from any thread."""
        self._closed.set()
        self._pending.put(None)

    def _capture(self, device: Device) -> Iterator[AudioBlock]:
        """Blocks until the stream ends, fails or is closed."""
        pending = self._pending
        while not self._closed.is_set():
            try:
                block = pending.get(timeout=SILENT_CALLBACK_S)
            except queue.Empty:
                return
            if block is None:
                return
            if not self.connected:
                self._note_connection(device)
            yield block

    def _open(self, device: Device):
        """A running stream of the device. Raises InputError if it cannot be opened."""
        sounddevice = load_portaudio()
        most = device.channels if device.channels <= MAX_CHANNELS else 2
        for channels in sorted({most, min(most, 2), 1}, reverse=True):
            with quiet_stderr():
                try:
                    stream = self._new_stream(sounddevice, device, channels)
                except sounddevice.PortAudioError as failure:
                    error = failure
                    continue
                try:
                    stream.start()
                    return stream
                except sounddevice.PortAudioError as failure:
                    error = failure
                    stream.close()
        raise InputError(f"microphone {device.name!r}: cannot be opened ({error})") from error

    def _new_stream(self, sounddevice, device: Device, channels: int):
        pending = self._pending = queue.SimpleQueue()
        if self._closed.is_set():  # close() may have spoken to the queue before
            pending.put(None)
        rate_hz = device.default_rate_hz
        block_length = max(1, round(self._block_s * rate_hz))
        most_pending = max(1, round(MAX_PENDING_S * rate_hz / block_length))

        def keep(samples, frames, times, status) -> None:
            # In PortAudio's thread: copy, stamp, and off. (Its own times are unreliable with
            # PulseAudio.)
            now = time.monotonic()
            self.overflows += status.input_overflow
            if pending.qsize() >= most_pending:
                with contextlib.suppress(queue.Empty):  # the reader was quicker
                    pending.get_nowait()
                    self.dropped_blocks += 1
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

    def _rests(self) -> bool:
        """Wait until it is time to look again; True where it is closed meanwhile."""
        cards = sound_cards()
        since = time.monotonic()
        often = since - self._lost_at < OFTEN_FOR_S
        while not self._closed.wait(self._reopen_every_s):
            if sound_cards() != cards:
                self._lost_at = time.monotonic()  # it may take a moment to be ready
                return False
            if often or time.monotonic() - since >= RARELY_S:
                return False
        return True

    def _note_connection(self, device: Device) -> None:
        self.connected = True
        log.info("microphone %r: connected", device.name)
        if self._missed:
            self._missed = False
            self.reconnects += 1

    def _note_loss(self, error: str) -> None:
        self.last_error = error
        if not self._missed:  # once, not at every attempt
            self._missed = True
            self._lost_at = time.monotonic()
            log.warning("%s; looking for it every %g s", error, self._reopen_every_s)
