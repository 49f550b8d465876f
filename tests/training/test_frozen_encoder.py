"""Training behind a frozen encoder."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.acoustics import BackgroundSounds
from ser_stream.data.augmentation import Augmentation, SimulatedNoise
from ser_stream.data.conversations import ConversationBatches
from ser_stream.data.feature_cache import FeatureStore, load_features
from ser_stream.data.noisy_channels import NoisyChannels
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.features.log_mel import HE
from ser_stream.models.checkpoint import load_model
from ser_stream.models.registry import build_model
from ser_stream.models.statistics_model import StatisticsModel
from ser_stream.models.whisper_states import FEATURES
from ser_stream.recipes.load import load_recipe
from ser_stream.training.frozen_encoder import (
    EncodedConversations,
    EncodedHead,
    EncodedWindows,
    encodes_once,
    load_encoded,
)
from ser_stream.training.speech import train

RECIPE = """
kind: speech
name: small
architecture: voice_lstm
options: {hidden: 8}
features: {n_mels: 40, n_fft: 400, fmin: 0.0, fmax: 8000.0}
labels: [neutral, happy, sad, angry]
corpora: [ravdess]
speakers: {test: {ravdess: [1]}, validation: {ravdess: [2]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 24
optimisation: {epochs: 2, batch_size: 8, pretrained_rate: 0.0}
speeds: [0.9, 1.0]
augmentation:
  {speaker_history: 0.9, shift: 0, gain_db: [0, 0], warp: 0, noise: 0, mixup: 0, time_masks: 0,
   band_masks: 0}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return load_recipe(path)


@pytest.fixture
def model():
    network = build_model("voice_lstm", ("neutral", "sad"), HE, {"hidden": 8}).eval()
    network.load_pretrained()
    return network


def test_cached_steps_are_those_of_the_encoder_and_computed_once(
    model, corpora, tmp_path, monkeypatch
):
    monkeypatch.setattr("ser_stream.training.frozen_encoder.has_bfloat16", lambda device: False)
    utterances = read_corpora(corpora, ["ravdess"])[:5]
    store = load_encoded(model, utterances[1:4], 0.9, tmp_path, among=utterances)
    features = load_features(utterances, HE, 0.9, tmp_path)
    for index in range(3):
        frames = torch.from_numpy(features.utterance(index + 1, tail=True))
        with torch.inference_mode():
            expected = model.encode(frames[None])[0].numpy()
        np.testing.assert_allclose(store.utterance(index, tail=True), expected, atol=2e-3)
        assert store.speech_frames[index] == features.speech_frames[index + 1] // 10
    monkeypatch.delattr(StatisticsModel, "encode")
    again = load_encoded(model, utterances[1:4], 0.9, tmp_path, among=utterances)
    np.testing.assert_array_equal(again.frames, store.frames)


def test_other_encoder_weights_give_other_cached_steps(model, corpora, tmp_path):
    utterances = read_corpora(corpora, ["ravdess"])[:2]
    before = load_encoded(model, utterances, 1.0, tmp_path, among=utterances)
    with torch.no_grad():
        model.encoder.layers[0].weight_ih_l0 *= 2
    after = load_encoded(model, utterances, 1.0, tmp_path, among=utterances)
    assert not np.array_equal(before.frames, after.frames)


def test_a_run_trains_the_head_and_leaves_the_encoder_unchanged(
    recipe, corpora, tmp_path, monkeypatch
):
    train(recipe, corpora, tmp_path / "cache", tmp_path / "first", seed=0)
    monkeypatch.delattr(StatisticsModel, "encode")  # live, its parts are called
    train(recipe, corpora, tmp_path / "cache", tmp_path / "second", seed=0)
    first, second = (load_model(tmp_path / name / "model")[0] for name in ("first", "second"))
    fresh = build_model("voice_lstm", recipe.labels, HE, recipe.options)
    fresh.load_pretrained()
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], tensor, rtol=0, atol=0)
        if name.startswith("encoder."):
            torch.testing.assert_close(tensor, fresh.state_dict()[name], rtol=0, atol=1e-3)
    assert first.has_speaker_memory
    assert torch.all(first.statistics_std != 1)


def test_the_head_on_steps_gives_the_logits_of_the_network_on_frames(model):
    frames = torch.randn(3, 120, 40) * 10 - 30
    lengths, past = torch.tensor([120, 90, 100]), torch.zeros(3, 3)
    past[0, 1:] = 0.3
    with torch.inference_mode():
        expected = model(frames, lengths, past)
        steps = model.encode(frames)
        head = EncodedHead(model)
        found = head(steps, model.step_lengths(lengths), past)
        assert not any("encoder" in name for name in head.state_dict())
        again = head.whole()(frames, lengths, past)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(again, expected)


def test_each_recording_ends_in_silence_whatever_its_batch(corpora):
    """Whisper's encoder computes blocks, and the end of a recording cuts its last one."""
    model = build_model("whisper_states", ("neutral", "sad"), FEATURES).eval()
    utterances = read_corpora(corpora, ["ravdess"])
    lengths = load_features(utterances, FEATURES, 1.0, None)
    shortest, longest = (
        utterances[choose(lengths.ends - lengths.starts)] for choose in (np.argmin, np.argmax)
    )
    both = load_encoded(model, [shortest, longest], 1.0, None, [shortest, longest])
    alone = load_encoded(model, [shortest], 1.0, None, [shortest])
    assert len(both.utterance(1, tail=True)) >= len(both.utterance(0, tail=True)) + 5
    expected = alone.utterance(0, tail=True)
    np.testing.assert_allclose(both.utterance(0, tail=True), expected, rtol=0.01, atol=0.02)


