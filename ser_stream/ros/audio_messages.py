"""Messages of audio, by package, and the samples in them. Needs no ROS.

* ros-drivers/audio_common: AudioData and AudioDataStamped hold bytes. Their format is announced by
  AudioInfo on a topic of its own, or set by parameters. What their stamp means is not defined; it
  is taken for the end of the block, as publishers do that stamp a block when they publish it.
  audio_capture stamps the start, by GStreamer's clock: its estimates are stamped one block (10 ms)
  too early.
* mgonzs13/audio_common: AudioStamped holds samples and their format. It is stamped before the block
  is read, which is its start. This package is called audio_common_msgs like the other.
* ros-naoqi/naoqi_bridge_msgs: AudioBuffer holds 16-bit samples, their rate and a list of their
  channels. naoqi_driver stamps it when it receives the block, which is its end.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.block import check_format
from ser_stream.errors import InputError, shown
from ser_stream.ros.encoded_audio import detect_encoding
from ser_stream.ros.message_limits import check_header, check_length, check_size
from ser_stream.ros.sample_formats import SAMPLE_FORMATS, decode_samples, scaled

PACKAGES = {
    "AudioData": "audio_common_msgs",
    "AudioDataStamped": "audio_common_msgs",
    "AudioStamped": "audio_common_msgs",
    "AudioBuffer": "naoqi_bridge_msgs",
}
"""Message type that is accepted -> its package."""

AUDIO_TYPES = tuple(PACKAGES)

ANNOUNCED = ("AudioData", "AudioDataStamped")
"""Message types whose format is announced by audio_common_msgs/msg/AudioInfo."""

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
    return f"{PACKAGES[audio_type]}/msg/{audio_type}"


def is_audio_type(name: str) -> bool:
    """Whether that is the full name of a message type of audio."""
    return name in map(message_type_name, AUDIO_TYPES)


def types_text(types: Iterable[str]) -> str:
    """Return names of message types, which may come from any program, as messages quote them."""
    quoted = [shown(name)[1:-1] for name in sorted(types)]
    return ", ".join(quoted[:3]) + (", ..." if len(quoted) > 3 else "")


def message_class(audio_type: str) -> type:
    """Return the class of the messages of an audio topic.

    Raises:
        InputError: its package is not installed, or lacks the message type.
    """
    package = PACKAGES[audio_type]
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ImportError as error:
        raise InputError(
            f"audio_type: {audio_type} needs the package {package}, which is not installed or not "
            f"sourced; install ros-<distro>-{package.replace('_', '-')}, or choose the audio_type "
            "of your topic (ros2 topic type TOPIC)"
        ) from error
    found = [name for name in AUDIO_TYPES if hasattr(messages, name) and PACKAGES[name] == package]
    if "AudioStamped" in found:  # mgonzs13's package, whose AudioData holds no bytes
        found = ["AudioStamped"]
    if audio_type not in found:
        raise InputError(
            f"audio_type: found {audio_type}; accepted by the installed {package} are "
            f"{', '.join(found)}. Two packages have that name: see docs/ros.md"
        )
    return getattr(messages, audio_type)


def info_class() -> type:
    """Return the class of ros-drivers' audio_common_msgs/msg/AudioInfo, which is installed."""
    return importlib.import_module("audio_common_msgs.msg").AudioInfo


def format_from_info(info: Any) -> AudioFormat:
    """Return the format that ros-drivers' audio_common_msgs/msg/AudioInfo announces.

    Raises:
        InputError: the audio is encoded, or its format is not accepted.
    """
    if info.coding_format.upper() not in ("WAVE", ""):
        raise InputError(
            f"audio_info: coding_format {shown(info.coding_format)} is encoded audio; set the "
            "publisher's format:=wave"
        )
    if info.sample_format not in SAMPLE_FORMATS:
        raise InputError(
            f"audio_info: sample_format {shown(info.sample_format)}; accepted are "
            f"{', '.join(SAMPLE_FORMATS)}"
        )
    check_format(info.sample_rate, info.channels, "audio_info")
    return AudioFormat(info.sample_rate, info.channels, info.sample_format)


