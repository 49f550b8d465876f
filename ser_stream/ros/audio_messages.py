"""Messages of both packages called audio_common_msgs, and the samples in them. Needs no ROS.

* ros-drivers/audio_common: AudioData and AudioDataStamped hold bytes. Their format is announced by
  AudioInfo on a topic of its own, or set by parameters. What their stamp means is not defined; it
  is taken for the end of the block, as publishers do that stamp a block when they publish it.
  audio_capture stamps the start, by GStreamer's clock: its estimates are stamped one block (10 ms)
  too early.
* mgonzs13/audio_common: AudioStamped holds samples and their format. It is stamped before the block
  is read, which is its start.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np

from ser_stream.audio.block import check_format
from ser_stream.errors import InputError

AUDIO_TYPES = ("AudioData", "AudioDataStamped", "AudioStamped")
"""Message types that are accepted: the first two of ros-drivers, the last of mgonzs13."""

SAMPLE_FORMATS = {
    "S8": ("i1", 0, 2**7),
    "U8": ("u1", 2**7, 2**7),
    "S16LE": ("<i2", 0, 2**15),
    "S16BE": (">i2", 0, 2**15),
    "S32LE": ("<i4", 0, 2**31),
    "F32LE": ("<f4", 0, 1),
}
"""Name in ros-drivers' AudioInfo -> numpy type, offset, full scale."""

PORTAUDIO_FORMATS = {
    1: ("float32", "F32LE"),
    2: ("int32", "S32LE"),
    8: ("int16", "S16LE"),
    16: ("int8", "S8"),
    32: ("uint8", "U8"),
}
"""Number in mgonzs13's AudioInfo -> prefix of the field that holds the samples, sample format."""


@dataclasses.dataclass(frozen=True)
class AudioFormat:
    """Format of the bytes in ros-drivers' messages."""

    sample_rate_hz: int = 16_000
    channels: int = 1
    sample_format: str = "S16LE"


def message_type_name(audio_type: str) -> str:
    """Return the full name of a message type of audio, as the graph has it."""
    return f"audio_common_msgs/msg/{audio_type}"


def is_audio_type(name: str) -> bool:
    """Whether that is the full name of a message type of audio."""
    return name in map(message_type_name, AUDIO_TYPES)


def message_types(audio_type: str) -> ModuleType:
    """Return the module `audio_common_msgs.msg`.

    Raises:
        InputError: no audio_common_msgs is installed, or the one that lacks the message type.
    """
    try:
        from audio_common_msgs import msg
    except ImportError as error:
        raise InputError(
            "source topic: no package audio_common_msgs; install ros-<distro>-audio-common-msgs"
        ) from error
    # Both packages have an AudioData, but only that of ros-drivers holds bytes.
    found = AUDIO_TYPES[2:] if hasattr(msg, "AudioStamped") else AUDIO_TYPES[:2]
    if audio_type not in found:
        raise InputError(
            f"audio_type: found {audio_type}; accepted by the installed audio_common_msgs are "
            f"{', '.join(found)}. Two packages have that name: see docs/ros.md"
        )
    return msg


def format_from_info(info: Any) -> AudioFormat:
    """Return the format that ros-drivers' audio_common_msgs/msg/AudioInfo announces.

    Raises:
        InputError: the audio is encoded, or its format is not accepted.
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
    check_format(info.sample_rate, info.channels, "audio_info")
    return AudioFormat(info.sample_rate, info.channels, info.sample_format)


def samples_from_bytes(data: bytes, audio_format: AudioFormat) -> np.ndarray:
    """Convert interleaved samples to float32 of shape (samples, channels), full scale +-1.

    Raises:
        InputError: the bytes are encoded audio, or no whole number of samples.
    """
    encoding = detect_encoding(data)
    if encoding:
        raise InputError(
            f"audio: the bytes are {encoding}, not samples; set the publisher's format:=wave"
        )
    dtype, *_ = SAMPLE_FORMATS[audio_format.sample_format]
    frame_bytes = np.dtype(dtype).itemsize * audio_format.channels
    if len(data) % frame_bytes:
        raise InputError(
            f"audio: {len(data)} bytes are no whole number of {audio_format.channels}-channel "
            f"{audio_format.sample_format} samples ({frame_bytes} bytes each); check audio_format "
            "and audio_channels"
        )
    samples = _scaled(np.frombuffer(data, dtype), audio_format.sample_format)
    return samples.reshape(-1, audio_format.channels)


def samples_from_audio(audio: Any) -> tuple[np.ndarray, int]:
    """Convert mgonzs13's audio_common_msgs/msg/Audio.

    Returns:
        The samples, float32 of shape (samples, channels), full scale +-1, and their rate in Hz.

    Raises:
        InputError: its info names a format that is not accepted, or contradicts the data.
    """
    info = audio.info
    if info.format not in PORTAUDIO_FORMATS:
        accepted = ", ".join(f"{n} ({name})" for n, (name, _) in PORTAUDIO_FORMATS.items())
        raise InputError(f"audio: info.format {info.format}; accepted are PortAudio's {accepted}")
    check_format(info.rate, info.channels, "audio: info")
    name, sample_format = PORTAUDIO_FORMATS[info.format]
    values = np.asarray(getattr(audio.audio_data, f"{name}_data"), dtype=name)
    if len(values) == 0 or len(values) % info.channels:
        raise InputError(
            f"audio: {name}_data has {len(values)} values for {info.channels} channels; "
            "info.format says that the samples are there"
        )
    return _scaled(values, sample_format).reshape(-1, info.channels), info.rate


def _scaled(values: np.ndarray, sample_format: str) -> np.ndarray:
    _, offset, full_scale = SAMPLE_FORMATS[sample_format]
    return (values.astype(np.float32) - np.float32(offset)) / np.float32(full_scale)


CONTAINERS = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b"RIFF": "a WAV file"}
"""First bytes of a sound file -> its encoding."""

MPEG_BIT_RATES = {  # in kbit/s, by version and index, of layer III
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MPEG_SAMPLE_RATES = {1: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
"""In Hz, by version and index (ISO 11172-3, 13818-3)."""


def detect_encoding(data: bytes) -> str:
    """Return the name of the encoding that the bytes begin with; "" where they may be samples."""
    for start, name in CONTAINERS.items():
        if data.startswith(start):
            return name
    length = mp3_frame_length(data)
    # Samples can resemble the header of a frame. They are taken for MP3 only if the frame fills the
    # message, as in audio_capture's, or is followed by another frame.
    is_mp3 = length and (length == len(data) or data[length : length + 2] == data[:2])
    return "MP3" if is_mp3 else ""


def mp3_frame_length(data: bytes) -> int:
    """Return the number of bytes of the MP3 frame at the beginning; 0 if there is no frame.

    Frames of MPEG-1 and MPEG-2, layer III, are recognised: 16 to 48 kHz.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xF6 != 0xF2:
        return 0
    version = 1 if data[1] & 0x08 else 2
    bit_rate, sample_rate, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if bit_rate in (0, 15) or sample_rate == 3:
        return 0
    bytes_per_frame = {1: 144, 2: 72}[version] * 1000 * MPEG_BIT_RATES[version][bit_rate]
    return bytes_per_frame // MPEG_SAMPLE_RATES[version][sample_rate] + padding
