"""Evaluates a network of sound and words on pairs of clips and texts, see `data.pairs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.corpora.texts import read_texts
from ser_stream.data.paired_corpora import PairedCorpora
from ser_stream.data.pairs import PairEncoding
from ser_stream.data.reading import check_recordings
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.pair_scores import AudioPredictions, audio_predictions, score_pairs
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.recipes.speech_text import SpeechTextRecipe

ERROR_RATES = (0.0, 0.1, 0.2, 0.4)
"""Shares of words recognised wrongly at which a model is evaluated."""


def evaluate_speech_text(
    model: str | Path,
    recipe: SpeechTextRecipe,
    corpora: Path,
    part: str,
    first: str | Path | None = None,
    skip_bad: bool = False,
) -> tuple[dict[str, dict], list[str]]:
    """Evaluate a model on the pairs of a recipe's part "validation" or "test".

    Args:
        first: name or folder of a streaming model. Its estimates of the clips are scored too, and
            their mean with the model's, which is what the stream publishes.
        skip_bad: leave out clips that cannot be read.

    Returns:
        Share of words recognised wrongly, such as "10%" -> see `pair_scores.score_pairs`; and one
        message for each clip that was left out.

    Raises:
        InputError: a corpus is missing, the model takes no words, or its labels differ.
    """
    network, info = load_model(model, kind=CrossAttentionNetwork)
    features = network.features
    assert isinstance(features, SegmentConfig)
    recipe.voices.require_labels(info.labels, info.name)
    pairs = read_paired_corpora(
        recipe, corpora, features, network.text.vocabulary, None, part, skip_bad
    )
    predictions = None
    if first is not None:
        predictions = audio_predictions(first, [clip.path for clip in pairs.clips[part]])
    calibration = info.calibration[UTTERANCE]
    return score_by_error_rate(network, pairs, part, calibration, predictions), pairs.skipped


def read_paired_corpora(
    recipe: SpeechTextRecipe,
    corpora: Path,
    features: SegmentConfig,
    vocabulary: Vocabulary,
    cache: Path | None,
    part: str | None = None,
    skip_bad: bool = False,
    choose: Callable[[list[Utterance]], list[Utterance]] = list,
) -> PairedCorpora:
    """Read the clips and texts of a recipe.

    Args:
        corpora: folder that holds each corpus in a folder of its name; corpora of texts may lie in
            its folder text/.
        cache: folder of the feature cache; None: nothing is cached.
        part: the only part whose clips are used; None: all parts.
        skip_bad: leave out clips that cannot be read.
        choose: returns the clips of a part to use, before any is read.

    Raises:
        InputError: a corpus is missing, its layout is not understood, or clips cannot be read and
            `skip_bad` is False.
    """
    clips = recipe.voices.split(read_corpora(corpora, list(recipe.voices.corpora)))
    clips = {name: choose(members) for name, members in clips.items() if part in (None, name)}
    used = [clip for members in clips.values() for clip in members]
    checked = check_recordings(used, cache, skip_bad)
    readable = {clip.key for clip in checked.utterances}
    clips = {name: [c for c in members if c.key in readable] for name, members in clips.items()}
    folder = corpora / "text" if (corpora / "text").is_dir() else corpora
    texts = [text for text in read_texts(folder, list(recipe.texts)) if text.label]
    encoding = PairEncoding(recipe.voices.labels, vocabulary, features)
    return PairedCorpora(clips, texts, encoding, cache, checked.skipped)


def score_by_error_rate(
    model: CrossAttentionNetwork,
    pairs: PairedCorpora,
    part: str,
    calibration: Calibration,
    first: AudioPredictions | None = None,
) -> dict[str, dict]:
    """Score a model on the pairs of a part, by share of words recognised wrongly."""
    return {
        f"{rate:.0%}": score_pairs(model, pairs.evaluation_pairs(part, rate), calibration, first)
        for rate in ERROR_RATES
    }
