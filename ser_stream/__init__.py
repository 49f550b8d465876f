"""Real-time speech emotion recognition for robots: sound in, emotions out."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "EmotionEstimate",
    "InputError",
    "Microphone",
    "Recognizer",
    "RecognizerSettings",
    "Recording",
]

_HOMES = {
    "EmotionEstimate": "ser_stream.emotion",
    "InputError": "ser_stream.errors",
    "Microphone": "ser_stream.audio.microphone",
    "Recognizer": "ser_stream.stream.recognizer",
    "RecognizerSettings": "ser_stream.stream.settings",
    "Recording": "ser_stream.audio.recording",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
