"""The interface that the settings of every kind of features share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ser_stream.units import Seconds


class FeatureConfig(Protocol):
    """Settings of features: `frames_in(n)` frames of `dimension` values each."""

    @property
    def hop_length(self) -> int:
        """Samples at 16 kHz from the start of one frame to the start of the next."""

    @property
    def dimension(self) -> int:
        """Values per frame."""

    @property
    def frame_s(self) -> Seconds:
        """Time from the start of one frame to the start of the next."""

    def frames_in(self, n_samples: int) -> int:
        """Return the number of whole frames in a signal of `n_samples` samples."""


class StreamingFeatures(Protocol):
    """Turns chunks of samples into frames."""

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """Return the frames that `chunk` (n,) completes, (frames, dimension) float32."""


class StreamingFeatureConfig(FeatureConfig, Protocol):
    """Settings of features whose frames depend on their own samples only."""

    def samples_for(self, n_frames: int) -> int:
        """Return the number of samples that `n_frames` frames need."""

    def stream(self) -> StreamingFeatures:
        """Return an object that computes the frames of a signal given in chunks."""
