"""Blocks of samples pushed through a stream, and the windows they give."""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.turns import TurnSettings
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.stream.window import WindowSettings
from ser_stream.stream.windowing import StreamWindower

RATE = 16_000

CONFIG = LogMelConfig()

WINDOWS = WindowSettings(CONFIG, window_frames=500, hop_frames=50, min_speech=0.7)


def block(samples, end_s, rate=RATE):
    samples = np.asarray(samples, np.float32)
    samples = samples[:, None] if samples.ndim == 1 else samples
    return AudioBlock(samples, rate, end_s, captured_at=0.0)


def stream(samples, cuts=None, rate=RATE, features=CONFIG):
    """All windows of a signal, given in blocks that end at `cuts`."""
    cuts = range(512, len(samples), 512) if cuts is None else sorted(cuts)
    session = StreamWindower(dataclasses.replace(WINDOWS, features=features), TurnSettings())
    windows, position = [], 0
    for part in np.split(samples, cuts):
        position += len(part)
        windows += session.push(block(part, position / rate, rate))
    return windows + session.finish(), session
