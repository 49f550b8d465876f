import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.errors import InputError
from ser_stream.features.mfcc import mfcc
from ser_stream.features.segments import (
    SegmentConfig,
    aligned_segments,
    equal_segments,
    segment,
)
from ser_stream.words import Word

TABLE_1 = [
    (0, 51, "<s>"), (52, 75, "i"), (76, 88, "like"), (89, 140, "<sil>"), (141, 143, "apple"),
    (144, 177, "</s>"),
]  # fmt: skip
"""The paper's: first and last unit of 10 ms, and the token."""

TOKENS = [Word(token, first / 100, (last + 1) / 100) for first, last, token in TABLE_1]
WORDS = [token for token in TOKENS if not token.is_special]
UNIT = 160
"""Samples in 10 ms."""


def in_units(spans):
    return [tuple(span) for span in (spans / UNIT).tolist()]


def test_papers_example_without_overlap():
    """The word i takes all of <s>; like and apple half of <sil> (52 / 2 = 26) each; apple </s>."""
    spans = aligned_segments(WORDS, 178 * UNIT, overlap=0)
    assert in_units(spans) == [(0, 76), (76, 89 + 26), (141 - 26, 178)]


def test_neighbours_overlap_by_a_tenth_of_their_mean_length():
    """Lengths 76, 39 and 63: each reaches 5 % of the neighbour's into it."""
    spans = aligned_segments(WORDS, 178 * UNIT)
    assert in_units(spans) == [
        (0, 76 + 0.05 * 39), (76 - 0.05 * 76, 115 + 0.05 * 63), (115 - 0.05 * 39, 178),
    ]  # fmt: skip


def test_equal_segments_overlap_by_a_tenth_of_their_length():
    assert equal_segments(4, 4000).tolist() == [[0, 1050], [950, 2050], [1950, 3050], [2950, 4000]]
    assert equal_segments(3, 10, overlap=0).tolist() == [[0, 3], [3, 7], [7, 10]]
    assert equal_segments(1, 10).tolist() == [[0, 10]]


def test_unaligned_time_is_divided_like_silence():
    """Recognisers give words and no <sil>."""
    words = [Word("a", 0.1, 0.2), Word("b", 0.4, 0.5)]
    assert in_units(aligned_segments(words, 60 * UNIT, overlap=0)) == [(0, 30), (30, 60)]


def test_a_run_of_special_tokens_is_divided_as_one():
    tokens = [
        Word("a", 0.0, 0.1), Word("<sil>", 0.1, 0.12), Word("++LAUGHTER++", 0.12, 0.4),
        Word("[NOISE]", 0.4, 0.5), Word("b", 0.5, 0.6),
    ]  # fmt: skip
    assert [token.is_special for token in tokens] == [False, True, True, True, False]
    n_frames = SegmentConfig().frames_in(30 * UNIT)
    words, frames = segment(np.zeros(60 * UNIT, np.float32), tokens, SegmentConfig(overlap=0.0))
    assert words == ["a", "b"] and [len(f) for f in frames] == [n_frames, n_frames]


def test_an_alignment_longer_than_the_sound_is_cut_off():
    words = [Word("a", 0.0, 0.2), Word("b", 0.2, 0.4), Word("c", 0.4, 0.6)]
    assert in_units(aligned_segments(words, 30 * UNIT, overlap=0)) == [(0, 20), (20, 30), (30, 30)]


def test_a_word_within_another_keeps_its_place():
    words = [Word("a", 0.0, 1.0), Word("b", 0.2, 0.3), Word("c", 0.35, 0.5)]
    spans = in_units(aligned_segments(words, 100 * UNIT, overlap=0))
    assert spans == [(0, 60), (60, 60), (60, 100)]


@st.composite
def alignments(draw):
    """Words, any of them without length or overlapping its neighbours, and samples of the sound."""
    times = draw(st.lists(st.floats(0, 5), min_size=2, max_size=30))
    starts, lengths = sorted(times[::2]), times[1::2]
    words = [Word(f"w{i}", s, s + x) for i, (s, x) in enumerate(zip(starts, lengths, strict=False))]
    return words, draw(st.integers(1, 6 * 16_000))


@given(alignments(), st.floats(0, 1))
def test_aligned_segments_cover_all_in_the_order_of_the_words(alignment, overlap):
    words, n_samples = alignment
    check_segments(aligned_segments(words, n_samples, overlap), len(words), n_samples, overlap)


