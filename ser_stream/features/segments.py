"""Segmentation of an utterance's sound by its words.

Lee, Yoon and Jung, "Multimodal speech emotion recognition using cross attention with aligned audio
and text", Interspeech 2020, sections 3.1.2, 4.2 and 4.3.2. Word i of the text and segment i of the
sound cover the same time. A word's segment reaches halfway into the silence beside it; the first
and the last one reach to the ends of the utterance. Equal segments are those of Table 3; a network
without words takes the whole. The paper's Table 1 ("I like apple"), in units of 10 ms::

    alignment         <s>                i     like        <sil>             </s>
                |--------------------|--------|-----|-------------------|-|------------|
                0                    52       76    89                  141 144       178
    aligned     [------------------------------)
                                             [-----------------)
                                                             [-------------------------)
    equal       [------------------------)   three of the same length
                                       [-------------------------)
                                                              [------------------------)
    whole       [----------------------------------------------------------------------)

Neighbours overlap by 10 %. The paper does not say of what: here of the mean of their two lengths, a
segment reaching 5 % of its neighbour's length into that neighbour. So a long word cannot swallow a
short one, and segments begin, and end, in the order of their words.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from ser_stream.errors import InputError
from ser_stream.features.limits import Bands, Length
from ser_stream.features.mfcc import MfccConfig, mfcc
from ser_stream.units import SAMPLE_RATE_HZ, Hertz
from ser_stream.words import Word

SEGMENTATIONS = ("aligned", "equal", "whole")


@dataclasses.dataclass(frozen=True)
class SegmentConfig(MfccConfig):
    """Settings of the segmentation and of the MFCC of each segment.

    Defaults are the paper's (section 4.2): 40 coefficients, 25 ms Hamming windows every 10 ms. It
    does not give the mel bands: 128 up to 8 kHz are librosa's default. The FFT is as long as the
    window, so that a segment's frames use all of its samples.

    Attributes:
        segmentation: "aligned" with the words; "equal" for as many segments of the same length; or
            "whole" for one segment.
        overlap: overlap of neighbouring segments, as a share of their mean length.

    Raises:
        ValueError: a setting that is not accepted.
    """

    n_mels: Bands = 128
    n_fft: Length = 400
    window: str = "hamming"
    fmin: Hertz = 0.0
    segmentation: str = "aligned"
    overlap: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.segmentation not in SEGMENTATIONS:
            accepted = ", ".join(SEGMENTATIONS)
            raise ValueError(
                f"features: segmentation {self.segmentation!r}; accepted are {accepted}"
            )
        if not 0 <= self.overlap <= 1:
            raise ValueError(f"features: overlap {self.overlap}; accepted are 0 to 1")


def aligned_segments(words: Sequence[Word], n_samples: int, overlap: float = 0.1) -> np.ndarray:
    """Return the spans (words, 2) of the words' segments, [start, end) in samples.

    Time of no word, whether of a special token or missing from the alignment, is divided equally
    between the words on both sides. Time before the first word and after the last belongs to that
    word. Where an alignment reaches beyond the sound, or its words overlap, segments still begin in
    the words' order.

    >>> words = [Word("i", 0.52, 0.76), Word("like", 0.76, 0.89), Word("apple", 1.41, 1.44)]
    >>> (aligned_segments(words, 28_480, overlap=0) / 160).tolist()
    [[0.0, 76.0], [76.0, 115.0], [115.0, 178.0]]

    Args:
        words: at least one word, in the order of their starts, without special tokens.
        n_samples: length of the utterance at 16 kHz.
        overlap: see `SegmentConfig`.

    Raises:
        InputError: there is no word, a special token is among them, a word ends before it starts,
            or words are not in order.
    """
    _check_words(words)
    starts, ends = np.array([(word.start_s, word.end_s) for word in words]).T * SAMPLE_RATE_HZ
    inner = np.rint((ends[:-1] + starts[1:]) / 2).astype(np.int64)
    # Where a word lies within another, boundaries may be out of order.
    inner = np.maximum.accumulate(np.clip(inner, 0, n_samples))
    return overlapping(np.concatenate([[0], inner, [n_samples]]), overlap)


def equal_segments(n_segments: int, n_samples: int, overlap: float = 0.1) -> np.ndarray:
    """Return spans (n_segments, 2), [start, end) in samples, of equal length up to rounding.

    >>> equal_segments(2, 1000).tolist()
    [[0, 525], [475, 1000]]
    """
    boundaries = np.rint(np.linspace(0, n_samples, n_segments + 1)).astype(np.int64)
    return overlapping(boundaries, overlap)


def overlapping(boundaries: np.ndarray, overlap: float) -> np.ndarray:
    """Return the spans (n, 2) between boundaries (n + 1,), extended into their neighbours."""
    reach = np.rint(overlap / 2 * np.diff(boundaries)).astype(np.int64)
    spans = np.stack([boundaries[:-1], boundaries[1:]], axis=1)
    spans[1:, 0] -= reach[:-1]
    spans[:-1, 1] += reach[1:]
    return spans


def _check_words(words: Sequence[Word]) -> None:
    if not words:
        raise InputError("words: found none; an aligned segmentation needs at least one")
    for word in words:
        if word.is_special:
            raise InputError(
                f"words: found the special token {word.text!r}; only words are accepted"
            )
        if not 0 <= word.start_s <= word.end_s:
            raise InputError(
                f"words: {word.text!r} is from {word.start_s} s to {word.end_s} s; "
                "0 <= start_s <= end_s must hold"
            )
    for before, after in itertools.pairwise(words):
        if after.start_s < before.start_s:
            raise InputError(
                f"words: {after.text!r} starts at {after.start_s} s, before {before.text!r} at "
                f"{before.start_s} s; they must be in the order of their starts"
            )


def segment(
    samples: np.ndarray, tokens: Sequence[Word], config: SegmentConfig
) -> tuple[list[str], list[np.ndarray]]:
    """Cut an utterance into its words and the MFCC of its segments.

    Args:
        samples: (n,) at 16 kHz, full scale +-1.
        tokens: words and special tokens of its alignment, in order.
        config: settings of the segments.

    Returns:
        The words as spelt in the alignment, and the MFCC of each segment, (frames, n_mfcc) float32.
        There are as many segments as words, unless segmentation is "whole". An utterance without
        words counts as one word of unknown spelling, "", with the utterance's length.

    Raises:
        InputError: see `aligned_segments`.
    """
    words = [token for token in tokens if not token.is_special]
    if not words:
        words = [Word("", 0.0, len(samples) / SAMPLE_RATE_HZ)]
    if config.segmentation == "aligned":
        spans = aligned_segments(words, len(samples), config.overlap)
    else:
        n_segments = len(words) if config.segmentation == "equal" else 1
        spans = equal_segments(n_segments, len(samples), config.overlap)
    return [word.text for word in words], [_frames(samples[a:b], config) for a, b in spans]


def _frames(samples: np.ndarray, config: SegmentConfig) -> np.ndarray:
    """Return the MFCC of a segment, padded with silence to one frame where it is shorter."""
    missing = config.n_fft - len(samples)
    return mfcc(np.pad(samples, (0, missing)) if missing > 0 else samples, config)
