"""What a speech recogniser is, and how one is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

NONE, POCKETSPHINX, FASTER_WHISPER = "none", "pocketsphinx", "faster_whisper"
BACKENDS = (NONE, POCKETSPHINX, FASTER_WHISPER)

SHORTEST_WORD: Seconds = 0.01
"""faster-whisper gives words that end where they begin."""


@dataclasses.dataclass(frozen=True)
class AsrSettings:
    """Which recogniser, and how it listens.

    Attributes:
        backend: "none", "pocketsphinx", "faster_whisper", or "module:name" of a function of your
            own that takes these settings and returns a `SpeechRecognizer`.
        model: of faster-whisper a size (tiny, base, small...), a repository of the Hugging Face
            Hub, or a CTranslate2 folder; "" = base. PocketSphinx has only its own.
        language: ISO 639-1 code; "" = detected in each segment, where the model can.
        device, compute_type: of faster-whisper, as CTranslate2 names them.
        grammar: of PocketSphinx: what can be said, see `ser_stream.asr.pocketsphinx`; "" =
            anything.
    """

    backend: str = NONE
    model: str = ""
    language: str = ""
    device: str = "auto"
    compute_type: str = "default"
    grammar: str = ""

    @property
    def spoken_language(self) -> str:
        """The language that is expected; "" = not known."""
        return self.language or ("en" if self.backend == POCKETSPHINX else "")


class SpeechRecognizer(Protocol):
    """Segments of speech in, words out."""

    def recognize(self, samples: np.ndarray, start_s: Seconds) -> tuple[Word, ...]:
        """The words of one segment of speech, in order; () where there are none.

        Args:
            samples: (n,) float32 at 16 kHz, full scale +-1; a whole turn, with 0.2 s or more of
                what is before and behind its speech.
            start_s: time of the first sample on the stream's clock: words have times on it too.
        """


def within_segment(words: Iterable[Word], start_s: Seconds, n_samples: int) -> tuple[Word, ...]:
    """Words cut to the segment that they were heard in; what lies outside of it is dropped.

    Whisper puts the first word behind a pause up to 10 s too early, and words that it makes up
    behind the end. Starts never fall, and every word lasts 10 ms or more.

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
        first = min(max(word.start_s, earliest), end_s - SHORTEST_WORD)
        last = max(min(word.end_s, end_s), first + SHORTEST_WORD)
        cut.append(dataclasses.replace(word, start_s=first, end_s=last))
        earliest = first
    return tuple(cut)
