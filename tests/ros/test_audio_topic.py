"""Messages of both audio_common_msgs, as their Python classes have them: attributes by field."""

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.audio.timeline import Timeline
from ser_stream.errors import InputError
from ser_stream.ros import audio_topic
from ser_stream.ros.audio_topic import (
    SAMPLE_FORMATS,
    AudioFormat,
    AudioTopic,
    format_of_info,
    samples_of_audio,
    samples_of_bytes,
)

SINE = (0.5 * np.sin(np.arange(1600) / 5)).astype(np.float32)


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


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_every_sample_format_gives_the_same_sound(name):
    kind, offset, full_scale = SAMPLE_FORMATS[name]
    whole = "f" not in kind
    scaled = SINE.astype(np.float64) * full_scale + offset
    data = (np.round(scaled) if whole else scaled).astype(kind).tobytes()
    samples = samples_of_bytes(data, AudioFormat(sample_format=name))
    assert samples.shape == (1600, 1)
    tolerance = 0.6 / full_scale if whole else 0
    np.testing.assert_allclose(samples[:, 0], SINE, atol=tolerance + 1e-7)


def test_channels_are_interleaved():
    data = np.array([[1, -1], [2, -2]], "<i2").tobytes()
    samples = samples_of_bytes(data, AudioFormat(channels=2))
    np.testing.assert_array_equal(samples * 2**15, [[1, -1], [2, -2]])


@pytest.mark.parametrize(
    ("field", "number", "full_scale"),
    [("float32", 1, 1), ("int32", 2, 2**31), ("int16", 8, 2**15), ("int8", 16, 2**7)],
)
def test_the_other_package_says_itself_what_it_holds(field, number, full_scale):
    values = (SINE * full_scale * 0.99).astype(field)
    samples, rate = samples_of_audio(audio(field, values, number, channels=2, rate=48_000))
    assert (samples.shape, rate) == ((800, 2), 48_000)
    np.testing.assert_allclose(samples.ravel(), SINE * 0.99, atol=1.1 / full_scale + 1e-6)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (audio("int16", [1, 2], 3), "info.format 3"),
        (audio("int16", [1, 2], 1), "float32_data has 0 values"),
        (audio("int16", [1, 2, 3], 8, channels=2), "int16_data has 3 values for 2 channels"),
        (audio("int16", [1], 8, rate=0), "sample rate 0 Hz"),
    ],
)
def test_what_contradicts_itself_is_named(message, says):
    with pytest.raises(InputError, match=says):
        samples_of_audio(message)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"coding_format": "MP3"}, "'MP3' is encoded audio; set the publisher's format:=wave"),
        ({"sample_format": "S24LE"}, "'S24LE'; accepted are S8"),
        ({"sample_rate": 1}, "sample rate 1 Hz"),
    ],
)
def test_an_announced_format_that_cannot_be_used_is_named(changes, says):
    with pytest.raises(InputError, match=says):
        format_of_info(info(**changes))


@pytest.mark.parametrize("kind", ["MP3", "OGG", "FLAC", "WAV"])
def test_encoded_bytes_are_recognised(tmp_path, kind):
    path = tmp_path / "sound"
    soundfile.write(path, np.tile(SINE, 20), 16_000, format=kind)
    with pytest.raises(InputError, match="not samples; set the publisher's format:=wave"):
        samples_of_bytes(path.read_bytes(), AudioFormat(sample_format="U8"))


