"""Speech and levels of several channels at once."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from channels import RATE_HZ, array_sound, hum, noise
from ser_stream.audio.channel_speech import ChannelSpeech


def measure(samples, rate_hz=RATE_HZ):
    """Speech, level above the noise, and distortion of each frame: (frames, channels) each."""
    found = list(ChannelSpeech(samples.shape[1], rate_hz).push(samples))
    return [np.array([getattr(frame, name) for frame in found]) for name in found[0]._fields]


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_speech_is_told_from_noise_hum_voltage_and_silence(speech, rate_hz):
    n = len(speech)
    channels = [noise(n, -20), hum(n, -10), np.full(n, 0.3), np.zeros(n), speech + noise(n, -65)]
    samples = soxr.resample(array_sound(channels), RATE_HZ, rate_hz)
    found, above_noise_db, _ = measure(samples, rate_hz)
    share = found.mean(axis=0)
    assert share[4] > 0.4
    assert share[:4].max() < 0.1
    assert above_noise_db[found[:, 4], 4].mean() > 20
    assert above_noise_db[5:, :4].max() < 10


def test_a_channel_is_measured_as_if_it_were_alone(speech):
    both = array_sound([speech, np.roll(speech, 8_000)])
    together = measure(both)
    for channel in (0, 1):
        alone = measure(both[:, [channel]])
        for several, single in zip(together, alone, strict=True):
            np.testing.assert_allclose(several[:, channel], single[:, 0], atol=1e-4)


def test_clipped_and_invalid_samples_are_no_obstacle(speech):
    clipped = np.clip(30 * speech, -1, 1)
    broken = speech.copy()
    broken[20_000:20_100] = np.nan
    broken[21_000] = np.inf
    sound = array_sound([speech, clipped, broken])
    found = list(ChannelSpeech(3, RATE_HZ).push(sound[: len(sound) // 2]))
    assert found[-1].distorted.tolist() == [False, True, False]
    assert np.isfinite([frame.above_noise_db for frame in found]).all()


def test_the_noise_floor_follows_noise_that_becomes_louder():
    sound = np.concatenate([noise(4 * RATE_HZ, -60), noise(16 * RATE_HZ, -30)])
    _, above_noise_db, _ = measure(sound[:, np.newaxis])
    assert above_noise_db[130:140].min() > 20  # right after the change
    assert above_noise_db[-30:].max() < 10
