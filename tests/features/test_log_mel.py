import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.features.log_mel import (
    HE,
    JALAL,
    SHERMAN,
    LogMelConfig,
    StreamingLogMel,
    hertz_to_mel,
    log_mel,
    mel_to_hertz,
)

librosa = pytest.importorskip("librosa")

CONFIGS = {"default": LogMelConfig(), "sherman": SHERMAN, "he": HE, "jalal": JALAL}


def librosa_log_mel(samples, config):
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float64), sr=16_000, n_fft=config.n_fft, hop_length=config.hop_length,
        win_length=config.win_length, window=config.window, center=False, n_mels=config.n_mels,
        fmin=config.fmin, fmax=config.fmax,
    )  # fmt: skip
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T


def speech_like(n, seed):
    """Noise in bursts of very different level, with silence between them."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(10.0 ** rng.uniform(-5, 0, n // 400 + 1), 400)[:n]
    envelope[rng.random(n // 400 + 1).repeat(400)[:n] < 0.2] = 0.0
    return (0.3 * envelope * rng.standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@settings(deadline=None, max_examples=40)
@given(
    cuts=st.lists(st.integers(0, 24_000), max_size=30),
    n=st.integers(0, 24_000),
    seed=st.integers(0, 99),
)
def test_streaming_frames_are_librosas_for_any_chunking(config, cuts, n, seed):
    samples = speech_like(n, seed)
    stream = StreamingLogMel(config)
    frames = np.concatenate([stream(chunk) for chunk in np.split(samples, sorted(cuts))])
    if n < config.n_fft:
        assert frames.shape == (0, config.n_mels)
    else:
        np.testing.assert_allclose(frames, librosa_log_mel(samples, config), atol=1e-4, rtol=0)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_samples_for_is_the_least_that_gives_that_many_frames(config):
    for n_frames in (1, 2, 50, 500):
        needed = config.samples_for(n_frames)
        assert config.frames_in(needed) == n_frames
        assert config.frames_in(needed - 1) == n_frames - 1


def test_the_mel_scale_has_its_inverse():
    frequencies = np.linspace(0, 8000, 100)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(frequencies)), frequencies, atol=1e-9)
    np.testing.assert_allclose(hertz_to_mel(frequencies), librosa.hz_to_mel(frequencies))


def test_reset_forgets_the_signal_before():
    stream = StreamingLogMel(LogMelConfig())
    samples = speech_like(5000, 0)
    first = stream(samples)
    stream.reset()
    np.testing.assert_array_equal(stream(samples), first)


def test_silence_is_the_floor_and_never_infinite():
    assert np.all(log_mel(np.zeros(1600, np.float32), SHERMAN) == -100.0)
