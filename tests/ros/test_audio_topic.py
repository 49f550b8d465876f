"""Audio messages as an audio source."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from audio_messages import (
    audio,
    audio_buffer,
    audio_data,
    audio_data_stamped,
    audio_stamped,
    info,
)
from ser_stream.audio.timeline import Timeline
from ser_stream.errors import InputError
from ser_stream.ros import audio_topic
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.audio_topic import AudioMessages, AudioTopic

NOW_S = 5000.0


def topic(**changes):
    return AudioTopic(AudioFormat(**changes), now_s=lambda: NOW_S)


def pcm(seconds=0.1, channels=1):
    return np.zeros(round(seconds * 16_000) * channels, "<i2").tobytes()


def push(source, data, end_s, frame_id=""):
    """Pass an AudioDataStamped to the source."""
    source.push_message(audio_data_stamped(data, end_s, frame_id))


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
    push(source, b"ID3" + bytes(2000), 1.0)
    assert "MP3" in source.last_error
    assert not source.connected
    push(source, pcm(), 1.1)
    assert source.last_error == ""
    assert source.connected


def test_a_message_over_a_limit_is_left_out_counted_and_logged(caplog):
    source = topic()
    push(source, pcm(), 1.0)
    push(source, pcm(), 1.1, frame_id="mic" * 1000)
    assert "header.frame_id" in source.last_error
    source.refuse(InputError("audio: too large"))
    assert source.last_error == "audio: too large"
    push(source, pcm(), 1.2, frame_id="mic")
    assert (source.last_error, source.left_out, source.frame_id) == ("", 2, "mic")
    source.close()
    assert [block.time_s for block in source.blocks()] == pytest.approx([1.0, 1.2])
    assert [record.getMessage() for record in caplog.records] == [
        "topic audio: left out 2 messages: audio: too large"
    ]


def test_stamps_that_have_wrapped_around_after_2038_are_those_of_now():
    source = AudioTopic(AudioFormat(), now_s=lambda: 2**31 + 100.0)
    message = audio_data_stamped(pcm(), 1.0)
    message.header.stamp.sec = -(2**31) + 99
    source.push_message(message)
    push(source, pcm(), 2**31 - 1)  # before the turn
    source.close()
    assert [block.time_s for block in source.blocks()] == [2**31 + 99, 2**31 - 1]


def test_audio_info_changes_the_format():
    source = topic()
    source.push_info(info(channels=2, sample_rate=48_000))
    push(source, pcm(channels=2), 1.0)
    source.close()
    (block,) = source.blocks()
    assert (block.sample_rate_hz, block.samples.shape[1]) == (48_000, 2)


def test_a_format_that_cannot_be_used_is_reported_until_another_is_announced():
    source = topic()
    source.push_info(info(coding_format="mp3"))
    push(source, pcm(), 1.0)
    assert "'mp3' is encoded audio" in source.last_error
    source.push_info(info())
    push(source, pcm(), 1.1)
    assert source.last_error == ""
    source.close()
    assert [block.time_s for block in source.blocks()] == [1.1]


def test_more_channels_than_the_bytes_fit_is_an_error_of_one_line():
    source = topic()
    source.push_info(info(channels=6))
    push(source, bytes(6400), 1.0)
    assert "6400 bytes are no whole number of 6-channel S16LE samples" in source.last_error
    assert "\n" not in source.last_error
    source.push_info(info(channels=2))
    push(source, bytes(6400), 1.1)
    assert source.last_error == ""


def test_a_buffer_of_naoqi_is_stamped_with_its_end():
    source = topic()
    source.push_message(audio_buffer(np.zeros(4 * 4800, np.int16), time_s=7.0))
    source.close()
    (block,) = source.blocks()
    assert (block.time_s, block.sample_rate_hz, block.samples.shape) == (7.0, 48_000, (4800, 4))


def test_the_frame_of_the_newest_message_is_known():
    source = topic()
    assert source.frame_id == ""
    push(source, pcm(), 1.0, "head_mic")
    assert source.frame_id == "head_mic"
    source.push_message(audio_data(pcm()))  # has no header
    assert source.frame_id == "head_mic"


@pytest.mark.parametrize(
    ("message_ms", "ends_ms"),
    [
        (10, [40, 70, 100, 130, 160, 200]),  # the first ends from 32, 64, 96 ... on
        (16, [32, 64, 96, 128]),
        (20, [40, 80, 100, 140, 160, 200]),
        (32, [32, 64, 96, 128]),
        (100, [100, 200, 300]),
    ],
)
def test_short_messages_are_joined_until_they_fill_a_frame_of_32_ms(message_ms, ends_ms):
    source, sent = topic(), []
    for number in range(1, ends_ms[-1] // message_ms + 1):
        sent.append(np.full(16 * message_ms, number, "<i2"))
        push(source, sent[-1].tobytes(), 1.0 + number * message_ms / 1000)
        at_s = number * message_ms / 1000
        next_ms = next((end for end in ends_ms if end > number * message_ms), None)
        if next_ms is not None:
            assert source.awaited_s == pytest.approx(next_ms / 1000 - at_s)
    source.close()
    blocks = list(source.blocks())
    assert [block.time_s for block in blocks] == pytest.approx(1.0 + np.array(ends_ms) / 1000)
    heard = np.concatenate([block.samples[:, 0] for block in blocks])
    np.testing.assert_array_equal(heard * 2**15, np.concatenate(sent))


def test_a_block_is_due_when_its_last_message_is(monkeypatch):
    source = topic()
    assert source.due_at == float("inf")
    for number in (1, 2, 3, 4):
        monkeypatch.setattr(audio_topic.time, "monotonic", lambda n=number: 50.0 + n * 0.01)
        push(source, pcm(0.01), 1.0 + number * 0.01)
        assert source.due_at == pytest.approx(50.04 if number < 4 else 50.07)


def test_messages_of_different_formats_are_not_joined():
    source = topic()
    push(source, pcm(0.01), 1.0)
    source.push_info(info(channels=2))
    for number in range(1, 4):
        push(source, pcm(0.01, channels=2), 1.0 + number * 0.01)
    for number in range(4, 8):
        samples = audio("int16", np.zeros(160, np.int16), 8)
        source.push_message(audio_stamped(samples, time_s=0.99 + number * 0.01))
    source.close()
    blocks = [(block.samples.shape, round(block.time_s, 2)) for block in source.blocks()]
    assert blocks == [((160, 1), 1.0), ((480, 2), 1.03), ((480, 1), 1.06)]


def test_a_bad_message_among_short_ones_is_left_out_alone():
    source = topic()
    for number, data in enumerate([pcm(0.01), b"odd", pcm(0.01), pcm(0.01), pcm(0.01)]):
        push(source, data, 1.0 + number * 0.01)
    source.close()
    assert [len(block.samples) for block in source.blocks()] == [640]


def test_empty_messages_do_not_pile_up():
    source = topic()
    for _ in range(audio_topic.MAX_JOINED):
        push(source, b"", 1.0)
    assert "0 bytes" in source.last_error


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


@pytest.mark.parametrize("message_s", [0.01, 0.1, 0.8])
def test_a_reader_that_is_too_slow_loses_the_oldest_sound(message_s):
    """However long the messages are, as many seconds wait."""
    source = topic()
    sent = round((audio_topic.MAX_PENDING_S + 6.0) / message_s)  # ends at the end of a block
    for number in range(1, sent + 1):
        push(source, pcm(message_s), number * message_s)
    source.close()
    blocks = list(source.blocks())
    waiting_s = sum(block.length_s for block in blocks)
    assert audio_topic.MAX_PENDING_S - 1.0 < waiting_s <= audio_topic.MAX_PENDING_S + 1e-6
    assert source.dropped_s + waiting_s == pytest.approx(sent * message_s)
    assert blocks[-1].time_s == pytest.approx(sent * message_s)


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
    push(messages, pcm(0.04), 100.1)
    time.sleep(0.1)
    assert messages.interrupted
    assert "topic /robot1/audio: no message for 0 s" in messages.last_error
