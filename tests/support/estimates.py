"""An emotion estimate, and the keys of its JSON."""

from __future__ import annotations

from ser_stream.emotion import (
    EmotionEstimate,
)

KEYS = (
    "turn start_s end_s trigger modality expression confidence valence arousal scores speech_ratio "
    "level_dbfs clipped model latency_ms words voice_known_s reason"
).split()


def estimate(**changes):
    fields = dict(
        turn=1, start_s=1.23456, end_s=6.0, trigger="interval", modality="audio",
        expression="happy", confidence=0.61239, valence=0.5, arousal=0.25,
        scores={"happy": 0.61239, "sad": 0.38761}, speech_ratio=0.9, level_dbfs=-23.04,
        clipped=False, model="default", latency_ms=4.5678,
    )  # fmt: skip
    return EmotionEstimate(**(fields | changes))
