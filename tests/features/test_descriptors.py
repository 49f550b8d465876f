import subprocess
import sys

import numpy as np
import pytest

from ser_stream.features.descriptors import DESCRIPTORS, DescriptorConfig, descriptors

librosa = pytest.importorskip("librosa")

CONFIG = DescriptorConfig()
COLUMNS = {
    "centroid": [0],
    "contrast": [1],
    "bandwidth": [2],
    "roll_off": [3],
    "zcr": [4],
    "rms": [5],
    "mfcc": list(range(6, 26)),
    "mfcc_delta": list(range(26, 46)),
}


@pytest.fixture(scope="module")
def clip(speech):
    """A clip of 3 s, which is padded."""
    return speech[:48_000]


def test_agrees_with_librosa_in_the_authors_order(clip):
    y, sr = np.concatenate([np.zeros(32_000, np.float32), clip]), 16_000
    mfcc = librosa.feature.mfcc(y=y, sr=sr, hop_length=512)
    expected = np.concatenate(
        [
            librosa.feature.spectral_centroid(y=y, sr=sr, hop_length=512),
            librosa.feature.spectral_contrast(y=y, sr=sr, hop_length=512)[[0]],
            librosa.feature.spectral_bandwidth(y=y, sr=sr, hop_length=512),
            librosa.feature.spectral_rolloff(y=y, sr=sr, hop_length=512),
            librosa.feature.zero_crossing_rate(y, hop_length=512),
            librosa.feature.rms(y=y, hop_length=512),
            mfcc,
            librosa.feature.delta(mfcc, width=9, mode="interp", order=1, axis=-1),
        ]
    ).T
    ours = descriptors(clip, CONFIG)
    assert ours.shape == expected.shape == (157, 46)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("n_samples", [0, 1, 48_000, 80_000, 100_000])
def test_every_clip_is_157_by_46(speech, n_samples):
    values = descriptors(np.resize(speech, n_samples), CONFIG)
    assert values.shape == (157, 46) == (CONFIG.frames_in(n_samples), CONFIG.dimension)
    assert values.dtype == np.float32 and np.isfinite(values).all()
    assert CONFIG.frame_s == 0.032


def test_zeros_are_in_front(clip):
    """Frames of 2048 centred on multiples of 512; speech begins at sample 32,000."""
    rms = descriptors(clip, CONFIG)[:, COLUMNS["rms"][0]]
    first_with_sound = -(-(32_000 - 1024) // 512)
    assert not rms[:first_with_sound].any() and rms[first_with_sound + 2 :].all()


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_leaving_one_out_removes_its_columns_and_no_others(clip, name):
    config = DescriptorConfig(leave_out=(name,))
    kept = np.delete(descriptors(clip, CONFIG), COLUMNS[name], axis=1)
    assert config.dimension == kept.shape[1] == 46 - len(COLUMNS[name])
    np.testing.assert_array_equal(descriptors(clip, config), kept)


def test_several_may_be_left_out_as_a_list_from_a_file():
    config = DescriptorConfig(leave_out=["rms", "zcr"])
    assert config.dimension == 44 and config == DescriptorConfig(leave_out=("rms", "zcr"))


def test_unknown_descriptor_is_an_error():
    with pytest.raises(ValueError, match="'pitch'; accepted are centroid, contrast, "):
        DescriptorConfig(leave_out=("pitch",))


def test_leaving_out_everything_is_an_error():
    with pytest.raises(ValueError, match="one must be left"):
        DescriptorConfig(leave_out=tuple(DESCRIPTORS))


@pytest.mark.parametrize("settings", [{"hop_length": 0}, {"hop_length": 4096}, {"n_fft": 16_384}])
def test_inconsistent_frame_settings_are_an_error(settings):
    with pytest.raises(ValueError, match="hop_length <= n_fft"):
        DescriptorConfig(**settings)


def test_settings_do_not_import_librosa():
    """Importing librosa takes a second, and reading a model description needs only the settings."""
    script = (
        "import sys, ser_stream.features.descriptors, ser_stream.features.sherman;"
        "sys.exit('librosa' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
