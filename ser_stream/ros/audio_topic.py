"""A ROS topic of audio messages as an audio source. Needs no rclpy: the node hands messages over.

Two packages are called audio_common_msgs, and both are understood:

* ros-drivers/audio_common: `AudioData` and `AudioDataStamped`, bytes; what they mean is said by
  `AudioInfo` on a topic of its own, now and then, or by parameters. The stamp is taken for the
  block's end, as whoever stamps while publishing means it. audio_capture's is the beginning, by
  GStreamer's clock: estimates are then stamped a block too early, which is 10 ms there.
* mgonzs13/audio_common: `AudioStamped`, which says all itself. Its stamp is taken before the block
  is read: its beginning.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import time
from collections.abc import Iterator

import numpy as np

from ser_stream.audio.block import AudioBlock, validate
from ser_stream.errors import InputError
from ser_stream.units import Seconds

SAMPLE_FORMATS = {
    "S8": ("i1", 0, 2**7),
    "U8": ("u1", 2**7, 2**7),
    "S16LE": ("<i2", 0, 2**15),
    "S16BE": (">i2", 0, 2**15),
    "S32LE": ("<i4", 0, 2**31),
    "F32LE": ("<f4", 0, 1),
}
"""Name in ros-drivers' AudioInfo -> numpy type, offset, full scale."""

PORTAUDIO_FORMATS = {1: "float32", 2: "int32", 8: "int16", 16: "int8", 32: "uint8"}
"""Number in mgonzs13's AudioInfo -> prefix of the field that holds the samples."""

FIELD_FORMATS = {
    "float32": "F32LE", "int32": "S32LE", "int16": "S16LE", "int8": "S8", "uint8": "U8",
}  # fmt: skip

MAX_PENDING = 500
"""Messages that wait for recognition before the oldest is dropped: 10 s of 20 ms each."""


@dataclasses.dataclass(frozen=True)
class AudioFormat:
    """What the bytes of ros-drivers' messages are."""

    sample_rate_hz: int = 16_000
    channels: int = 1
    sample_format: str = "S16LE"


def format_of_info(info) -> AudioFormat:
    """Format that ros-drivers' audio_common_msgs/msg/AudioInfo announces.

    Raises:
        InputError: it is encoded, or a format that is not known.
    """
    if info.coding_format.upper() not in ("WAVE", ""):
        raise InputError(
            f"audio_info: coding_format {info.coding_format!r} is encoded audio; set the "
            "publisher's format:=wave"
        )
    if info.sample_format not in SAMPLE_FORMATS:
        raise InputError(
            f"audio_info: sample_format {info.sample_format!r}; accepted are "
            f"{', '.join(SAMPLE_FORMATS)}"
        )
    validate(info.sample_rate, info.channels, "audio_info")
    return AudioFormat(info.sample_rate, info.channels, info.sample_format)


def samples_of_bytes(data: bytes, audio_format: AudioFormat) -> np.ndarray:
    """Interleaved bytes -> (samples, channels) float32.

    Raises:
        InputError: they are encoded (MP3, Ogg, FLAC, a WAV file), or no whole number of samples.
    """
    encoding = _encoding(data)
    if encoding:
        raise InputError(
            f"audio: the bytes are {encoding}, not samples; set the publisher's format:=wave"
        )
    kind, offset, full_scale = SAMPLE_FORMATS[audio_format.sample_format]
    frame_bytes = np.dtype(kind).itemsize * audio_format.channels
    if len(data) % frame_bytes:
        raise InputError(
            f"audio: {len(data)} bytes are no whole number of {audio_format.channels}-channel "
            f"{audio_format.sample_format} samples ({frame_bytes} bytes each); check audio_format "
            "and audio_channels"
        )
    samples = np.frombuffer(data, kind).reshape(-1, audio_format.channels)
    return (samples.astype(np.float32) - np.float32(offset)) / np.float32(full_scale)


def samples_of_audio(audio) -> tuple[np.ndarray, int]:
    """mgonzs13's audio_common_msgs/msg/Audio -> (samples, channels) float32, and the rate in Hz.

    Raises:
        InputError: its info names no format that is known, or its field is empty or ill-sized.
    """
    info = audio.info
    if info.format not in PORTAUDIO_FORMATS:
        raise InputError(
            f"audio: info.format {info.format}; accepted are PortAudio's "
            f"{', '.join(f'{n} ({name})' for n, name in PORTAUDIO_FORMATS.items())}"
        )
    validate(info.rate, info.channels, "audio: info")
    name = PORTAUDIO_FORMATS[info.format]
    field = np.asarray(getattr(audio.audio_data, f"{name}_data"), dtype=name)
    _, offset, full_scale = SAMPLE_FORMATS[FIELD_FORMATS[name]]
    if len(field) == 0 or len(field) % info.channels:
        raise InputError(
            f"audio: {name}_data has {len(field)} values for {info.channels} channels; info.format "
            f"says that the samples are there"
        )
    samples = (field.astype(np.float32) - np.float32(offset)) / np.float32(full_scale)
    return samples.reshape(-1, info.channels), info.rate


