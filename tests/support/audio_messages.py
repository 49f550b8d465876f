"""Messages of audio of all packages, without ROS: attributes by field name."""

from __future__ import annotations

from array import array
from types import SimpleNamespace


def info(**changes):
    fields = dict(
        channels=1, sample_rate=16_000, sample_format="S16LE", bitrate=128, coding_format="WAVE"
    )
    return SimpleNamespace(**(fields | changes))


def audio(field, samples, number, channels=1, rate=16_000):
    names = ("float32", "int32", "int16", "int8", "uint8")
    data = {f"{name}_data": [] for name in names} | {f"{field}_data": samples}
    about = SimpleNamespace(format=number, channels=channels, rate=rate, chunk=512)
    return SimpleNamespace(audio_data=SimpleNamespace(**data), info=about)


def stamped(time_s, frame_id=""):
    stamp = SimpleNamespace(sec=int(time_s), nanosec=round(time_s % 1 * 1e9))
    return SimpleNamespace(stamp=stamp, frame_id=frame_id)


def audio_data(data):
    """Return an AudioData of ros-drivers."""
    return SimpleNamespace(data=array("B", data))


def audio_data_stamped(data, time_s, frame_id=""):
    """Return an AudioDataStamped of ros-drivers."""
    return SimpleNamespace(header=stamped(time_s, frame_id), audio=audio_data(data))


def audio_stamped(content, time_s):
    """Return an AudioStamped of mgonzs13."""
    return SimpleNamespace(header=stamped(time_s), audio=content)


def audio_buffer(samples, time_s=1.0, channel_map=(3, 5, 0, 2), frequency=48_000):
    """Return an AudioBuffer of naoqi_bridge_msgs."""
    return SimpleNamespace(
        header=stamped(time_s),
        frequency=frequency,
        channel_map=array("B", channel_map),
        data=array("h", samples),
    )