def message_length(message: Any, audio_format: AudioFormat) -> tuple[int, int]:
    """Return the length and rate of a message of one of the `AUDIO_TYPES`, which converts nothing.

    Whether the samples fit the format is checked by `message_samples`.

    Returns:
        Number of samples per channel, and sample rate in Hz.

    Raises:
        InputError: the message is too large or too long, or its header cannot be used.
    """
    check_size(sum(len(v) * getattr(v, "itemsize", 8) for v in _sequences(message)))
    if hasattr(message, "header"):
        check_header(message.header)
    length, rate_hz = _announced_length(message, audio_format)
    if rate_hz > 0:
        check_length(length / rate_hz)
    return length, rate_hz


def _sequences(message: Any) -> list[Any]:
    """The arrays of a message, of which any could be absurdly long."""
    if hasattr(message, "channel_map"):
        return [message.data, message.channel_map]
    audio = getattr(message, "audio", message)
    if hasattr(audio, "data"):
        return [audio.data]
    names = {name for name, _ in PORTAUDIO_FORMATS.values()}
    return [getattr(audio.audio_data, f"{name}_data") for name in names]


def _announced_length(message: Any, audio_format: AudioFormat) -> tuple[int, int]:
    """See `message_length`."""
    if hasattr(message, "channel_map"):
        return len(message.data) // max(1, len(message.channel_map)), message.frequency
    audio = getattr(message, "audio", message)
    if hasattr(audio, "data"):
        frame_bytes = SAMPLE_FORMATS[audio_format.sample_format].bytes_per_sample
        return len(audio.data) // (frame_bytes * audio_format.channels), audio_format.sample_rate_hz
    name, _ = PORTAUDIO_FORMATS.get(audio.info.format, ("int16", ""))
    n_values = len(getattr(audio.audio_data, f"{name}_data"))
    return n_values // max(1, audio.info.channels), audio.info.rate


def message_samples(message: Any, audio_format: AudioFormat) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a message of one of the `AUDIO_TYPES`, and their rate in Hz.

    The samples are float32 of shape (samples, channels), full scale +-1.

    Args:
        audio_format: format of the bytes in ros-drivers' messages.

    Raises:
        InputError: the message cannot be used.
    """
    if hasattr(message, "channel_map"):
        return samples_from_buffer(message)
    audio = getattr(message, "audio", message)
    if hasattr(audio, "info"):
        return samples_from_audio(audio)
    return samples_from_bytes(audio.data.tobytes(), audio_format), audio_format.sample_rate_hz


def is_stamped_at_start(message: Any) -> bool:
    """Whether the stamp of a message is the time of its first sample; else of its end."""
    return hasattr(getattr(message, "audio", None), "info")  # mgonzs13's


def samples_from_bytes(data: bytes, audio_format: AudioFormat) -> NDArray[np.float32]:
    """Convert interleaved samples to float32 of shape (samples, channels), full scale +-1.

    Raises:
        InputError: the bytes are encoded audio, or no whole number of samples, or none.
    """
    encoding = detect_encoding(data)
    if encoding:
        raise InputError(
            f"audio: the bytes are {encoding}, not samples; set the publisher's format:=wave"
        )
    name, channels = audio_format.sample_format, audio_format.channels
    frame_bytes = SAMPLE_FORMATS[name].bytes_per_sample * channels
    if not data or len(data) % frame_bytes:
        raise InputError(
            f"audio: {len(data)} bytes are no whole number of {channels}-channel {name} samples "
            f"({frame_bytes} bytes each); check what audio_info announces, or audio_format and "
            "audio_channels"
        )
    return decode_samples(data, name).reshape(-1, channels)


def samples_from_audio(audio: Any) -> tuple[NDArray[np.float32], int]:
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
    return scaled(values, SAMPLE_FORMATS[sample_format]).reshape(-1, info.channels), info.rate


def samples_from_buffer(buffer: Any) -> tuple[NDArray[np.float32], int]:
    """Convert a naoqi_bridge_msgs/msg/AudioBuffer.

    Returns:
        The samples, float32 of shape (samples, channels), full scale +-1, and their rate in Hz. The
        channels are in the order of `channel_map`.

    Raises:
        InputError: it names no channel or no rate that is accepted, or contradicts the data.
    """
    channels = len(buffer.channel_map)
    check_format(buffer.frequency, channels, "audio: frequency and channel_map")
    values = np.asarray(buffer.data, dtype=np.int16)
    if len(values) == 0 or len(values) % channels:
        raise InputError(
            f"audio: data has {len(values)} values for the {channels} channels of channel_map"
        )
    return scaled(values, SAMPLE_FORMATS["S16LE"]).reshape(-1, channels), buffer.frequency
