"""Log lines about the sound of a source."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from ser_stream.audio.block import AudioBlock, SourceLosses
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.source_log import FormatLog, LoggedSource, announced_text
from ser_stream.stream.sources import SOURCE_MEMBERS


def block(rate_hz, channels):
    return AudioBlock(np.zeros((8, channels)), rate_hz, 0.0, 0.0)


def test_the_format_is_logged_when_it_is_known_and_when_it_changes(caplog):
    caplog.set_level(logging.INFO)
    log = FormatLog("topic /audio")
    for rate_hz, channels in ((16_000, 1), (16_000, 1), (48_000, 2), (48_000, 2)):
        log.add(block(rate_hz, channels))
    assert [record.getMessage() for record in caplog.records] == [
        "topic /audio: sound arrives: 16000 Hz, 1 channel",
        "topic /audio: sound arrives: 48000 Hz, 2 channels",
    ]


def test_a_logged_source_is_the_source(caplog, speech_path):
    caplog.set_level(logging.INFO)
    recording, logged = Recording(speech_path), LoggedSource(Recording(speech_path))
    for name in SOURCE_MEMBERS:
        if name not in ("blocks", "close"):
            assert getattr(logged, name) == getattr(recording, name)
    expected = np.concatenate([found.samples for found in recording.blocks()])
    found = np.concatenate([found.samples for found in logged.blocks()])
    np.testing.assert_array_equal(found, expected)
    (record,) = caplog.records
    assert record.getMessage() == f"{speech_path}: sound arrives: 16000 Hz, 1 channel"


def test_a_logged_source_is_closed_with_its_own(speech_path):
    logged = LoggedSource(Recording(speech_path, realtime=True))
    blocks = logged.blocks()
    next(blocks)
    logged.close()
    assert len(list(blocks)) <= 1


@pytest.mark.parametrize(
    ("audio_type", "text"),
    [
        ("AudioData", "48000 Hz, 2 channels, S16LE until audio_info announces another format"),
        ("AudioStamped", "rate and channels as in its messages"),
    ],
)
def test_what_is_known_of_a_topic_before_its_first_message(audio_type, text):
    assert announced_text(audio_type, AudioFormat(48_000, 2)) == text


def test_the_losses_of_a_logged_source_are_its_own(speech_path):
    microphone = Microphone()
    microphone.dropped_blocks, microphone.dropped_s, microphone.overflows = 2, 0.064, 3
    microphone.reconnects = 1
    assert SourceLosses.of(LoggedSource(microphone)) == SourceLosses(0.064, 2, 3, 1)
    assert SourceLosses.of(LoggedSource(Recording(speech_path))) == SourceLosses()
