"""Checks the settings of speech recognisers and opens one."""

from __future__ import annotations

import importlib

from ser_stream.asr.base import (
    BACKENDS,
    FASTER_WHISPER,
    NONE,
    POCKETSPHINX,
    AsrSettings,
    SpeechRecognizer,
)
from ser_stream.asr.grammar_check import check_grammar
from ser_stream.asr.grammars import find_grammar
from ser_stream.errors import InputError, shown
from ser_stream.extras import require_extra


def check_backend(settings: AsrSettings) -> None:
    """Check that there is such a recogniser.

    Raises:
        InputError: the backend is unknown, or its package is missing.
    """
    if ":" in settings.backend or settings.backend == NONE:
        return
    if settings.backend not in BACKENDS:
        raise InputError(
            f"asr: found {shown(settings.backend)}; accepted are {', '.join(BACKENDS)}, "
            "or module:name of a function that returns a recogniser"
        )
    require_extra(f"asr {settings.backend}", settings.backend)


def check_settings(settings: AsrSettings) -> None:
    """Check everything that needs no loading into this process.

    A grammar is loaded, once, in a process of its own: see `check_grammar`.

    Raises:
        InputError: see `check_backend`; or the recogniser does not take a setting, or the grammar
            cannot be used.
    """
    check_backend(settings)
    if settings.backend == POCKETSPHINX:
        if settings.language_code not in ("", "en"):
            raise InputError(
                f"asr language: found {shown(settings.language)}; pocketsphinx has only en"
            )
        if settings.model:
            raise InputError(
                f"asr model: found {shown(settings.model)}; pocketsphinx has only its own"
            )
        if settings.grammar:
            check_grammar(find_grammar(settings.grammar))
    elif settings.backend == FASTER_WHISPER and settings.grammar:
        raise InputError(f"asr grammar: found {settings.grammar}; only pocketsphinx takes one")


def open_recognizer(settings: AsrSettings) -> SpeechRecognizer:
    """Load a recogniser in this process.

    Raises:
        InputError: see `check_settings`; or its model is missing, or does not know the language;
            the message says what to do.
        ValueError: the backend is "none".
    """
    check_settings(settings)
    if settings.backend == POCKETSPHINX:
        from ser_stream.asr.pocketsphinx import PocketSphinx

        return PocketSphinx(find_grammar(settings.grammar) if settings.grammar else "")
    if settings.backend == FASTER_WHISPER:
        from ser_stream.asr.faster_whisper import FasterWhisper

        return FasterWhisper(settings)
    if settings.backend == NONE:
        raise ValueError("asr: the backend is none: there is nothing to open")
    module, name = settings.backend.split(":", 1)
    try:
        return getattr(importlib.import_module(module), name)(settings)
    except (ImportError, AttributeError) as error:
        raise InputError(f"asr: {settings.backend!r} cannot be imported: {error}") from error
