"""Samples and formats of audio messages, of all packages that have them."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from audio_messages import audio, audio_buffer, info
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    AudioFormat,
    format_from_info,
    is_audio_type,
    message_class,
    message_type_name,
    samples_from_audio,
    samples_from_buffer,
    samples_from_bytes,
    types_text,
)

SINE = (0.5 * np.sin(np.arange(1600) / 5)).astype(np.float32)


def test_channels_are_interleaved():
    data = np.array([[1, -1], [2, -2]], "<i2").tobytes()
    samples = samples_from_bytes(data, AudioFormat(channels=2))
    np.testing.assert_array_equal(samples * 2**15, [[1, -1], [2, -2]])


@pytest.mark.parametrize(
    ("field", "number", "full_scale"),
    [("float32", 1, 1), ("int32", 2, 2**31), ("int16", 8, 2**15), ("int8", 16, 2**7)],
)
def test_audio_of_mgonzs13_holds_its_own_format(field, number, full_scale):
    values = (SINE * full_scale * 0.99).astype(field)
    samples, rate = samples_from_audio(audio(field, values, number, channels=2, rate=48_000))
    assert (samples.shape, rate) == ((800, 2), 48_000)
    np.testing.assert_allclose(samples.ravel(), SINE * 0.99, atol=1.1 / full_scale + 1e-6)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (audio("int16", [1, 2], 3), "info.format 3"),
        (audio("int16", [1, 2], 1), "float32_data has 0 values"),
        (audio("int16", [1, 2, 3], 8, channels=2), "int16_data has 3 values for 2 channels"),
        (audio("int16", [1], 8, rate=0), "sample rate 0 Hz"),
    ],
)
def test_contradictions_in_a_message_are_refused(message, error):
    with pytest.raises(InputError, match=error):
        samples_from_audio(message)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"coding_format": "MP3"}, "'MP3' is encoded audio; set the publisher's format:=wave"),
        ({"sample_format": "S20LE"}, "'S20LE'; accepted are S8"),
        ({"sample_rate": 1}, "sample rate 1 Hz"),
    ],
)
def test_an_announced_format_that_is_not_accepted_is_refused(changes, error):
    with pytest.raises(InputError, match=error):
        format_from_info(info(**changes))


@pytest.mark.parametrize(
    ("data", "channels", "name", "error"),
    [
        (b"abc", 1, "S16LE", r"3 bytes are no whole number of 1-channel S16LE samples \(2 bytes"),
        (bytes(640), 6, "S16LE", r"640 bytes are no whole number of 6-channel S16LE samples \(12"),
        (bytes(16), 2, "S24LE", r"16 bytes are no whole number of 2-channel S24LE samples \(6 "),
        (b"", 1, "S16LE", "0 bytes are no whole number"),
    ],
)
def test_bytes_that_do_not_fit_the_format_are_refused(data, channels, name, error):
    with pytest.raises(InputError, match=error):
        samples_from_bytes(data, AudioFormat(channels=channels, sample_format=name))


def test_encoded_bytes_are_refused():
    with pytest.raises(InputError, match="MP3, not samples; set the publisher's format:=wave"):
        samples_from_bytes(b"ID3 and so on", AudioFormat(sample_format="U8"))


def test_a_buffer_of_naoqi_names_its_channels_and_its_rate():
    message = audio_buffer([100, -200, 300, -400, 1, 2, 3, 4])
    samples, rate_hz = samples_from_buffer(message)
    assert rate_hz == 48_000
    np.testing.assert_array_equal(samples * 2**15, [[100, -200, 300, -400], [1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (audio_buffer([1, 2, 3]), "data has 3 values for the 4 channels of channel_map"),
        (audio_buffer([]), "data has 0 values"),
        (audio_buffer([1, 2], channel_map=()), "channel_map: 0 channels; accepted are 1 to 32"),
        (audio_buffer([1, 2, 3, 4], frequency=0), "sample rate 0 Hz"),
    ],
)
def test_a_buffer_that_contradicts_itself_is_refused(message, error):
    with pytest.raises(InputError, match=error):
        samples_from_buffer(message)


def test_the_package_of_a_message_type_follows_from_its_name():
    assert message_type_name("AudioDataStamped") == "audio_common_msgs/msg/AudioDataStamped"
    assert message_type_name("AudioBuffer") == "naoqi_bridge_msgs/msg/AudioBuffer"
    assert is_audio_type("naoqi_bridge_msgs/msg/AudioBuffer")
    assert not is_audio_type("audio_common_msgs/msg/AudioBuffer")


def test_types_of_other_programs_are_quoted_in_one_short_line():
    assert types_text({"b/msg/B", "a/msg/A"}) == "a/msg/A, b/msg/B"
    text = types_text(["x\n" * 10**6, *map(str, range(9))])
    assert text == "0, 1, 2, ..."
    assert types_text(["x\n" * 10**6]).isprintable()


@pytest.mark.parametrize(
    ("audio_type", "package", "distribution"),
    [
        ("AudioBuffer", "naoqi_bridge_msgs", "naoqi-bridge-msgs"),
        ("AudioData", "audio_common_msgs", "audio-common-msgs"),
    ],
)
def test_a_package_that_is_missing_is_named(monkeypatch, audio_type, package, distribution):
    monkeypatch.setitem(sys.modules, f"{package}.msg", None)  # as if it were not installed
    error = f"{audio_type} needs the package {package}.*install ros-<distro>-{distribution}"
    with pytest.raises(InputError, match=error):
        message_class(audio_type)


@pytest.mark.parametrize(
    ("installed", "audio_type", "accepted"),
    [
        (("AudioData", "AudioDataStamped", "AudioInfo"), "AudioStamped", "AudioData, AudioDataSt"),
        (("AudioData", "AudioInfo", "AudioStamped"), "AudioData", "AudioStamped"),
    ],
    ids=["ros-drivers", "mgonzs13"],
)
def test_the_other_package_of_that_name_is_recognised(monkeypatch, installed, audio_type, accepted):
    messages = SimpleNamespace(**{name: type(name, (), {}) for name in installed})
    monkeypatch.setitem(sys.modules, "audio_common_msgs", SimpleNamespace(msg=messages))
    monkeypatch.setitem(sys.modules, "audio_common_msgs.msg", messages)
    with pytest.raises(InputError, match=f"installed audio_common_msgs are {accepted}"):
        message_class(audio_type)
    assert message_class(accepted.split(",")[0]).__name__ == accepted.split(",")[0]


def test_neither_ros_nor_torch_is_imported():
    code = "import sys, ser_stream.ros.audio_messages\n"
    code += "assert not {'rclpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
