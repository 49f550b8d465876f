"""Whisper by way of CTranslate2: open dictation in a hundred languages.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Whisper
invents text where nobody speaks. What is done against it:

* It gets turns, in which the voice activity network heard speech, never an endless stream.
* No text carries over from segment to segment (`condition_on_previous_text=False`).
* A segment that Whisper itself takes for no speech is dropped, and so is one that repeats itself.
* Silence beside words that look made up is skipped (`hallucination_silence_threshold`).
* Words are cut to the segment they were heard in, see `within_segment`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel, available_models, download_model

from ser_stream.asr.base import AsrSettings, within_segment
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

DEFAULT_MODEL = "base"

NO_SPEECH = 0.6
MEAN_LOG_PROBABILITY = -1.0
"""With more of "no speech" and less of this, a segment is no speech (Radford et al., 4.5)."""
SURELY_NO_SPEECH = 0.9
"""And with so much of it, however sure Whisper is of the words: its favourite inventions ("Thanks
for watching!") are likely ones. A choice; nothing was measured."""
COMPRESSION_RATIO = 2.4
"""Text that zlib packs better repeats itself (Radford et al., 4.5)."""
SILENCE: Seconds = 2.0
"""A pause so long beside words that look made up is skipped."""

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that are written without spaces between words."""

FILES = ("model.bin", "config.json", "tokenizer.json")


class FasterWhisper:
    """A `SpeechRecognizer`.

    Args:
        settings: its model, language, device and compute_type.

    Raises:
        InputError: the model is not there and cannot be downloaded, or is no Whisper; it does not
            know the language; the device or compute type cannot be used here.
    """

    def __init__(self, settings: AsrSettings):
        folder = _model_folder(settings.model or DEFAULT_MODEL)
        try:
            self._model = WhisperModel(
                str(folder), device=settings.device, compute_type=settings.compute_type
            )
            # CUDA libraries that are missing show only when they are used.
            self._model.encode(self._model.feature_extractor(np.zeros(SAMPLE_RATE_HZ, np.float32)))
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"asr model {folder}: cannot be used on device {settings.device!r} with compute "
                f"type {settings.compute_type!r}: {error}"
            ) from error
        self._language = settings.language or None
        known = self._model.supported_languages
        if self._language not in (None, *known):
            raise InputError(
                f"asr language: found {settings.language!r}; {folder.name} knows {', '.join(known)}"
            )

    def recognize(self, samples: np.ndarray, start_s: Seconds) -> tuple[Word, ...]:
        """See `SpeechRecognizer`. Words keep their capitals, and the punctuation behind them."""
        segments, info = self._model.transcribe(
            samples,
            language=self._language,
            # The same sound gives the same words; and no second, third... try where time is short.
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH,
            log_prob_threshold=MEAN_LOG_PROBABILITY,
            compression_ratio_threshold=COMPRESSION_RATIO,
            hallucination_silence_threshold=SILENCE,
        )
        words: list[Word] = []
        for segment in segments:
            if (
                segment.no_speech_prob <= SURELY_NO_SPEECH
                and segment.compression_ratio <= COMPRESSION_RATIO
            ):
                words += _words(segment.words, start_s, spaced=info.language not in UNSPACED)
        return within_segment(words, start_s, len(samples))


def _words(pieces: list, start_s: Seconds, spaced: bool) -> list[Word]:
    """Words of faster-whisper, put together again where it splits them: o'clock is two of them."""
    joined: list[list] = []
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


def _model_folder(model: str) -> Path:
    """Where the model is on this machine; it is downloaded if need be."""
    folder = Path(model)
    if folder.is_dir():
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise InputError(
                f"asr model {folder}: {', '.join(missing)} missing; expected is a Whisper model in "
                "CTranslate2's format"
            )
        return folder
    if model not in available_models() and model.count("/") != 1:
        raise InputError(
            f"asr model: found {model!r}; accepted are a folder, a repository owner/name of the "
            f"Hugging Face Hub, and {', '.join(available_models())}"
        )
    with contextlib.suppress(OSError):  # no network is asked for what is there already
        return Path(download_model(model, local_files_only=True))
    try:
        return Path(download_model(model))
    except Exception as error:  # whatever the Hub's client raises: no network, no such repository
        reason = str(error).splitlines()[0]
        page = model if "/" in model else f"models?search=faster-whisper-{model}"
        raise InputError(
            f"asr model {model!r}: not on this machine, and cannot be downloaded ({reason}). On a "
            f"machine that can, download all files of it from https://huggingface.co/{page} into "
            "a folder, and name the folder as model"
        ) from error
