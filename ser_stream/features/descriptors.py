"""Spectral descriptors of Sherman, Hazan and Gannot for IEMOCAP, to reproduce their tables.

"Study of speech emotion recognition using BLSTM with attention", Table I: 46 values for each frame
of a clip of 5 s, with librosa's settings except for the sample rate.

From the paper: the descriptors, a hop of 512, deltas of width 9. (Its hop of 5120 for the centroid
is taken for a typing error: the code has 512.) From the authors' public code: clips are padded as
in `sherman.five_seconds`; windows are librosa's default of 2048; of the contrast only the first
band, below 200 Hz; the MFCC's decibels are re 1.0, at least 80 dB below the clip's loudest cell;
RMS is computed from samples, not from the spectrum; the order of values is that of `DESCRIPTORS`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.features.limits import HopLength, Length
from ser_stream.features.sherman import CLIP_SAMPLES, five_seconds, load_librosa
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

DESCRIPTORS = {
    "centroid": 1,
    "contrast": 1,
    "bandwidth": 1,
    "roll_off": 1,
    "zcr": 1,
    "rms": 1,
    "mfcc": 20,
    "mfcc_delta": 20,
}
"""Descriptor -> number of values per frame, in the order of the values of a frame."""

DELTA_WIDTH = 9
"""Number of frames over which a delta is the slope."""


@dataclasses.dataclass(frozen=True)
class DescriptorConfig:
    """Settings of the descriptors and of their frames, in samples at 16 kHz.

    Attributes:
        hop_length: samples from the start of one frame to the start of the next.
        n_fft: samples in a frame.
        leave_out: names in `DESCRIPTORS` to leave out, one at a time in Table II. Leaving out the
            MFCC does not leave out their deltas.

    Raises:
        ValueError: a name is unknown, no descriptor is left, or the framing is inconsistent.
    """

    hop_length: HopLength = 512
    n_fft: Length = 2048
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "leave_out", tuple(self.leave_out))  # recipes have lists
        if not 0 < self.hop_length <= self.n_fft <= CLIP_SAMPLES // DELTA_WIDTH:
            raise ValueError(
                f"features: found hop_length {self.hop_length}, n_fft {self.n_fft}; "
                f"0 < hop_length <= n_fft <= {CLIP_SAMPLES // DELTA_WIDTH} must hold"
            )
        for name in self.leave_out:
            if name not in DESCRIPTORS:
                accepted = ", ".join(DESCRIPTORS)
                raise ValueError(f"features: leave_out {name!r}; accepted are {accepted}")
        if not self.kept:
            raise ValueError("features: leave_out has all descriptors; one must be left")

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the descriptors of a frame, in order."""
        return tuple(name for name in DESCRIPTORS if name not in self.leave_out)

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return sum(DESCRIPTORS[name] for name in self.kept)

    @property
    def frame_s(self) -> Seconds:
        """Time from the start of one frame to the start of the next."""
        return self.hop_length / SAMPLE_RATE_HZ

    def frames_in(self, n_samples: int) -> int:
        """Return the number of frames of any signal: that of 5 s, centred as in librosa."""
        return CLIP_SAMPLES // self.hop_length + 1


def descriptors(samples: np.ndarray, config: DescriptorConfig) -> np.ndarray:
    """Compute the descriptors of a clip.

    Args:
        samples: (n,) at 16 kHz; see `sherman.five_seconds`.

    Returns:
        (frames, dimension) float32, 157 x 46 with the paper's settings: centroid, bandwidth and
        roll-off in Hz, contrast in dB, zero crossings per sample, RMS in full scales, MFCC, and
        their change per frame.

    Raises:
        InputError: librosa is not installed.
    """
    librosa = load_librosa()
    clip, feature, sr = five_seconds(samples), librosa.feature, SAMPLE_RATE_HZ
    framing = {"frame_length": config.n_fft, "hop_length": config.hop_length}
    spectrum = np.abs(librosa.stft(clip, n_fft=config.n_fft, hop_length=config.hop_length))
    mel = feature.melspectrogram(S=spectrum**2, sr=sr)
    mfcc = feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=DESCRIPTORS["mfcc"])
    values = {
        "centroid": feature.spectral_centroid(S=spectrum, sr=sr),
        "contrast": feature.spectral_contrast(S=spectrum, sr=sr)[:1],
        "bandwidth": feature.spectral_bandwidth(S=spectrum, sr=sr),
        "roll_off": feature.spectral_rolloff(S=spectrum, sr=sr),
        "zcr": feature.zero_crossing_rate(clip, **framing),
        "rms": feature.rms(y=clip, **framing),
        "mfcc": mfcc,
        "mfcc_delta": feature.delta(mfcc, width=DELTA_WIDTH),
    }
    return np.concatenate([values[name] for name in config.kept]).T.astype(np.float32)
