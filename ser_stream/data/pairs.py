"""Pairs of clips and texts from different corpora, for a network of sound and words.

Corpora of acted speech say a few sentences with every emotion, and texts with emotions have no
sound. A pair is the speech of a clip, cut into as many segments as a text has words, and that text;
the length of a segment follows from the number of letters of its word::

    clip     |--------------------------- speech ---------------------------|
    text     |- oh -|-- that --|- is -|------------- wonderful -------------|

Its emotion is that of both; or, where one of them is neutral, that of the other, since words may be
neutral while the voice is not, and the other way round. Other pairs are not made: no corpus says
what someone feels who says happy words in an angry voice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.windows import TrainingSet
from ser_stream.features.mfcc import cepstrum
from ser_stream.features.segments import SegmentConfig, overlapping
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.segment_batch import SegmentBatch

NEUTRAL = "neutral"
FRAMES_PER_WORD = 10
"""Minimum number of frames per word: longer texts are cut, to at most ten words a second."""
LETTERS_OF_PAUSE = 2
"""Length of the pause after a word, in letters."""


def joint_label(voice: str, text: str) -> str | None:
    """Return the emotion of a pair, or None where it is not known.

    >>> joint_label("sad", "neutral"), joint_label("neutral", "happy"), joint_label("sad", "angry")
    ('sad', 'happy', None)
    """
    if NEUTRAL in (voice, text):
        return text if voice == NEUTRAL else voice
    return voice if voice == text else None


def word_spans(
    n_frames: int, words: Sequence[str], overlap: float, rng: np.random.Generator | None
) -> np.ndarray:
    """Divide frames among words: return spans (words, 2), first and end frame.

    Args:
        rng: draws deviations of up to a third from the lengths by letters; None: no deviations.
    """
    lengths = np.array([len(word) + LETTERS_OF_PAUSE for word in words], np.float64)
    if rng is not None:
        lengths *= rng.uniform(2 / 3, 4 / 3, len(lengths))
    ends = np.cumsum(lengths) / lengths.sum() * n_frames
    boundaries = np.concatenate([[0], np.rint(ends)]).astype(np.int64)
    return overlapping(boundaries, overlap)


@dataclasses.dataclass(frozen=True)
class PairEncoding:
    """How pairs become input and targets of a network.

    Attributes:
        labels: the labels of the network, in the order of its outputs.
        vocabulary: the words that the network knows.
        features: settings of the segments' MFCC.
    """

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    features: SegmentConfig

    def encode(
        self, bands: np.ndarray, words: Sequence[str], rng: np.random.Generator | None
    ) -> tuple:
        """Return log-mel frames (n, n_mels) and words as an item of `SegmentBatch.pad`.

        A text of more words than the clip has time for is cut: to its beginning, or, with `rng`, to
        a random part.
        """
        max_words = max(1, len(bands) // FRAMES_PER_WORD)
        if len(words) > max_words:
            first = 0 if rng is None else int(rng.integers(len(words) - max_words + 1))
            words = words[first : first + max_words]
        frames = cepstrum(bands, self.features)
        spans = word_spans(len(frames), words, self.features.overlap, rng)
        return [frames[first:end] for first, end in spans], *self.vocabulary.encode(words)

    def targets(self, voice: str, text: str) -> list[int]:
        """Return the label indices of a pair, of its text and of its voice.

        Raises:
            ValueError: the pair has no known emotion.
        """
        joint = joint_label(voice, text)
        if joint is None:
            raise ValueError(f"a pair of {voice} voice and {text} text has no known emotion")
        return [self.labels.index(label) for label in (joint, text, voice)]


class Texts:
    """Texts by emotion.

    Args:
        words: (texts,) the words of each text, at least one.
        labels: (texts,) the emotion of each text.
    """

    def __init__(self, words: Sequence[list[str]], labels: Sequence[str]):
        self._by_label: dict[str, list[list[str]]] = {}
        for text, label in zip(words, labels, strict=True):
            self._by_label.setdefault(label, []).append(text)

    def draw(self, label: str, rng: np.random.Generator) -> list[str]:
        """Draw a text of an emotion; return its words."""
        texts = self._by_label[label]
        return texts[rng.integers(len(texts))]

    @property
    def labels(self) -> list[str]:
        """The emotions of the texts, sorted."""
        return sorted(self._by_label)


def draw_text_label(voice: str, labels: Sequence[str], rng: np.random.Generator) -> str:
    """Draw the emotion of a text for a voice: the emotion of the voice half of the time.

    Otherwise it is neutral, or, for a neutral voice, any other emotion with equal probability.
    """
    if rng.random() < 0.5:
        return voice
    if voice != NEUTRAL:
        return NEUTRAL
    return str(rng.choice([label for label in labels if label != NEUTRAL]))


class Pairs:
    """Training batches of pairs.

    Args:
        clips: draws and augments clips, as log-mel bands that MFCC are computed from.
        texts: the texts of the training part.
        errors, max_error_rate: simulated recognition errors; the rate of each text is drawn
            uniformly from 0 to `max_error_rate`.

    Attributes:
        steps: number of batches in an epoch.
    """

    def __init__(
        self,
        clips: TrainingSet,
        texts: Texts,
        encoding: PairEncoding,
        errors: RecognitionErrors,
        max_error_rate: float,
    ):
        self.clips = clips
        self.texts = texts
        self.encoding = encoding
        self.errors = errors
        self.max_error_rate = max_error_rate
        self.steps = clips.steps

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and deviation (n_mfcc,) of each coefficient, over augmented clips."""
        rng = np.random.default_rng(0)
        clips = [self.clips.windows.augmented(i, rng)[0] for i in self.clips.draw(1000, rng)]
        frames = np.concatenate([cepstrum(bands, self.encoding.features) for bands in clips])
        frames = frames.astype(np.float64)
        return torch.from_numpy(frames.mean(axis=0)), torch.from_numpy(frames.std(axis=0))

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[SegmentBatch], Tensor]]:
        """Yield batches, and targets (batch, 3): indices of the pair's, text's and voice's label.

        Clips of similar length share a batch, which keeps padding small.
        """
        for batch in self.clips.batches_by_length(rng):
            pairs, targets = zip(*(self._pair(index, rng) for index in batch), strict=True)
            yield (SegmentBatch.pad(pairs),), torch.tensor(targets)

    def _pair(self, index: int, rng: np.random.Generator) -> tuple[tuple, list[int]]:
        """Return the encoded pair of a clip and a random text, and its targets."""
        bands, _ = self.clips.windows.augmented(index, rng)
        voice = self.encoding.labels[self.clips.labels[index]]
        text = draw_text_label(voice, self.texts.labels, rng)
        error_rate = rng.uniform(0, self.max_error_rate)
        words = self.errors.apply(self.texts.draw(text, rng), error_rate, rng)
        return self.encoding.encode(bands, words, rng), self.encoding.targets(voice, text)


