"""Whole recordings as batches: segments of long ones, and standardisation."""

import numpy as np
import pytest
import torch
from torch import nn

from experiments import experiment
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.recordings import (
    ClipBatchSettings,
    Clips,
    ClipSettings,
    add_white_noise,
    load_clips,
)
from ser_stream.training.prediction import predict

LENGTHS = np.array([30, 50, 120, 51])


@pytest.fixture
def clips():
    """Recordings of one band that counts frames, from 0, 1000, 2000 and 3000 on; 50 at once."""
    frames = np.concatenate([np.arange(n) + 1000 * i for i, n in enumerate(LENGTHS)])
    ends = np.cumsum(LENGTHS)
    store = FeatureStore(frames[:, None].astype(np.float32), ends - LENGTHS, ends, LENGTHS)
    settings = ClipBatchSettings(batch_size=2, max_frames=50, same_length=False)
    return Clips(store, np.arange(4), np.arange(4) % 2, settings)


def segments(batches):
    """(recording, its frames), without padding."""
    for members, (features, lengths) in batches:
        for index, frames, n in zip(members, features, lengths, strict=True):
            yield index, frames[:n, 0].numpy() - 1000 * index


def test_evaluation_cuts_a_recording_into_as_few_segments_as_cover_it(clips):
    evaluated = list(segments(clips.batches()))
    assert [len(frames) for _, frames in evaluated] == [30, 50, 50, 50, 50, 50, 50]
    starts = {index: [f[0] for i, f in evaluated if i == index] for index in range(4)}
    assert starts == {0: [0], 1: [0], 2: [0, 35, 70], 3: [0, 1]}


def test_an_epoch_takes_one_random_segment_of_each_recording(clips):
    starts = set()
    for seed in range(40):
        batches = clips.epoch(np.random.default_rng(seed))
        # What an epoch gives beside features are targets; frames tell the recording.
        firsts = [row for (features, _), _ in batches for row in features[:, 0, 0].tolist()]
        assert sorted(int(first // 1000) for first in firsts) == [0, 1, 2, 3]
        starts |= {first - 2000 for first in firsts if 2000 <= first < 3000}
        assert {first for first in firsts if first < 2000} == {0, 1000}
    assert min(starts) >= 0 and max(starts) <= 70 and len(starts) > 20


def test_the_prediction_of_several_segments_is_their_mean(clips):
    class FirstFrame(nn.Module):
        """Logits: the number of a segment's first frame, and its negative."""

        labels = ("a", "b")

        def __init__(self):
            super().__init__()
            self.one = nn.Parameter(torch.ones(()))

        def forward(self, features, _lengths):
            return torch.stack([features[:, 0, 0], -features[:, 0, 0]], dim=1) * self.one

    logits = predict(FirstFrame().eval(), clips)
    torch.testing.assert_close(logits[:, 0], torch.tensor([0.0, 1000.0, 2035.0, 3000.5]))
    torch.testing.assert_close(logits[:, 1], -logits[:, 0])


def test_statistics_cover_all_frames(clips):
    mean, std = clips.statistics("band")
    frames = clips.store.frames.astype(np.float64)
    assert mean.item() == pytest.approx(frames.mean())
    assert std.item() == pytest.approx(frames.std())


@pytest.mark.parametrize("in_decibels", [True, False])
def test_cells_that_hardly_vary_have_a_minimum_deviation(in_decibels):
    """Three cells of two values, one a thousand times smaller; the first cell is padding."""
    rng = np.random.default_rng(0)
    clips = rng.normal(0, 10, (50, 3, 2)) * [1.0, 1e-3]
    clips[:, 0] *= 1e-6
    ends = 3 * np.arange(1, 51)
    store = FeatureStore(clips.reshape(-1, 2), ends - 3, ends, np.full(50, 3))
    settings = ClipBatchSettings(2, 3, True, in_decibels)
    part = Clips(store, np.arange(50), np.zeros(50, int), settings)
    _, std = part.statistics("cell")
    of_all = clips.std(axis=(0, 1))
    least = np.array([1.0, 1.0]) if in_decibels else 0.1 * of_all
    np.testing.assert_allclose(std[0], least, rtol=1e-6)
    np.testing.assert_allclose(std, np.maximum(clips.std(axis=0), least), rtol=1e-6)
    if not in_decibels:  # the small one counts as much as the other
        assert 5 < float(std[1, 0] / std[1, 1]) / 1e3 * 10 < 20


def test_white_noise_has_the_requested_ratio_and_depends_on_the_key():
    speech = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    noise = add_white_noise(speech, 20.0, "a") - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(20, abs=0.1)
    np.testing.assert_array_equal(noise, add_white_noise(speech, 20.0, "a") - speech)
    assert not np.array_equal(noise, add_white_noise(speech, 20.0, "b") - speech)


def test_clips_are_cut_and_padded_to_the_requested_frames(corpora, tmp_path):
    utterances = read_corpora(corpora, ["ravdess"])[:2]
    config = experiment().features
    store = load_clips(utterances, config, ClipSettings(frames=600), False, tmp_path)
    assert store.speech_frames.tolist() == [600, 600]
    assert (store.utterance(0)[-10:] == -100).all()  # silence
