"""Scores of a network of sound and words on clips with their own words, as recognised.

Corpora of acted speech say a few sentences with every emotion, so the words of a clip cannot help;
what is measured is what recognition errors cost, those of a speech recogniser beside simulated
ones. All else is equal: segments have lengths by letters, see `data.pairs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.asr.base import AsrSettings, SpeechRecognizer
from ser_stream.asr.factory import open_recognizer
from ser_stream.asr.transcription import transcribe
from ser_stream.asr.word_errors import word_error_rate
from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import load_features
from ser_stream.data.paired_corpora import MAX_FRAMES
from ser_stream.data.pairs import EvaluationItems, PairEncoding
from ser_stream.emotion import UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import score_answers
from ser_stream.evaluation.pair_scores import audio_predictions, predicted_labels
from ser_stream.evaluation.speech_text import ERROR_RATES, read_paired_corpora
from ser_stream.evaluation.streamed import choose_clips
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.spoken import spoken_words
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.progress import progress
from ser_stream.recipes.speech_text import SpeechTextRecipe

LANGUAGE = "en"
"""Language of the texts that networks of words learn from; clips of others are left out."""
ALL = "all"
"""Kind of clips in a report: those of all corpora together."""


@dataclasses.dataclass(frozen=True)
class RecognisedWordScores:
    """The scores of a network on clips whose words are recognised.

    Attributes:
        scores: words ("0%", "10%"... for simulated errors in the words said; the recogniser's
            name) -> corpus or `ALL` -> prediction -> scores, as `score_pairs` returns them.
        word_error_rates: corpus or `ALL` -> errors of the recogniser per word said.
        without_words: clips in which the recogniser found no word. The network is given one
            unknown word there; a stream has no second estimate.
        skipped: one message for each clip that was left out because it cannot be read.
    """

    scores: dict[str, dict[str, Any]]
    word_error_rates: dict[str, float]
    without_words: int
    skipped: list[str]


def evaluate_recognised_words(
    model: str | Path,
    recipe: SpeechTextRecipe,
    corpora: Path,
    part: str,
    asr: AsrSettings,
    clips: int | None = None,
    first: str | Path | None = None,
    skip_bad: bool = False,
) -> RecognisedWordScores:
    """Evaluate a model on the English clips of a recipe's part "validation" or "test".

    Args:
        asr: the speech recogniser.
        clips: number of clips per corpus, the same ones each time; None: all.
        first: see `evaluate_speech_text`.
        skip_bad: leave out clips that cannot be read.

    Raises:
        InputError: a corpus is missing, no clip has a known English text, the model takes no words
            or has other labels, or the recogniser cannot be used.
    """
    network, info = load_model(model, kind=CrossAttentionNetwork)
    features = network.features
    assert isinstance(features, SegmentConfig)
    recipe.voices.require_labels(info.labels, info.name)
    recognizer = open_recognizer(asr)
    vocabulary = network.text.vocabulary
    pairs = read_paired_corpora(
        recipe, corpora, features, vocabulary, None, part, skip_bad,
        lambda members: _with_english_text(members, clips),
    )  # fmt: skip
    utterances = pairs.clips[part]

    said = [spoken_words(clip.text) for clip in utterances]
    heard = [_recognise(clip, recognizer) for clip in progress(utterances, asr.backend)]
    rng = np.random.default_rng(0)
    conditions = {
        f"{rate:.0%}": [pairs.errors.apply(words, rate, rng) for words in said]
        for rate in ERROR_RATES
    } | {_name(asr): [words or [""] for words in heard]}

    encoding = PairEncoding(info.labels, vocabulary, features)
    store = load_features(utterances, features, 1.0, None)
    bands = [store.utterance(i)[-MAX_FRAMES:] for i in range(len(utterances))]
    targets = np.array([info.labels.index(clip.label) for clip in utterances])
    paths = [clip.path for clip in utterances]
    predictions = None if first is None else audio_predictions(first, paths)
    members = _members(utterances)
    scores: dict[str, dict[str, Any]] = {}
    for condition, texts in conditions.items():
        items = [encoding.encode(*pair, None) for pair in zip(bands, texts, strict=True)]
        predicted = predicted_labels(
            network, EvaluationItems(items, targets), info.calibration[UTTERANCE], predictions
        )
        scores[condition] = {
            kind: {
                name: score_answers(info.labels, targets[chosen], answers[chosen]).to_dict()
                for name, answers in predicted.items()
            }
            for kind, chosen in members.items()
        }
    rates = {
        kind: word_error_rate([(said[i], heard[i]) for i in chosen])
        for kind, chosen in members.items()
    }
    return RecognisedWordScores(scores, rates, heard.count([]), pairs.skipped)


def _with_english_text(utterances: Sequence[Utterance], clips: int | None) -> list[Utterance]:
    """Return the clips whose text is known and English, `clips` of each corpus."""
    english = [clip for clip in utterances if clip.language == LANGUAGE and clip.text]
    if not english:
        raise InputError(
            "--asr: found no clip with a known English text; name a recipe with one of the "
            "corpora ravdess, cremad"
        )
    return choose_clips(english, clips)


def _recognise(clip: Utterance, recognizer: SpeechRecognizer) -> list[str]:
    turns = transcribe(read_samples(clip.path), recognizer)
    return spoken_words(" ".join(turn.text for turn in turns))


def _members(utterances: Sequence[Utterance]) -> dict[str, np.ndarray]:
    """Return corpus or `ALL` -> indices of its clips."""
    corpora = np.array([clip.corpus for clip in utterances])
    names = list(dict.fromkeys(corpora.tolist()))
    by_corpus = {name: np.flatnonzero(corpora == name) for name in names}
    return {ALL: np.arange(len(corpora)), **by_corpus} if len(names) > 1 else by_corpus


def _name(asr: AsrSettings) -> str:
    """Return the recogniser's name for tables, such as "faster_whisper base"."""
    return f"{asr.backend} {Path(asr.model).name}".strip()
