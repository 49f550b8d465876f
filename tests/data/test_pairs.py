"""Pairs of voices and texts."""

import itertools
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pair_data import ENCODING, LABELS, TEXTS, VOCABULARY
from ser_stream.data.pairs import (
    FRAMES_PER_WORD,
    EvaluationPairs,
    draw_text_label,
    joint_label,
    word_spans,
)


@given(st.integers(20, 600), st.lists(st.text("abc", min_size=1), min_size=1, max_size=12))
@settings(deadline=None, max_examples=50)
def test_the_spans_of_words_cover_the_sound_in_order(n_frames, words):
    spans = word_spans(n_frames, words, 0.0, np.random.default_rng(0))
    assert spans[0, 0] == 0 and spans[-1, 1] == n_frames
    np.testing.assert_array_equal(spans[1:, 0], spans[:-1, 1])


def test_longer_words_have_longer_spans():
    spans = word_spans(100, ["a", "wonderful"], 0.0, None)
    np.testing.assert_array_equal(spans, [[0, 21], [21, 100]])  # 3 and 11 of 14


def test_a_text_is_cut_to_the_words_that_the_clip_has_time_for():
    bands = np.zeros((35, 128), np.float32)
    words = [f"w{i}" for i in range(9)]
    segments, numbers = ENCODING.encode(bands, words, None)
    assert len(segments) == len(numbers) == 35 // FRAMES_PER_WORD
    assert all(len(frames) for frames in segments)
    assert segments[0].shape[1] == 40


def test_a_pair_has_the_emotion_that_is_not_neutral():
    for voice, text in itertools.product(LABELS, LABELS):
        expected = {voice, text} - {"neutral"} or {"neutral"}
        assert joint_label(voice, text) == (expected.pop() if len(expected) == 1 else None)


def test_every_drawn_text_gives_a_pair_of_known_emotion():
    rng = np.random.default_rng(0)
    for voice in LABELS:
        drawn = Counter(draw_text_label(voice, LABELS, rng) for _ in range(400))
        assert all(joint_label(voice, text) for text in drawn)
        assert 160 < drawn[voice] < 240


def test_each_clip_is_paired_with_its_own_emotion_and_with_another():
    clips = [np.zeros((80, 128), np.float32)] * 3
    pairs = EvaluationPairs(clips, ["happy", "neutral", "sad"], TEXTS, ENCODING)
    names = lambda targets: [LABELS[t] for t in targets]  # noqa: E731
    assert names(pairs.voice_targets) == ["happy"] * 2 + ["neutral"] * 2 + ["sad"] * 2
    assert names(pairs.text_targets)[:3] == ["happy", "neutral", "neutral"]
    assert names(pairs.targets)[:3] == ["happy", "happy", "neutral"]
    assert names(pairs.targets)[3] == names(pairs.text_targets)[3] != "neutral"
    assert sorted(i for members, _ in pairs.batches(2) for i in members) == list(range(6))


def test_recognition_errors_leave_the_targets_of_pairs_unchanged():
    clips = [np.zeros((80, 128), np.float32)] * 2
    pairs, misheard = (
        EvaluationPairs(clips, ["happy", "sad"], TEXTS, ENCODING, recognise)
        for recognise in (None, lambda words: ["bad"])
    )
    np.testing.assert_array_equal(pairs.targets, misheard.targets)
    bad = VOCABULARY.encode(["bad"])[0][0]
    assert all(item[1][0] == bad for item in misheard.items)
    assert not all(item[1][0] == bad for item in pairs.items)
