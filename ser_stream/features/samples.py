"""Blocks of raw samples as frames, for networks whose input is the waveform."""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.features.limits import HopLength
from ser_stream.units import SAMPLE_RATE_HZ, Seconds


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """Settings of blocks of samples at 16 kHz, full scale +-1; 20 ms each by default.

    Frame ``k`` consists of the samples ``[k * hop_length, (k + 1) * hop_length)``.

    Raises:
        ValueError: hop_length is less than 1.
    """

    hop_length: HopLength = 320

    def __post_init__(self) -> None:
        if self.hop_length < 1:
            raise ValueError(f"features: found hop_length {self.hop_length}; accepted are 1 and up")

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return self.hop_length

    @property
    def frame_s(self) -> Seconds:
        """Time from the start of one frame to the start of the next."""
        return self.hop_length / SAMPLE_RATE_HZ

    def frames_in(self, n_samples: int) -> int:
        """Return the number of whole frames in a signal of `n_samples` samples."""
        return n_samples // self.hop_length

    def samples_for(self, n_frames: int) -> int:
        """Return the number of samples that `n_frames` frames need."""
        return n_frames * self.hop_length

    def stream(self) -> StreamingSamples:
        """Return an object that computes the frames of a signal given in chunks."""
        return StreamingSamples(self)


class StreamingSamples:
    """Divides chunks of any size into whole frames.

    >>> blocks = StreamingSamples(SampleConfig(hop_length=320))
    >>> blocks(np.zeros(1000, np.float32)).shape, blocks(np.zeros(200, np.float32)).shape
    ((3, 320), (0, 320))
    """

    def __init__(self, config: SampleConfig):
        self.config = config
        self._pending = np.empty(0, np.float32)  # the first samples of the next frame

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """Return the frames that `chunk` (n,) completes: (frames, hop_length) float32, or none."""
        samples = np.concatenate([self._pending, chunk])
        whole = self.config.samples_for(self.config.frames_in(len(samples)))
        self._pending = samples[whole:]
        return samples[:whole].reshape(-1, self.config.hop_length)
