"""Audio messages as an audio source."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from audio_messages import audio, audio_data, audio_data_stamped, audio_stamped, info
from ser_stream.audio.timeline import Timeline
from ser_stream.ros import audio_topic
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.audio_topic import AudioMessages, AudioTopic

NOW_S = 5000.0


def topic(**changes):
    return AudioTopic(AudioFormat(**changes), now_s=lambda: NOW_S)


def pcm(seconds=0.1, channels=1):
    return np.zeros(round(seconds * 16_000) * channels, "<i2").tobytes()


def push(source, data, end_s):
    """Pass an AudioDataStamped to the source."""
    source.push_message(audio_data_stamped(data, end_s))


def test_messages_come_out_as_blocks_and_close_ends_them():
    source = topic()
    push(source, pcm(), end_s=100.1)
    samples = audio("int16", np.zeros(1600, np.int16), 8)
    source.push_message(audio_stamped(samples, time_s=100.1))  # stamped with its start
    source.push_message(audio_data(pcm()))  # has no stamp
    source.close()
    blocks = list(source.blocks())
    assert [block.time_s for block in blocks] == pytest.approx([100.1, 100.2, NOW_S])
    assert [len(block.samples) for block in blocks] == [1600, 1600, 1600]


def test_an_empty_stamp_is_replaced_by_the_current_time():
    source = topic()
    push(source, pcm(), 0.0)
    source.close()
    assert [block.time_s for block in source.blocks()] == [NOW_S]


def test_a_bad_message_is_left_out_and_reported_until_a_good_one_arrives():
    source = topic()
    assert source.last_error == "topic audio: no message yet"
    push(source, b"ID3 and so on", 1.0)
    assert "MP3" in source.last_error
    assert not source.connected
    push(source, pcm(), 1.1)
    assert source.last_error == ""
    assert source.connected


def test_audio_info_changes_the_format():
    source = topic()
    source.push_info(info(channels=2, sample_rate=48_000))
    push(source, pcm(channels=2), 1.0)
    source.close()
    (block,) = source.blocks()
    assert (block.sample_rate_hz, block.samples.shape[1]) == (48_000, 2)


def test_stereo_declared_as_mono_is_detected_by_its_rate():
    source = topic()
    for number in range(80):
        push(source, pcm(channels=2), number * 0.1)
    assert "2.0 s of sound arrive in each second" in source.last_error
    for number in range(80, 160):
        push(source, pcm(), number * 0.1)
    assert source.last_error == ""


def test_a_publisher_that_has_gone_is_reported(monkeypatch):
    source = topic()
    push(source, pcm(), 1.0)
    now = audio_topic.time.monotonic()
    monkeypatch.setattr(audio_topic.time, "monotonic", lambda: now + 10)
    assert "no message for 10 s" in source.last_error


def test_a_break_in_the_sound_gives_none_once_and_the_stream_continues(monkeypatch):
    monkeypatch.setattr(AudioTopic, "MAX_SILENCE_S", 0.05)
    source = topic()
    push(source, pcm(), 1.0)
    blocks = source.blocks()
    assert next(blocks).time_s == 1.0
    assert next(blocks) is None  # a message lasts 0.1 s
    threading.Timer(0.5, push, (source, pcm(), 9.0)).start()  # without another None every 0.05 s
    assert next(blocks).time_s == 9.0
    assert next(blocks) is None
    source.close()
    assert list(blocks) == []


def test_long_messages_are_awaited_for_longer(monkeypatch):
    monkeypatch.setattr(AudioTopic, "MAX_SILENCE_S", 0.05)
    source = topic()
    push(source, pcm(0.4), 1.0)
    blocks = source.blocks()
    assert next(blocks).time_s == 1.0
    threading.Timer(0.4, push, (source, pcm(0.4), 1.4)).start()
    assert next(blocks).time_s == 1.4
    assert source.connected
    assert next(blocks) is None


def test_messages_stamped_late_after_a_stall_leave_no_gap():
    """A publisher that stamps blocks when it publishes them hung for 0.3 s and lost nothing."""
    source = topic()
    for end_s in np.arange(1, 31) / 10:
        push(source, pcm(), max(end_s, 1.4) if end_s > 1.0 else end_s)
    source.close()
    timeline = Timeline(settle_s=source.settle_s)
    for block in source.blocks():
        timeline.push(block.samples[:, 0], block.time_s)
    assert timeline.gaps == timeline.steps_back == 0


def test_a_reader_that_is_too_slow_loses_the_oldest_blocks():
    source = topic()
    for number in range(audio_topic.MAX_PENDING_BLOCKS + 3):
        push(source, pcm(0.01), number * 0.01)
    source.close()
    assert source.dropped_blocks == 3
    assert next(source.blocks()).time_s == pytest.approx(0.03)


def test_neither_ros_nor_torch_is_imported():
    pytest.importorskip("onnxruntime")
    code = "import sys, ser_stream.ros.audio_topic, ser_stream.ros.parameters\n"
    code += "assert not {'rclpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_messages_are_passed_on_as_blocks_and_errors_name_the_topic():
    blocks = []
    messages = AudioMessages(AudioFormat(), blocks.append, lambda: NOW_S, "topic /robot1/audio")
    assert messages.last_error == "topic /robot1/audio: no message yet"
    assert not messages.interrupted
    push(messages, pcm(), 100.0)
    assert [block.time_s for block in blocks] == [100.0]
    assert messages.connected and not messages.interrupted
    messages.MAX_SILENCE_S = 0.0
    push(messages, pcm(0.01), 100.1)
    time.sleep(0.05)
    assert messages.interrupted
    assert "topic /robot1/audio: no message for 0 s" in messages.last_error
