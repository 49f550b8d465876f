"""Real-time speech emotion recognition for robots: sound in, emotions out."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["EmotionEstimate", "InputError", "Microphone", "Recognizer", "Recording"]

_HOMES = {
    "EmotionEstimate": "ser_stream.emotion",
    "InputError": "ser_stream.errors",
    "Microphone": "ser_stream.audio.microphone",
    "Recognizer": "ser_stream.stream.recognizer",
    "Recording": "ser_stream.audio.recording",
}


def __getattr__(name: str):
    """The public names, imported when they are first asked for: torch takes a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