@given(st.integers(1, 50), st.integers(1, 100_000), st.floats(0, 1))
def test_equal_segments_cover_all_in_order_and_are_equal(n_segments, n_samples, overlap):
    check_segments(equal_segments(n_segments, n_samples, overlap), n_segments, n_samples, overlap)
    lengths = np.diff(equal_segments(n_segments, n_samples, overlap=0))
    assert np.ptp(lengths) <= 1


def check_segments(spans, n_segments, n_samples, overlap):
    starts, ends = spans.T
    assert len(spans) == n_segments and starts[0] == 0 and ends[-1] == n_samples
    assert (starts <= ends).all()
    assert (np.diff(starts) >= 0).all() and (np.diff(ends) >= 0).all()
    shared = ends[:-1] - starts[1:]
    assert (shared >= 0).all()  # nothing between neighbours is left out
    # Reaching a share r of a neighbour's length into it on each side, neighbours share r times the
    # sum of their lengths; without the reach these lengths add up to the whole.
    assert shared.sum() <= overlap * n_samples + n_segments
    # Only neighbours share samples: up to overlap 1 each reaches half into the next at most.
    assert (starts[2:] - ends[:-2] >= -1).all()


@given(alignments())
def test_without_overlap_each_sample_is_in_one_segment(alignment):
    words, n_samples = alignment
    spans = aligned_segments(words, n_samples, overlap=0)
    assert (spans[1:, 0] == spans[:-1, 1]).all() and np.diff(spans).sum() == n_samples


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "found none"),
        ([TOKENS[0]], "special token '<s>'"),
        ([Word("a", 0.2, 0.1)], "'a' is from 0.2 s to 0.1 s"),
        ([Word("a", -0.1, 0.1)], "'a' is from -0.1 s"),
        ([Word("a", 0.0, float("nan"))], "'a' is from 0.0 s to nan s"),
        ([Word("a", 0.5, 0.6), Word("b", 0.1, 0.2)], "'b' starts at 0.1 s, before 'a' at 0.5 s"),
    ],
)
def test_a_wrong_alignment_is_named(words, message):
    with pytest.raises(InputError, match=message):
        aligned_segments(words, 16_000)


def test_features_are_those_of_each_segments_own_samples(speech):
    samples = speech[: 178 * UNIT]
    config = SegmentConfig()
    words, frames = segment(samples, TOKENS, config)
    assert words == ["i", "like", "apple"]
    for ours, (start, end) in zip(frames, aligned_segments(WORDS, len(samples)), strict=True):
        np.testing.assert_array_equal(ours, mfcc(samples[start:end], config))
    # 25 ms windows every 10 ms; "like" lasts 72.2 to 118.15 units.
    assert frames[1].shape == (int((118.15 - 72.2 - 2.5) // 1 + 1), 40)


def test_equal_and_whole_segmentation(speech):
    equal = segment(speech, TOKENS, SegmentConfig(segmentation="equal"))
    whole = segment(speech, TOKENS, SegmentConfig(segmentation="whole"))
    assert equal[0] == whole[0] == ["i", "like", "apple"]
    assert len(equal[1]) == 3 and np.ptp([len(frames) for frames in equal[1]][::2]) <= 1
    assert len(whole[1]) == 1
    np.testing.assert_array_equal(whole[1][0], mfcc(speech, SegmentConfig()))


def test_a_segment_shorter_than_a_frame_is_filled_up_to_one():
    samples = np.random.default_rng(0).normal(size=1600).astype(np.float32)
    words = [Word("a", 0.0, 0.09), Word("b", 0.09, 0.09), Word("c", 0.0901, 0.1)]
    _, frames = segment(samples, words, SegmentConfig(overlap=0.0))
    assert [len(f) for f in frames] == [7, 1, 1]
    padded = np.concatenate([samples[1441:], np.zeros(400 - 159, np.float32)])
    np.testing.assert_array_equal(frames[2], mfcc(padded, SegmentConfig()))


def test_an_utterance_without_words_is_one_unknown_word():
    samples = np.zeros(16_000, np.float32)
    words, frames = segment(samples, [Word("<sil>", 0.0, 1.0)], SegmentConfig())
    assert words == [""] and len(frames) == 1
    np.testing.assert_array_equal(frames[0], mfcc(samples, SegmentConfig()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segmentation": "even"}, "'even'; accepted are aligned, equal, whole"),
        ({"overlap": -0.1}, "overlap -0.1; accepted are 0 to 1"),
        ({"n_mfcc": 200}, "n_mfcc 200 of 128"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SegmentConfig(**settings)
