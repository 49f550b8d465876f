"""Playing recordings on the system's default loudspeaker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.portaudio import load_portaudio, run_call, start_call
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from ser_stream.units import Seconds

START_S: Seconds = 3.0
"""A loudspeaker that has not asked for sound by then does not play. PulseAudio may take 2 s."""
CLOSE_S: Seconds = 1.0
"""Longest time that closing is waited for: a sound server that hangs never lets it return."""
MAX_CHANNELS = 2
"""Channels that are opened. Some sound cards cannot play one alone; others are left silent."""


class Loudspeaker:
    """The default loudspeaker, open from the construction until `close`.

    It runs at its own default rate; sound is resampled, and the same on each channel.

    Raises:
        InputError: there is none, it cannot be opened, or PortAudio cannot be used.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)  # what is still to be played
        self._asked = threading.Event()
        self.rate_hz = 0
        self._stream = run_call(self._open, discard=lambda stream: stream.close())
        if not self._asked.wait(START_S):
            self.close()
            raise InputError(f"the loudspeaker takes no sound for {START_S:g} s")

    def play(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        """Begin to play, instead of what is still playing, and return at once.

        Args:
            samples: (n,) float32, full scale +-1.
            rate_hz: their sample rate.
        """
        resampled = soxr.resample(samples, rate_hz, self.rate_hz)
        with self._lock:
            self._rest = resampled

    def stop(self) -> None:
        """Play nothing any more. Called from any thread."""
        with self._lock:
            self._rest = self._rest[:0]

    def close(self) -> None:
        """Release the loudspeaker."""
        start_call(self._stream.close).wait(CLOSE_S)

    def _open(self) -> Any:
        """Return a running stream; called in PortAudio's thread."""
        sounddevice = load_portaudio()
        device = _default_output(sounddevice)
        self.rate_hz = round(device["default_samplerate"])
        try:
            stream = sounddevice.OutputStream(
                samplerate=self.rate_hz,
                device=device["index"],
                channels=min(MAX_CHANNELS, device["max_output_channels"]),
                dtype="float32",
                latency="high",
                callback=self._fill,
            )
        except sounddevice.PortAudioError as error:
            raise _cannot_be_opened(device, error) from error
        try:
            stream.start()
        except sounddevice.PortAudioError as error:
            stream.close()
            raise _cannot_be_opened(device, error) from error
        return stream

    def _fill(self, wanted: NDArray[np.float32], frames: int, *_: object) -> None:
        """Write the next samples into `wanted`, (frames, channels), in PortAudio's thread."""
        with self._lock:
            part, self._rest = self._rest[:frames], self._rest[frames:]
        wanted[: len(part)] = part[:, np.newaxis]
        wanted[len(part) :] = 0
        self._asked.set()


class PlayedRecording(Recording):
    """A short recording that is heard while its blocks come, at the speed of a microphone.

    Args:
        loudspeaker: where it is heard; other sound that it plays is replaced.
    """

    def __init__(self, path: str | Path, loudspeaker: Loudspeaker) -> None:
        super().__init__(path, realtime=True)
        self._loudspeaker = loudspeaker

    def blocks(self) -> Iterator[AudioBlock]:
        whole = [block.samples.mean(axis=1) for block in Recording(self._path).blocks()]
        self._loudspeaker.play(np.concatenate(whole), self.sample_rate_hz)
        try:
            yield from super().blocks()
        finally:
            self._loudspeaker.stop()


def _default_output(sounddevice: ModuleType) -> dict[str, Any]:
    """Return PortAudio's description of the default output.

    Raises:
        InputError: there is none.
    """
    index = sounddevice.default.device[1]
    if index < 0:
        raise InputError("no loudspeaker found")
    return sounddevice.query_devices(index)


def _cannot_be_opened(device: dict[str, Any], error: Exception) -> InputError:
    return InputError(f"loudspeaker {device['name']!r}: cannot be opened ({error})")
