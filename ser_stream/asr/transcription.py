"""The words of a recording that is there as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_stream.asr.base import SpeechRecognizer
from ser_stream.audio.speech import find_turns, speech_span
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word


@dataclasses.dataclass(frozen=True)
class SpokenTurn:
    """A turn and its words; times are seconds since the recording began.

    Attributes:
        start_s, end_s: of the turn, 0.2 s before and behind its speech included.
    """

    start_s: Seconds
    end_s: Seconds
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def transcribe(samples: np.ndarray, recognizer: SpeechRecognizer) -> Iterator[SpokenTurn]:
    """The turns of samples (n,) float32 at 16 kHz, one after the other, each heard as a whole.

    Turns in which no word was recognised are among them.
    """
    for turn in find_turns(samples):
        start_s = turn.start / SAMPLE_RATE_HZ
        words = recognizer.recognize(samples[turn.start : turn.end], start_s)
        yield SpokenTurn(start_s, turn.end / SAMPLE_RATE_HZ, words)


def align(samples: np.ndarray, text: str) -> tuple[list[SpokenTurn], str]:
    """One turn with the words of a known text, and which of them were not found, "" = none.

    Raises:
        InputError: see `Aligner.align`.
    """
    from ser_stream.asr.pocketsphinx import Aligner

    start, end = speech_span(samples)
    start_s, end_s = start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
    alignment = Aligner().align(samples[start:end], text, start_s)
    missing = ""
    if alignment.unknown:
        missing = f"not in the dictionary: {', '.join(alignment.unknown)}"
    elif not alignment.complete:
        missing = f"of the text, only the first {len(alignment.words)} words were found"
    return [SpokenTurn(start_s, end_s, alignment.words)], missing
