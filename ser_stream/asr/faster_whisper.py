"""Whisper, run by CTranslate2: open dictation in a hundred languages.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Whisper
invents text where nobody speaks. The countermeasures:

* It is given turns, in which the voice activity network found speech, never an endless stream.
* No text carries over from segment to segment (`condition_on_previous_text=False`).
* Segments without speech according to Whisper itself, and repetitive ones, are dropped.
* Silence beside words that look invented is skipped (`hallucination_silence_threshold`).
* Words are cut to their segment, see `within_segment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

from ser_stream.asr.base import DEFAULT_WHISPER, AsrSettings, within_segment
from ser_stream.asr.whisper_models import whisper_folder
from ser_stream.errors import InputError, shown
from ser_stream.files import plain_name
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

NO_SPEECH_THRESHOLD = 0.6
MIN_MEAN_LOG_PROBABILITY = -1.0
"""A segment with a higher probability of "no speech" and a lower mean log-probability of its words
is dropped (Radford et al., section 4.5)."""
MAX_NO_SPEECH = 0.9
"""A segment with a higher probability of "no speech" is dropped, however probable its words: the
common inventions ("Thanks for watching!") are probable. The value is a guess."""
MAX_COMPRESSION_RATIO = 2.4
"""Text that zlib compresses more is repetitive (Radford et al., section 4.5)."""
HALLUCINATION_SILENCE_S: Seconds = 2.0
"""Pauses of at least this length beside words that look invented are skipped."""

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that are written without spaces between words."""


class FasterWhisper:
    """A `SpeechRecognizer` for the languages of Whisper.

    Args:
        settings: model, language, device and compute_type are used.

    Attributes:
        language: code of the last segment's language, detected or set; "" before the first one.

    Raises:
        InputError: the model is missing and cannot be downloaded, or is not a Whisper model; it
            does not support the language; or the device or compute type cannot be used.
    """

    def __init__(self, settings: AsrSettings):
        folder = whisper_folder(settings.model or DEFAULT_WHISPER)
        try:
            with plain_name(folder) as name:
                self._model = WhisperModel(
                    str(name), device=settings.device, compute_type=settings.compute_type
                )
            # Missing CUDA libraries show only when they are used.
            self._model.encode(self._model.feature_extractor(np.zeros(SAMPLE_RATE_HZ, np.float32)))
        except Exception as error:  # of types that CTranslate2 and tokenizers do not export
            reason = " ".join(str(error).split()) or repr(error)
            raise InputError(
                f"asr model {folder}: cannot be used on device {settings.device!r} with compute "
                f"type {settings.compute_type!r}: {reason}"
            ) from error
        self.language = ""
        self._language = settings.language_code or None
        known = self._model.supported_languages
        if self._language not in (None, *known):
            raise InputError(
                f"asr language: found {shown(settings.language)}; {folder.name} knows "
                f"{', '.join(known)}"
            )

    def recognize(self, samples: np.ndarray, start_s: Seconds) -> tuple[Word, ...]:
        """See `SpeechRecognizer`. Words keep their capitals, and the punctuation behind them."""
        segments, info = self._model.transcribe(
            samples,
            language=self._language,
            # Deterministic, and without retries at higher temperatures, which take time.
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH_THRESHOLD,
            log_prob_threshold=MIN_MEAN_LOG_PROBABILITY,
            compression_ratio_threshold=MAX_COMPRESSION_RATIO,
            hallucination_silence_threshold=HALLUCINATION_SILENCE_S,
        )
        self.language = info.language
        words: list[Word] = []
        for segment in segments:
            if (
                segment.no_speech_prob <= MAX_NO_SPEECH
                and segment.compression_ratio <= MAX_COMPRESSION_RATIO
            ):
                words += _words(
                    segment.words, start_s, spaced=info.language not in UNSPACED_LANGUAGES
                )
        return within_segment(words, start_s, len(samples))


def _words(pieces: Iterable[Any], start_s: Seconds, spaced: bool) -> list[Word]:
    """Join the pieces of words that faster-whisper splits, such as o'clock."""
    joined: list[list[Any]] = []
    for piece in pieces:
        if joined and spaced and not piece.word.startswith(" "):
            joined[-1].append(piece)
        else:
            joined.append([piece])
    return [
        Word(
            text="".join(part.word for part in parts).strip(),
            start_s=start_s + float(parts[0].start),
            end_s=start_s + float(parts[-1].end),
            probability=float(np.mean([part.probability for part in parts])),
        )
        for parts in joined
    ]