class EvaluationItems:
    """Fixed encoded items for evaluation, each the sound of a clip and words.

    Args:
        items: as `PairEncoding.encode` returns them.
        targets: (items,) indices of labels.
    """

    def __init__(self, items: Sequence[tuple], targets: np.ndarray):
        self.items = items
        self.targets = targets
        self._n_frames = np.array([sum(map(len, segments)) for segments, *_ in items])

    def batches(self, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[SegmentBatch]]]:
        """Yield indices (batch,), and items of similar length."""
        order = np.argsort(self._n_frames, kind="stable")
        for start in range(0, len(order), size):
            members = order[start : start + size]
            yield members, (SegmentBatch.pad([self.items[i] for i in members]),)


class EvaluationPairs(EvaluationItems):
    """Fixed pairs of clips and texts for evaluation.

    Each clip is paired twice: with words of its own emotion, and with neutral words or, if its
    voice is neutral, with words of another emotion.

    Args:
        clips: log-mel frames of each clip, (frames, n_mels).
        voices: the emotion of each clip.
        recognise: simulates a recogniser, see `RecognitionErrors`; None: words have no errors.

    Attributes:
        targets, text_targets, voice_targets: (pairs,) indices of labels.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        voices: Sequence[str],
        texts: Texts,
        encoding: PairEncoding,
        recognise: Callable[[list[str]], list[str]] | None = None,
        seed: int = 0,
    ):
        rng = np.random.default_rng(seed)
        items, targets = [], []
        for bands, voice in zip(clips, voices, strict=True):
            others = [label for label in texts.labels if label != NEUTRAL]
            other = NEUTRAL if voice != NEUTRAL else str(rng.choice(others))
            for text in (voice, other):
                words = texts.draw(text, rng)
                words = words if recognise is None else recognise(words)
                items.append(encoding.encode(bands, words, None))
                targets.append(encoding.targets(voice, text))
        joint, self.text_targets, self.voice_targets = np.array(targets).T
        super().__init__(items, joint)
