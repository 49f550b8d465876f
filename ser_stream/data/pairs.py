"""Voices and texts that never met, laid over each other, for a network that hears both.

Corpora of acted speech say a few sentences with every emotion, and texts with emotions have no
sound. A pair is the speech of a clip, cut into as many segments as a text has words, and that text;
a word lasts as long as its letters are many, more or less::

    clip     |--------------------------- speech ---------------------------|
    text     |- oh -|-- that --|- is -|------------- wonderful -------------|

Its emotion is that of both; or, where one of them is neutral, that of the other: what is said may
be flat while the voice is not, and the other way round. Other pairs are not made: what someone
feels who says happy words in an angry voice, nobody has told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.windows import TrainingSet
from ser_stream.distributed import own_part
from ser_stream.features.mfcc import cepstrum
from ser_stream.features.segments import SegmentConfig, overlapping
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.segment_batch import SegmentBatch

NEUTRAL = "neutral"
FRAMES_PER_WORD = 10
"""A text that leaves its words less is cut: nobody speaks more than ten words a second."""
LETTERS_OF_PAUSE = 2
"""What a word lasts besides its letters."""


def joint_label(voice: str, text: str) -> str | None:
    """Emotion of a pair; None where it is not known.

    >>> joint_label("sad", "neutral"), joint_label("neutral", "happy"), joint_label("sad", "angry")
    ('sad', 'happy', None)
    """
    if NEUTRAL in (voice, text):
        return text if voice == NEUTRAL else voice
    return voice if voice == text else None


def lay_over(
    n_frames: int, words: Sequence[str], overlap: float, rng: np.random.Generator | None
) -> np.ndarray:
    """Spans of frames (words, 2), first and end, one per word, which together are all frames.

    Args:
        rng: lengths differ from those by letters by up to a third, at random; None: they do not.
    """
    lengths = np.array([len(word) + LETTERS_OF_PAUSE for word in words], np.float64)
    if rng is not None:
        lengths *= rng.uniform(2 / 3, 4 / 3, len(lengths))
    ends = np.cumsum(lengths) / lengths.sum() * n_frames
    boundaries = np.concatenate([[0], np.rint(ends)]).astype(np.int64)
    return overlapping(boundaries, overlap)


def make_pair(
    bands: np.ndarray,
    words: Sequence[str],
    vocabulary: Vocabulary,
    config: SegmentConfig,
    rng: np.random.Generator | None,
) -> tuple:
    """Log-mel frames (n, n_mels) and words -> an item of `SegmentBatch.pad`.

    Of a text with more words than the voice has time for, a stretch is taken, at random, or the
    beginning.
    """
    most = max(1, len(bands) // FRAMES_PER_WORD)
    if len(words) > most:
        first = 0 if rng is None else int(rng.integers(len(words) - most + 1))
        words = words[first : first + most]
    frames = cepstrum(bands, config)
    spans = lay_over(len(frames), words, config.overlap, rng)
    return [frames[first:end] for first, end in spans], *vocabulary.encode(words)


class Texts:
    """Texts by emotion, to draw from.

    Args:
        words: (texts,) of each its words; there are some.
        labels: (texts,) of each its emotion.
    """

    def __init__(self, words: Sequence[list[str]], labels: Sequence[str]):
        self._by_label: dict[str, list[list[str]]] = {}
        for text, label in zip(words, labels, strict=True):
            self._by_label.setdefault(label, []).append(text)

    def draw(self, label: str, rng: np.random.Generator) -> list[str]:
        texts = self._by_label[label]
        return texts[rng.integers(len(texts))]

    @property
    def labels(self) -> list[str]:
        return sorted(self._by_label)


def draw_text_label(voice: str, labels: Sequence[str], rng: np.random.Generator) -> str:
    """Emotion of a text for a voice: half of the time the voice's own.

    Else neutral words, or, in a neutral voice, words of any other emotion, each as often.
    """
    if rng.random() < 0.5:
        return voice
    if voice != NEUTRAL:
        return NEUTRAL
    return str(rng.choice([label for label in labels if label != NEUTRAL]))


class Pairs:
    """Draws training batches of pairs.

    Args:
        voices: draws and augments clips; its features are log-mel bands, of which MFCC are made.
        texts: to train on.
        errors, max_rate: mistakes in the words; the rate of each text is drawn evenly from 0 to
            `max_rate`.
    """

    def __init__(
        self,
        voices: TrainingSet,
        texts: Texts,
        labels: tuple[str, ...],
        vocabulary: Vocabulary,
        config: SegmentConfig,
        errors: RecognitionErrors,
        max_rate: float,
    ):
        self.voices = voices
        self.texts = texts
        self.labels = labels
        self.vocabulary = vocabulary
        self.config = config
        self.errors = errors
        self.max_rate = max_rate
        self.steps = voices.steps

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (n_mfcc,) of each coefficient, over a sample of augmented clips."""
        rng = np.random.default_rng(0)
        clips = [self.voices.augmented(i, rng)[0] for i in self.voices.draw(1000, rng)]
        frames = np.concatenate([cepstrum(bands, self.config) for bands in clips])
        frames = frames.astype(np.float64)
        return torch.from_numpy(frames.mean(axis=0)), torch.from_numpy(frames.std(axis=0))

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[SegmentBatch], Tensor]]:
        """Batches, and targets (batch, 3): of the pair, of its text, of its voice.

        Clips of like length share a batch, which keeps padding small.
        """
        drawn = self.voices.draw(self.voices.n_drawn, rng)
        lengths = self.voices.stores[0].speech_frames[drawn] + rng.normal(0, 30, len(drawn))
        batches = np.array_split(drawn[np.argsort(lengths)], self.steps)
        for number in rng.permutation(len(batches)):
            pairs, targets = [], []
            for index in own_part(batches[number]):
                bands, _ = self.voices.augmented(index, rng)
                voice = self.labels[self.voices.targets[index]]
                text = draw_text_label(voice, self.texts.labels, rng)
                rate = rng.uniform(0, self.max_rate)
                words = self.errors.make(self.texts.draw(text, rng), rate, rng)
                pairs.append(make_pair(bands, words, self.vocabulary, self.config, rng))
                both = joint_label(voice, text)
                targets.append([self.labels.index(label) for label in (both, text, voice)])
            yield (SegmentBatch.pad(pairs),), torch.tensor(targets)


