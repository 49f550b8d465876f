"""Real-time speech emotion recognition for robots: sound in, emotions out."""

from __future__ import annotations

import os
from typing import Any

# Before anything imports onnxruntime, whose Linux builds would write a device id and a queue of
# events to the user's cache directory and look up their vendor's host. Child processes inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# huggingface_hub, for transformers and faster-whisper; and whatever else honours DO_NOT_TRACK.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

__version__ = "0.1.0"
__all__ = [
    "EmotionEstimate",
    "InputError",
    "Microphone",
    "Recognizer",
    "RecognizerSettings",
    "Recording",
    "StreamPool",
]

_HOMES = {
    "EmotionEstimate": "ser_stream.emotion",
    "InputError": "ser_stream.errors",
    "Microphone": "ser_stream.audio.microphone",
    "Recognizer": "ser_stream.stream.recognizer",
    "RecognizerSettings": "ser_stream.stream.settings",
    "Recording": "ser_stream.audio.recording",
    "StreamPool": "ser_stream.stream.pool",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
