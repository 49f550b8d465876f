"""Raw samples as frames, for networks that hear sound itself: blocks that follow on each other."""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.units import SAMPLE_RATE_HZ, Seconds


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """Settings of blocks of samples at 16 kHz, full scale +-1; 20 ms each by default.

    Frame ``k`` is the samples ``[k * hop_length, (k + 1) * hop_length)``, as they are.

    Raises:
        ValueError: hop_length is less than 1.
    """

    hop_length: int = 320

    def __post_init__(self) -> None:
        if self.hop_length < 1:
            raise ValueError(f"features: found hop_length {self.hop_length}; accepted are 1 and up")

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return self.hop_length

    @property
    def frame_s(self) -> Seconds:
        """Time from one frame to the next."""
        return self.hop_length / SAMPLE_RATE_HZ

    def frames_in(self, n_samples: int) -> int:
        """Number of whole frames in a signal of that many samples."""
        return n_samples // self.hop_length

    def samples_for(self, n_frames: int) -> int:
        """Number of samples needed for that many frames."""
        return n_frames * self.hop_length

    def stream(self) -> StreamingSamples:
        """What makes frames of a signal that comes in chunks."""
        return StreamingSamples(self)


class StreamingSamples:
    """Whole frames, from chunks of any size.

    >>> blocks = StreamingSamples(SampleConfig(hop_length=320))
    >>> blocks(np.zeros(1000, np.float32)).shape, blocks(np.zeros(200, np.float32)).shape
    ((3, 320), (0, 320))
    """

    def __init__(self, config: SampleConfig):
        self.config = config
        self._pending = np.empty(0, np.float32)  # samples of the next frame that are there already

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """Frames completed by `chunk` (n,): (frames, hop_length) float32, often none."""
        samples = np.concatenate([self._pending, chunk])
        whole = self.config.samples_for(self.config.frames_in(len(samples)))
        self._pending = samples[whole:]
        return samples[:whole].reshape(-1, self.config.hop_length)
