"""Recordings cut into the segments of their words, for networks of sound and words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import cache_path, read_or_write
from ser_stream.data.reading import read_utterances, recording_stamps
from ser_stream.distributed import share_of_process
from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig, segment
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.files import replacing
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.words import Word


class WordsWithoutTimesError(InputError):
    """Aligned segments were asked for, and a recording's words have no times."""


@dataclasses.dataclass(frozen=True)
class WordClip:
    """The words of a recording, and the MFCC of its segments, (frames, n_mfcc) each."""

    words: list[str]
    segments: list[np.ndarray]


def load_word_clips(
    utterances: Sequence[Utterance], config: SegmentConfig, folder: Path
) -> list[WordClip]:
    """Return the segments of recordings, from the cache `folder` if they are in it.

    Raises:
        WordsWithoutTimesError: segments are aligned, and a recording's words have no times.
        InputError: a recording has no text.
    """
    for utterance in utterances:
        _check_words(utterance, config)
    words = [(u.text, _times(u)) for u in utterances]
    key = ["words", recording_stamps(utterances), words, dataclasses.asdict(config)]
    path = cache_path(folder, key, ".npz")

    def write() -> None:
        clips = [
            WordClip(*segment(samples, tokens(utterance), config))
            for utterance, samples in read_utterances(utterances, "segments of recordings")
        ]
        frames = np.concatenate([s for clip in clips for s in clip.segments])
        with replacing(path, private=True) as file:
            np.savez(
                file,
                frames=frames.astype(np.float16),
                segment_frames=[len(s) for clip in clips for s in clip.segments],
                clip_segments=[len(clip.segments) for clip in clips],
                words=[word for clip in clips for word in clip.words],
                clip_words=[len(clip.words) for clip in clips],
            )

    return read_or_write(path, lambda: _read(path), write)


def _read(path: Path) -> list[WordClip]:
    with np.load(path) as arrays:
        frames = arrays["frames"].astype(np.float32)
        segments = np.split(frames, np.cumsum(arrays["segment_frames"])[:-1])
        clip_ends, word_ends = np.cumsum(arrays["clip_segments"]), np.cumsum(arrays["clip_words"])
        words = arrays["words"].tolist()
    clips, start, first_word = [], 0, 0
    for end, last_word in zip(clip_ends, word_ends, strict=True):
        clips.append(WordClip(words[first_word:last_word], segments[start:end]))
        start, first_word = end, last_word
    return clips


def tokens(utterance: Utterance) -> tuple[Word, ...]:
    """Return an utterance's aligned words, or the words of its text without times."""
    return utterance.words or tuple(Word(word, 0.0, 0.0) for word in utterance.text.split())


def _times(utterance: Utterance) -> list[tuple[float, float]]:
    return [(word.start_s, word.end_s) for word in utterance.words]


def _check_words(utterance: Utterance, config: SegmentConfig) -> None:
    if config.segmentation == "aligned" and utterance.text and not utterance.words:
        raise WordsWithoutTimesError(
            f"{utterance.key}: its words have no times; accepted are corpora with alignments, "
            "alignment: pocketsphinx, and features: segmentation: equal; exclude leaves single "
            "utterances out"
        )
    if not utterance.text and not utterance.words:
        raise InputError(f"{utterance.key}: has no text; a network of sound and words needs one")


class WordClips:
    """Recordings of one part with their words, as batches for training and for evaluation.

    Args:
        clips: words and segments of the recordings.
        vocabulary: the vocabulary of the training part.
        targets: (recordings,) indices of labels.

    Attributes:
        steps: number of batches in an epoch.
    """

    def __init__(
        self,
        clips: Sequence[WordClip],
        vocabulary: Vocabulary,
        targets: np.ndarray,
        batch_size: int,
    ):
        self.words = [clip.words for clip in clips]
        self.items: list[tuple] = [
            (clip.segments, *vocabulary.encode(clip.words)) for clip in clips
        ]
        self.targets = targets
        self.steps = -(-len(targets) // batch_size)
        self._n_frames = np.array([sum(map(len, clip.segments)) for clip in clips])

    def statistics(self, _standardise: str) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation (n_mfcc,) of each coefficient."""
        frames = np.concatenate([s for item in self.items for s in item[0]])
        frames = frames.astype(np.float64)
        mean, std = frames.mean(axis=0), frames.std(axis=0)
        return torch.from_numpy(mean), torch.from_numpy(np.maximum(std, 1e-6))

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[SegmentBatch], Tensor]]:
        """Yield batches in random order, and targets (batch,)."""
        order = rng.permutation(len(self.targets))
        for members in np.array_split(order, self.steps):
            members = share_of_process(members)
            yield self._inputs(members), torch.from_numpy(self.targets[members])

    def batches(self) -> Iterator[tuple[np.ndarray, tuple[SegmentBatch]]]:
        """Yield indices (batch,), and recordings of similar length."""
        for members in np.array_split(np.argsort(self._n_frames, kind="stable"), self.steps):
            yield members, self._inputs(members)

    def _inputs(self, members: np.ndarray) -> tuple[SegmentBatch]:
        return (SegmentBatch.pad([self.items[i] for i in members]),)