def test_the_mean_of_a_windows_steps_has_its_statistics(corpora, recipe, model, tmp_path):
    utterances = read_corpora(corpora, ["ravdess"])
    store = load_encoded(model, utterances, 1.0, tmp_path, utterances)
    labels = tuple({u.label for u in utterances})
    settings = TrainingSetSettings(labels, {"ravdess": 1.0}, recipe.augmentation, 24, 8, 50)
    sources = TrainingSources(utterances, [store])
    arguments = (sources, settings, EncodedWindows(sources, settings))
    for whole, mean in zip(
        ConversationBatches(*arguments).epoch(np.random.default_rng(0)),
        EncodedConversations(*arguments).epoch(np.random.default_rng(0)),
        strict=True,
    ):
        (steps, lengths, past), targets = whole
        (means, ones, past_of_means), targets_of_means = mean
        torch.testing.assert_close(
            model.statistics(means, ones), model.statistics(steps, lengths), rtol=1e-3, atol=1e-3
        )
        torch.testing.assert_close(past_of_means, past, rtol=0, atol=0)
        torch.testing.assert_close(targets_of_means, targets, rtol=0, atol=0)


def test_windows_of_encoded_steps_have_the_lengths_asked_for(corpora, recipe, model, tmp_path):
    utterances = read_corpora(corpora, ["ravdess"])
    stores = [load_encoded(model, utterances, speed, tmp_path, utterances) for speed in (0.9, 1.0)]
    settings = dataclasses.replace(recipe.augmentation, prefix=1.0, min_frames=3)
    labels = tuple({u.label for u in utterances})
    sources = TrainingSources(utterances, stores)
    settings = TrainingSetSettings(labels, {"ravdess": 1.0}, settings, 24, 8, 5, frame_s=0.1)
    batches = ConversationBatches(sources, settings, EncodedWindows(sources, settings))
    for (steps, lengths, past), targets in batches.epoch(np.random.default_rng(0)):
        assert steps.shape[2] == 1536 and steps.shape[1] <= 5
        assert lengths.min() >= 3 and lengths.max() <= 5
        assert past.shape == (len(lengths), len(lengths))
        assert targets.shape == (len(lengths), len(labels))


@pytest.mark.parametrize(
    "change",
    [
        {"shift": 5}, {"gain_db": (0, 3)}, {"warp": 0.1}, {"silence": 0.1},
        {"noise": 0.1}, {"no_speech": 0.1}, {"tilt_db": 1.0}, {"low_pass": 0.1}, {"mixup": 0.1},
        {"time_masks": 1}, {"band_masks": 1},
    ],
)  # fmt: skip
def test_sound_changing_augmentation_is_encoded_again_in_each_epoch(recipe, change):
    assert encodes_once(recipe)
    changed = dataclasses.replace(recipe.augmentation, **change)
    assert not encodes_once(dataclasses.replace(recipe, augmentation=changed))


def test_a_trained_encoder_is_run_in_each_epoch(recipe):
    optimisation = dataclasses.replace(recipe.optimisation, pretrained_rate=0.1)
    assert not encodes_once(dataclasses.replace(recipe, optimisation=optimisation))


def test_default_augmentation_changes_sound():
    assert not Augmentation().keeps_sound


def test_noisy_channels_are_versions_of_a_recording_which_are_encoded_once(
    model, corpora, tmp_path
):
    """The channel is that of the speaker: another utterance of theirs has the same."""
    utterances = read_corpora(corpora, ["ravdess"])[:3]
    noises = BackgroundSounds([utterances[0].path])
    channels = NoisyChannels(SimulatedNoise(share=1.0, motors=0.0), None, noises)
    arguments = (model, utterances, 1.0, tmp_path, utterances)
    versions = [load_encoded(*arguments)] + [
        load_encoded(*arguments, simulation=number, noisy=channels) for number in range(2)
    ]
    lengths = [store.ends.tolist() for store in versions]
    assert lengths[0] == lengths[1] == lengths[2]
    for one, other in [(0, 1), (1, 2), (0, 2)]:
        assert not np.allclose(versions[one].frames, versions[other].frames, atol=0.1)
    again = load_encoded(*arguments, simulation=1, noisy=channels)
    np.testing.assert_array_equal(again.frames, versions[2].frames)


def test_windows_are_drawn_from_noisy_versions_as_often_as_the_recipe_says(model):
    utterances = [Utterance(Path("a"), "ravdess", "ravdess-01", "m", "neutral", "en")]
    plain, noisy = (
        FeatureStore(np.full((30, 4), value, np.float16), *np.array([[0], [30], [30]]))
        for value in (0, 1)
    )
    sources = TrainingSources(utterances, [plain], [(0, noisy)])
    settings = TrainingSetSettings(
        ("neutral",), {"ravdess": 1.0}, Augmentation(simulated_channel=0.3), 1, 1, 50
    )
    windows = EncodedWindows(sources, settings)
    rng = np.random.default_rng(0)
    drawn = [windows.augmented(0, rng)[0][0, 0] for _ in range(2_000)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.04)
