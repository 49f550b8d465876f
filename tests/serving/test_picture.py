"""The picture of a stream's sound."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.features.log_mel import hertz_to_mel
from ser_stream.serving.picture import BANDS, COLUMN_BYTES, Picture

RATE = 16_000


def columns_of(samples, length):
    """The columns of samples that come in blocks of a length, (columns, bytes)."""
    picture = Picture()
    message = b"".join(
        picture.push(samples[start : start + length].astype(np.float32))
        for start in range(0, len(samples), length)
    )
    return np.frombuffer(message, np.uint8).reshape(-1, COLUMN_BYTES)


@pytest.mark.parametrize("length", [512, 160, 16_000])
def test_columns_do_not_depend_on_the_blocks(length):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
    found, expected = columns_of(samples, length), columns_of(samples, 2 * RATE)
    assert 90 <= len(found) <= 100  # two seconds, 50 a second; the last message is not full
    assert (found == expected[: len(found)]).all()


def test_a_tone_is_in_its_band_and_its_peaks_are_those_of_the_wave():
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(RATE) / RATE)
    column = columns_of(tone, 512)[20]
    low, high = column[:2].view(np.int8)
    assert low == pytest.approx(-64, abs=1) and high == pytest.approx(64, abs=1)
    mel = hertz_to_mel(np.array([50.0, 1_000.0, 8_000.0]))
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (BANDS + 1) - 1
    assert np.argmax(column[2:]) == pytest.approx(expected, abs=1)


def test_silence_is_zero_everywhere():
    assert not columns_of(np.zeros(RATE), 512).any()
