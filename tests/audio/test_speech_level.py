"""The level of a voice."""

import numpy as np
import pytest

from ser_stream.audio.speech_level import TARGET_RMS, SpeechLevel, SpeechLevels
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


def test_channels_have_levels_of_their_own():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((20, 3, FRAME_LENGTH)).astype(np.float32)
    frames *= np.array([1.0, 1e-3, 0.0], np.float32)[:, np.newaxis]
    frames[10] *= 5
    together, alone = SpeechLevels(3), [SpeechLevel() for _ in range(3)]
    for frame in frames:
        expected = np.stack([level(part) for level, part in zip(alone, frame, strict=True)])
        np.testing.assert_allclose(together(frame), expected, rtol=1e-5)
