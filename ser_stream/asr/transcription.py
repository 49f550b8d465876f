"""Transcription and alignment of whole recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ser_stream.asr.base import SpeechRecognizer
from ser_stream.audio.speech import speech_span, turn_spans
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word


@dataclasses.dataclass(frozen=True)
class SpokenTurn:
    """A turn and its words; times are seconds since the start of the recording.

    Attributes:
        start_s, end_s: start and end of the turn, with 0.2 s before and after its speech.
        words: words of the turn, in order.
    """

    start_s: Seconds
    end_s: Seconds
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(word.text for word in self.words)


def transcribe(samples: np.ndarray, recognizer: SpeechRecognizer) -> Iterator[SpokenTurn]:
    """Yield the turns of samples (n,) float32 at 16 kHz, each recognised as a whole.

    Turns without recognised words are included.

    Raises:
        InputError: the recogniser fails, after the turns before.
    """
    for start, end in turn_spans(samples):
        start_s = start / SAMPLE_RATE_HZ
        try:
            words = recognizer.recognize(samples[start:end], start_s)
        except Exception as error:  # of whatever type the recogniser raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"speech recognition failed at {start_s:.1f} s: {reason}") from error
        yield SpokenTurn(start_s, end / SAMPLE_RATE_HZ, words)


def align(samples: np.ndarray, text: str) -> tuple[list[SpokenTurn], str]:
    """Align a known text with the speech of a recording.

    Args:
        samples: (n,) float32 at 16 kHz.
        text: the spoken text.

    Returns:
        One turn with the words that were found, and a line on the missing ones, "" for none.

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
    elif not alignment.words:
        missing = "no word of the text was found; is it what is said?"
    elif not alignment.complete:
        missing = f"only the first {len(alignment.words)} words of the text were found"
    return [SpokenTurn(start_s, end_s, alignment.words)], missing
