"""The level of a voice."""

import numpy as np
import pytest

from ser_stream.audio.speech_level import TARGET_RMS, SpeechLevel
from ser_stream.audio.voice_activity import FRAME_LENGTH


def test_the_speech_level_rises_at_once_and_falls_slowly():
    level = SpeechLevel()
    tone = np.sin(np.arange(FRAME_LENGTH)).astype(np.float32)
    quiet = 0.002 * tone
    raised = [np.abs(level(quiet)).max() for _ in range(3)]
    assert raised == pytest.approx([TARGET_RMS * np.sqrt(2)] * 3, rel=0.01)
    np.testing.assert_array_equal(level(tone), tone)
    np.testing.assert_array_equal(level(quiet), quiet)
    for _ in range(30 * 16_000 // FRAME_LENGTH):
        later = level(quiet)
    assert np.abs(later).max() == pytest.approx(raised[0], rel=0.01)
    assert not level(np.zeros(FRAME_LENGTH, np.float32)).any()
