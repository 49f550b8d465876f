"""Samples and formats of audio messages, from both packages called audio_common_msgs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audio_messages import audio, info
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    SAMPLE_FORMATS,
    AudioFormat,
    detect_encoding,
    format_from_info,
    mp3_frame_length,
    samples_from_audio,
    samples_from_bytes,
)

SINE = (0.5 * np.sin(np.arange(1600) / 5)).astype(np.float32)


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_every_sample_format_gives_the_same_samples(name):
    kind, offset, full_scale = SAMPLE_FORMATS[name]
    whole = "f" not in kind
    scaled = SINE.astype(np.float64) * full_scale + offset
    data = (np.round(scaled) if whole else scaled).astype(kind).tobytes()
    samples = samples_from_bytes(data, AudioFormat(sample_format=name))
    assert samples.shape == (1600, 1)
    tolerance = 0.6 / full_scale if whole else 0
    np.testing.assert_allclose(samples[:, 0], SINE, atol=tolerance + 1e-7)


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
        ({"sample_format": "S24LE"}, "'S24LE'; accepted are S8"),
        ({"sample_rate": 1}, "sample rate 1 Hz"),
    ],
)
def test_an_announced_format_that_is_not_accepted_is_refused(changes, error):
    with pytest.raises(InputError, match=error):
        format_from_info(info(**changes))


def encoded(folder, kind, rate_hz=16_000):
    """Bytes of a real file of that kind, which lasts 2 s."""
    path = folder / "sound"
    soundfile.write(path, np.tile(SINE, 2 * rate_hz // len(SINE)), rate_hz, format=kind)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["MP3", "OGG", "FLAC", "WAV"])
def test_encoded_bytes_are_refused(tmp_path, kind):
    data = encoded(tmp_path, kind)
    with pytest.raises(InputError, match="not samples; set the publisher's format:=wave"):
        samples_from_bytes(data, AudioFormat(sample_format="U8"))


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_frames_of_mp3_are_recognised_one_by_one(tmp_path, rate_hz):
    """audio_capture publishes each frame of the encoder as a message."""
    data = encoded(tmp_path, "MP3", rate_hz)
    frames = []
    while data:
        length = mp3_frame_length(data)
        assert length, f"no frame behind {len(frames)} frames"
        frames.append(data[:length])
        data = data[length:]
    samples_per_frame = 1152 if rate_hz >= 32_000 else 576
    assert len(frames) == pytest.approx(2 * rate_hz / samples_per_frame, abs=4)
    assert {detect_encoding(frame) for frame in frames} == {"MP3"}


@given(st.binary(min_size=4, max_size=600))
def test_samples_that_begin_like_an_mp3_frame_are_samples(rest):
    data = b"\xff\xfb" + rest[: len(rest) // 2 * 2]
    length = mp3_frame_length(data)
    if length != len(data) and data[length : length + 2] != b"\xff\xfb":
        samples_from_bytes(data, AudioFormat())


def test_half_a_sample_is_refused():
    with pytest.raises(InputError, match="3 bytes are no whole number of 1-channel S16LE"):
        samples_from_bytes(b"abc", AudioFormat())


def test_neither_ros_nor_torch_is_imported():
    code = "import sys, ser_stream.ros.audio_messages\n"
    code += "assert not {'rclpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
