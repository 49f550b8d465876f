"""The interface of speech recognisers, and their settings."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from ser_stream.errors import InputError, shown
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

NONE, POCKETSPHINX, FASTER_WHISPER = "none", "pocketsphinx", "faster_whisper"
BACKENDS = (NONE, POCKETSPHINX, FASTER_WHISPER)

DEFAULT_WHISPER = "tiny"
SMALLEST_WHISPERS = ("", "tiny", "tiny.en")
"""Values of `AsrSettings.model` than which faster-whisper has nothing faster."""

LANGUAGE = "([A-Za-z]{2,3}([-_]([A-Za-z]{2}|[0-9]{3}))?)?"
"""Regular expression of languages: ISO 639 codes with or without a region, or empty."""

ACCEPTED_LANGUAGES = (
    'language codes as text, such as "en", or "en_GB" with its region; or empty text'
)

MIN_WORD_S: Seconds = 0.01
"""Shortest word; faster-whisper returns words that end where they begin."""


@dataclasses.dataclass(frozen=True)
class AsrSettings:
    """Settings of a speech recogniser.

    Attributes:
        backend: "none", "pocketsphinx", "faster_whisper", or "module:name" of a function of your
            own that takes these settings and returns a `SpeechRecognizer`.
        model: model of faster-whisper: a size (tiny, base, small...), OWNER/NAME@COMMIT of the
            Hugging Face Hub, or a CTranslate2 folder; "" means tiny. PocketSphinx has only its own.
        language: ISO 639 code, with or without a region: "en", "en_GB"; "" to detect it in each
            segment, where the model can.
        device, compute_type: settings of faster-whisper, as CTranslate2 names them. The compute
            type auto is the fastest that the device supports: on a CPU, int8.
        grammar: sentences that PocketSphinx accepts: a grammar that comes with the package, such
            as robot-commands, or a file, see `ser_stream.asr.pocketsphinx`; "" for open dictation.

    Raises:
        InputError: the language is no such code.
    """

    backend: str = NONE
    model: str = ""
    language: str = ""
    device: str = "auto"
    compute_type: str = "auto"
    grammar: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(LANGUAGE, self.language):
            raise InputError(
                f"asr language: found {shown(self.language)}; accepted are {ACCEPTED_LANGUAGES}"
            )

    @property
    def language_code(self) -> str:
        """The language without its region.

        >>> AsrSettings(language="en-GB").language_code
        'en'
        """
        return self.language.replace("-", "_").partition("_")[0].lower()

    @property
    def spoken_language(self) -> str:
        """Language that the recogniser expects; "" where it is not known."""
        return self.language or ("en" if self.backend == POCKETSPHINX else "")


def remedy(settings: AsrSettings) -> str:
    """Return what to do where this recogniser is slower than speech, as a phrase for people."""
    if settings.backend == POCKETSPHINX and settings.grammar:
        return "give pocketsphinx a smaller grammar"
    if settings.backend == POCKETSPHINX:
        return (
            "give pocketsphinx a grammar (robot-commands, or a file of yours), or use "
            f"faster_whisper with the model {DEFAULT_WHISPER}"
        )
    if settings.backend == FASTER_WHISPER and settings.model in SMALLEST_WHISPERS:
        return "use pocketsphinx with a grammar, or a GPU for faster_whisper"
    if settings.backend == FASTER_WHISPER:
        return f"use its model {DEFAULT_WHISPER}, or pocketsphinx with a grammar"
    return "use a faster recogniser"


class SpeechRecognizer(Protocol):
    """Recognises the words of segments of speech.

    A recogniser that detects the language may have an attribute `language`: the code of the last
    segment's language.
    """

    def recognize(self, samples: np.ndarray, start_s: Seconds) -> tuple[Word, ...]:
        """Return the words of one segment of speech, in order; () where there are none.

        Args:
            samples: (n,) float32 at 16 kHz, full scale +-1; a whole turn, with 0.2 s or more before
                and after its speech.
            start_s: time of the first sample on the stream's clock, on which words have times.
        """


def within_segment(words: Iterable[Word], start_s: Seconds, n_samples: int) -> tuple[Word, ...]:
    """Return the words cut to their segment; words outside of it are dropped.

    Whisper may place the first word after a pause up to 10 s too early, and invents words after the
    end. In the result, starts never fall, and every word lasts at least `MIN_WORD_S`.

    >>> words = [Word("so", -9.0, 0.5), Word("you", 2.0, 3.0)]
    >>> within_segment(words, start_s=0.0, n_samples=16_000)
    (Word(text='so', start_s=0.0, end_s=0.5, probability=1.0),)
    """
    end_s = start_s + n_samples / SAMPLE_RATE_HZ
    cut = []
    earliest = start_s
    for word in words:
        if word.end_s < start_s or word.start_s >= end_s:
            continue
        first = min(max(word.start_s, earliest), end_s - MIN_WORD_S)
        last = max(min(word.end_s, end_s), first + MIN_WORD_S)
        cut.append(dataclasses.replace(word, start_s=first, end_s=last))
        earliest = first
    return tuple(cut)
