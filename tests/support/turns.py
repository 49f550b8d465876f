"""A stream of two turns, and the augmentation that changes nothing."""

from __future__ import annotations

import numpy as np

from ser_stream.features.log_mel import LogMelConfig
from streams import stream


def two_turns(speech, pause_s=1.0, features=LogMelConfig()):
    silence = np.zeros(round(16_000 * pause_s), np.float32)
    samples = np.concatenate([speech, silence, speech, silence[:16_000]])
    windows, _ = stream(samples, features=features)
    assert {window.turn for window in windows} == {1, 2}
    return [[window for window in windows if window.turn == turn] for turn in (1, 2)]


PLAIN = dict(
    prefix=0.0, shift=0, gain_db=(0, 0), warp=0.0, noise=0.0, low_pass=0.0, tilt_db=0.0,
    speaker_history=1.0,
)  # fmt: skip