class AudioTopic:
    """An `AudioSource` that is fed with messages by whoever subscribes.

    Its clock is that of the stamps; messages without one (`AudioData`) are stamped on arrival. What
    cannot be used is left out, and `last_error` says why: the stream goes on with what can.

    Args:
        audio_format: of ros-drivers' messages, until `announce` says otherwise.
    """

    live = True
    waits = True
    name = "topic audio"
    # Many drivers stamp by when they read or publish: after a stall stamps are late and catch up.
    settle_s: Seconds = 0.5

    SILENT_S: Seconds = 3.0
    """Without a message for so long, or twice as long as the last one, the publisher has gone."""

    def __init__(self, audio_format: AudioFormat):
        self.audio_format = audio_format
        self.dropped_blocks = 0
        self._error = ""
        self._pace = _Pace()
        self._heard_at: float | None = None  # monotonic
        self._patience_s = self.SILENT_S
        self._pending: queue.SimpleQueue[AudioBlock | None] = queue.SimpleQueue()

    @property
    def connected(self) -> bool:
        """Whether sound is coming, as it should."""
        return self.last_error == ""

    @property
    def last_error(self) -> str:
        """What is wrong with the topic right now, for people; "" if nothing is."""
        if self._error:
            return self._error
        if self._heard_at is None:
            return "topic audio: no message yet"
        silent_s = time.monotonic() - self._heard_at
        if silent_s > self._patience_s:
            return f"topic audio: no message for {silent_s:.0f} s; is its publisher alive?"
        return self._pace.error

    def announce(self, info) -> None:
        """Take ros-drivers' AudioInfo."""
        try:
            self.audio_format = format_of_info(info)
        except InputError as error:
            self._error = str(error)

    def push_bytes(self, data: bytes, end_s: Seconds) -> None:
        """Take the bytes of an AudioData whose last sample is of `end_s`."""
        audio_format = self.audio_format
        try:
            samples = samples_of_bytes(data, audio_format)
        except InputError as error:
            self._error = str(error)
        else:
            self._put(samples, audio_format.sample_rate_hz, end_s)

    def push_audio(self, audio, start_s: Seconds) -> None:
        """Take an Audio of mgonzs13's whose first sample is of `start_s`."""
        try:
            samples, rate_hz = samples_of_audio(audio)
        except InputError as error:
            self._error = str(error)
        else:
            self._put(samples, rate_hz, start_s + len(samples) / rate_hz)

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Blocks, until `close()`; None once when the publisher has gone."""
        longest_wait_s: Seconds | None = None  # where sound has come since the last None
        while True:
            try:
                block = self._pending.get(timeout=longest_wait_s)
            except queue.Empty:
                longest_wait_s = None
                yield None
                continue
            if block is None:
                return
            longest_wait_s = self._patience_s
            yield block

    def close(self) -> None:
        self._pending.put(None)

    def _put(self, samples: np.ndarray, rate_hz: int, end_s: Seconds) -> None:
        if self._pending.qsize() >= MAX_PENDING:
            with contextlib.suppress(queue.Empty):  # the reader was quicker
                self._pending.get_nowait()
                self.dropped_blocks += 1
        now, duration_s = time.monotonic(), len(samples) / rate_hz
        self._patience_s = max(self.SILENT_S, 2 * duration_s)
        self._pending.put(AudioBlock(samples, rate_hz, end_s, now))
        self._pace(duration_s, end_s)
        self._heard_at, self._error = now, ""


class _Pace:
    """Holds how much sound came against how much time passed.

    Samples of the wrong rate or channel count (stereo declared as mono) look like any others, but
    they come at the wrong pace.

    Attributes:
        error: what is wrong, "" if nothing is.
    """

    PERIOD_S: Seconds = 5.0
    TOLERANCE = 0.2

    def __init__(self) -> None:
        self.error = ""
        self._start_s: Seconds | None = None
        self._sound_s = 0.0

    def __call__(self, duration_s: Seconds, end_s: Seconds) -> None:
        """Take note of a block that lasts so long and ends then."""
        if self._start_s is None or end_s < self._start_s:
            self._start_s, self._sound_s = end_s, 0.0
            return
        self._sound_s += duration_s
        elapsed_s = end_s - self._start_s
        if elapsed_s < self.PERIOD_S:
            return
        pace = self._sound_s / elapsed_s
        self.error = ""
        if pace > 1 + self.TOLERANCE:
            self.error = (
                f"topic audio: {pace:.1f} s of sound come in each second; check audio_rate and "
                "audio_channels (stereo declared as mono gives 2.0)"
            )
        self._start_s, self._sound_s = end_s, 0.0


MPEG_BIT_RATES = {  # kbit/s of layer III, by version and index (ISO 11172-3, 13818-3)
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates in Hz, by the header's two bits for the version."""


def _encoding(data: bytes) -> str:
    """Name of the encoding that the bytes begin like, or ""."""
    starts = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b"RIFF": "a WAV file"}
    for start, name in starts.items():
        if data.startswith(start):
            return name
    length = _mp3_frame_length(data)
    # Samples can look like a frame's beginning; that the next one follows makes it sure.
    if length and (length == len(data) or data[length : length + 2] == data[:2]):
        return "MP3"
    return ""


def _mp3_frame_length(data: bytes) -> int:
    """Bytes of the MPEG layer III frame that begins here; 0 if none does."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return 0
    version, bit_rate, rate, padding = (
        data[1] >> 3 & 3,
        data[2] >> 4,
        data[2] >> 2 & 3,
        data[2] >> 1 & 1,
    )
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return 0
    first = version == 3
    kilobits = MPEG_BIT_RATES[1 if first else 2][bit_rate]
    return (144 if first else 72) * 1000 * kilobits // MPEG_RATES[version][rate] + padding