@given(st.binary(min_size=4, max_size=600))
def test_samples_that_begin_like_mp3_are_samples(rest):
    data = b"\xff\xfb" + rest[: len(rest) // 2 * 2]
    length = audio_topic._mp3_frame_length(data)
    if length != len(data) and data[length : length + 2] != b"\xff\xfb":
        samples_of_bytes(data, AudioFormat())


def test_half_a_sample_is_refused():
    with pytest.raises(InputError, match="3 bytes are no whole number of 1-channel S16LE"):
        samples_of_bytes(b"abc", AudioFormat())


def topic(**changes):
    return AudioTopic(AudioFormat(**changes))


def pcm(seconds=0.1, channels=1):
    return np.zeros(round(seconds * 16_000) * channels, "<i2").tobytes()


def test_messages_come_out_as_blocks_and_close_ends_them():
    source = topic()
    source.push_bytes(pcm(), end_s=100.1)
    source.push_audio(audio("int16", np.zeros(1600, np.int16), 8), start_s=100.1)
    source.close()
    blocks = list(source.blocks())
    assert [block.time_s for block in blocks] == pytest.approx([100.1, 100.2])
    assert [len(block.samples) for block in blocks] == [1600, 1600]


def test_a_bad_message_is_left_out_and_named_until_a_good_one_comes():
    source = topic()
    assert source.last_error == "topic audio: no message yet"
    source.push_bytes(b"ID3 and so on", 1.0)
    assert "MP3" in source.last_error
    assert not source.connected
    source.push_bytes(pcm(), 1.1)
    assert source.last_error == ""
    assert source.connected


def test_an_announcement_changes_what_bytes_mean():
    source = topic()
    source.announce(info(channels=2, sample_rate=48_000))
    source.push_bytes(pcm(channels=2), 1.0)
    source.close()
    (block,) = source.blocks()
    assert (block.sample_rate_hz, block.samples.shape[1]) == (48_000, 2)


def test_stereo_declared_as_mono_is_told_by_its_pace():
    source = topic()
    for number in range(80):
        source.push_bytes(pcm(channels=2), number * 0.1)
    assert "2.0 s of sound come in each second" in source.last_error
    for number in range(80, 160):
        source.push_bytes(pcm(), number * 0.1)
    assert source.last_error == ""


def test_a_publisher_that_has_gone_is_missed(monkeypatch):
    source = topic()
    source.push_bytes(pcm(), 1.0)
    now = audio_topic.time.monotonic()
    monkeypatch.setattr(audio_topic.time, "monotonic", lambda: now + 10)
    assert "no message for 10 s" in source.last_error


def test_it_says_that_sound_has_broken_off_once_and_goes_on(monkeypatch):
    monkeypatch.setattr(AudioTopic, "SILENT_S", 0.05)
    source = topic()
    source.push_bytes(pcm(), 1.0)
    blocks = source.blocks()
    assert next(blocks).time_s == 1.0
    assert next(blocks) is None  # a message lasts 0.1 s
    threading.Timer(0.5, source.push_bytes, (pcm(), 9.0)).start()  # not a None every 0.05 s
    assert next(blocks).time_s == 9.0
    assert next(blocks) is None
    source.close()
    assert list(blocks) == []


def test_of_long_messages_the_next_one_is_awaited_longer(monkeypatch):
    monkeypatch.setattr(AudioTopic, "SILENT_S", 0.05)
    source = topic()
    source.push_bytes(pcm(0.4), 1.0)
    blocks = source.blocks()
    assert next(blocks).time_s == 1.0
    threading.Timer(0.4, source.push_bytes, (pcm(0.4), 1.4)).start()
    assert next(blocks).time_s == 1.4
    assert source.connected
    assert next(blocks) is None


def test_messages_stamped_late_after_a_stall_leave_no_gap():
    """A publisher that stamps by when it publishes hung for 0.3 s, and lost nothing."""
    source = topic()
    for end_s in np.arange(1, 31) / 10:
        source.push_bytes(pcm(), max(end_s, 1.4) if end_s > 1.0 else end_s)
    source.close()
    timeline = Timeline(settle_s=source.settle_s)
    for block in source.blocks():
        timeline.push(block.samples[:, 0], block.time_s)
    assert timeline.gaps == timeline.steps_back == 0


def test_a_reader_that_is_too_slow_loses_the_oldest():
    source = topic()
    for number in range(audio_topic.MAX_PENDING + 3):
        source.push_bytes(pcm(0.01), number * 0.01)
    source.close()
    assert source.dropped_blocks == 3
    assert next(source.blocks()).time_s == pytest.approx(0.03)


def test_neither_ros_nor_torch_is_needed():
    code = "import sys, ser_stream.ros.audio_topic, ser_stream.ros.parameters\n"
    code += "assert not {'rclpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
