"""Limits of the settings of features: what model.json and recipes may ask to be computed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Bands = Annotated[int, Meta(ge=1, le=1024)]
"""Mel bands, or coefficients of a frame."""
Length = Annotated[int, Meta(ge=1, le=16_384)]
"""Samples of a window or an FFT; 16,384 are 1.02 s."""
HopLength = Annotated[int, Meta(ge=16, le=16_384)]
"""Samples from frame to frame; 16 are 1 ms."""
