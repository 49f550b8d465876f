import numpy as np
import pytest

from ser_stream.features.mfcc import MfccConfig, mfcc
from ser_stream.features.segments import SegmentConfig

librosa = pytest.importorskip("librosa")


@pytest.mark.parametrize("config", [MfccConfig(), MfccConfig(n_mfcc=20), SegmentConfig()])
def test_agrees_with_librosa(speech, config):
    power = librosa.feature.melspectrogram(
        y=speech.astype(np.float64), sr=16_000, n_fft=config.n_fft, hop_length=config.hop_length,
        win_length=config.win_length, window=config.window, center=False, n_mels=config.n_mels,
        fmin=config.fmin, fmax=config.fmax,
    )  # fmt: skip
    expected = librosa.feature.mfcc(
        S=librosa.power_to_db(power, top_db=None), n_mfcc=config.n_mfcc
    ).T
    ours = mfcc(speech, config)
    assert ours.shape == (config.frames_in(len(speech)), config.dimension) == expected.shape
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_first_coefficient_is_the_level():
    """Silence is -100 dB in each band: -100 sqrt(bands) in the first coefficient, else nothing."""
    silence = mfcc(np.zeros(400, np.float32), SegmentConfig())
    np.testing.assert_allclose(silence[0, 0], -100 * np.sqrt(128), rtol=1e-6)
    np.testing.assert_allclose(silence[0, 1:], 0, atol=1e-3)


@pytest.mark.parametrize("n_mfcc", [0, 65])
def test_more_coefficients_than_bands_are_an_error(n_mfcc):
    with pytest.raises(ValueError, match=f"n_mfcc {n_mfcc} of 64 mel bands"):
        MfccConfig(n_mfcc=n_mfcc)
