import sys

import numpy as np
import pytest

from ser_stream.errors import InputError
from ser_stream.features.sherman import ShermanLogMelConfig, five_seconds, relative_log_mel

librosa = pytest.importorskip("librosa")

CONFIG = ShermanLogMelConfig()


def authors_log_mel(clip):
    """In the order of the authors' code: STFT of the padded clip, mel bands, decibels."""
    spectrum = librosa.stft(clip, n_fft=512, window="hamming", win_length=256, hop_length=128)
    bands = librosa.feature.melspectrogram(
        S=np.abs(spectrum) ** 2, sr=16_000, n_mels=128, fmax=4000
    )
    return librosa.power_to_db(bands, ref=np.max).T


def test_short_clips_get_zeros_in_front(speech):
    padded = five_seconds(speech[:30_000])
    assert len(padded) == 80_000
    np.testing.assert_array_equal(padded[50_000:], speech[:30_000])
    assert not padded[:50_000].any()


def test_long_clips_keep_their_beginning():
    np.testing.assert_array_equal(five_seconds(np.arange(100_000.0)), np.arange(80_000.0))


@pytest.mark.parametrize("n_samples", [0, 1, 30_000, 80_000, 100_000])
def test_every_clip_is_626_by_128(speech, n_samples):
    clip = np.resize(speech, n_samples)
    features = relative_log_mel(clip, CONFIG)
    assert features.shape == (626, 128) == (CONFIG.frames_in(n_samples), CONFIG.dimension)
    assert features.dtype == np.float32
    assert CONFIG.frame_s == 0.008


def test_agrees_with_the_authors_code(speech):
    clip = np.concatenate([np.zeros(50_000, np.float32), speech[:30_000]])
    expected = authors_log_mel(clip)
    np.testing.assert_allclose(relative_log_mel(speech[:30_000], CONFIG), expected, atol=1e-3)


def test_decibels_are_relative_to_the_loudest_cell_with_a_floor(speech):
    features = relative_log_mel(speech[:30_000], CONFIG)
    # numpy before 2 rounds the two levels that are subtracted differently.
    assert (features.max(), features.min()) == pytest.approx((0.0, -80.0), abs=1e-5)
    # Frames that end before sample 50,000, where the speech begins, see zeros only.
    np.testing.assert_allclose(features[: (50_000 - 128) // 128], -80.0, atol=1e-5)


def test_features_do_not_depend_on_the_loudness(speech):
    clip = speech[:30_000]
    louder = relative_log_mel(4 * clip, CONFIG)
    np.testing.assert_allclose(louder, relative_log_mel(clip, CONFIG), atol=1e-3)


def test_silence_is_as_loud_as_its_loudest_cell():
    features = relative_log_mel(np.zeros(1000, np.float32), CONFIG)
    np.testing.assert_allclose(features, 0.0, atol=1e-5)


def test_missing_librosa_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(InputError, match=r"pip install 'ser_stream\[research\]'"):
        relative_log_mel(np.zeros(1000, np.float32), CONFIG)


@pytest.mark.parametrize(
    "settings", [{"hop_length": 0}, {"win_length": 1024}, {"fmax": 9000.0}, {"top_db": 0.0}]
)
def test_settings_that_no_spectrogram_has_are_an_error(settings):
    with pytest.raises(ValueError, match="features: "):
        ShermanLogMelConfig(**settings)