class EvaluationPairs:
    """Fixed pairs of clips and texts that training has not seen, to be judged.

    Each clip is paired twice: with words of its own emotion, and with neutral words or, if its
    voice is neutral, with words of another emotion.

    Args:
        heard: what a recogniser makes of words, see `RecognitionErrors`; None: the words.

    Attributes:
        targets, text_targets, voice_targets: (pairs,) indices of labels.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        voices: Sequence[str],
        texts: Texts,
        labels: tuple[str, ...],
        vocabulary: Vocabulary,
        config: SegmentConfig,
        heard: Callable[[list[str]], list[str]] | None = None,
        seed: int = 0,
    ):
        rng = np.random.default_rng(seed)
        self.items, kinds = [], []
        for bands, voice in zip(clips, voices, strict=True):
            others = [label for label in texts.labels if label != NEUTRAL]
            other = NEUTRAL if voice != NEUTRAL else str(rng.choice(others))
            for text in (voice, other):
                words = texts.draw(text, rng)
                words = words if heard is None else heard(words)
                self.items.append(make_pair(bands, words, vocabulary, config, None))
                kinds.append([labels.index(x) for x in (joint_label(voice, text), text, voice)])
        self.targets, self.text_targets, self.voice_targets = np.array(kinds).T
        self._n_frames = np.array([sum(map(len, segments)) for segments, *_ in self.items])

    def batches(self, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[SegmentBatch]]]:
        """Indices (batch,), and pairs of like length."""
        order = np.argsort(self._n_frames, kind="stable")
        for start in range(0, len(order), size):
            members = order[start : start + size]
            yield members, (SegmentBatch.pad([self.items[i] for i in members]),)
