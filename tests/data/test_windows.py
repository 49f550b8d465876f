"""Training windows and their batches."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ser_stream.corpora import ravdess
from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import Augmentation, add_noise
from ser_stream.data.conversations import ConversationBatches, conversation_batches
from ser_stream.data.feature_cache import FeatureStore, load_features
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.data.windows import EvaluationWindows, TrainingSet, log_mel_training_set, pad
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.registry import build_model
from ser_stream.recipes.load import load_recipe
from ser_stream.training.frozen_encoder import EncodedWindows
from training_data import FRAMES, RECIPE, small_settings, small_sources, small_windows

GOLDEN = Path(__file__).with_name("golden_batches.json")
STRONG = dict(
    simulated_channel=0.5, silence=0.4, noise=0.8, babble=0.3, no_speech=0.2, tilt_db=4.0,
    low_pass=0.4, mixup=0.2, shift=20, min_frames=40,
)  # fmt: skip
UNCHANGED = dict(
    prefix=0.0, shift=0, gain_db=(0, 0), warp=0.0, noise=0.0, mixup=0.0, time_masks=0, band_masks=0
)
CASES = {
    "default": ("windows", {}),
    "unchanged": ("windows", UNCHANGED),
    "strong": ("windows", STRONG),
    "speaker memory": ("windows", {**STRONG, "speaker_history": 0.7}),
    "conversations": ("conversations", {"speaker_history": 0.8}),
    "strong conversations": ("conversations", {**STRONG, "speaker_history": 0.8}),
    "encoded": ("encoded", {**UNCHANGED, "prefix": 0.5, "min_frames": 20, "speaker_history": 0.8}),
}


@pytest.fixture
def store():
    """Four utterances of 200 frames."""
    starts = np.arange(4) * 200
    return FeatureStore(np.tile(FRAMES, (4, 1)), starts, starts + 200, np.full(4, 200))


def golden_sources():
    """Forty utterances of five speakers and two corpora, at two speeds and in two channels."""
    rng = np.random.default_rng(1)
    utterances = [
        Utterance(
            Path(f"{i}.wav"), ("ravdess", "nemo")[i % 5 == 0], f"speaker {i % 5}", "f",
            ("neutral", "happy", "sad")[i % 3], "en",
        )
        for i in range(40)
    ]  # fmt: skip

    def store():
        lengths = rng.integers(60, 200, 40)
        ends = np.cumsum(lengths)
        frames = rng.normal(-35, 12, (ends[-1], 40)).astype(np.float16)
        return FeatureStore(frames, ends - lengths, ends, lengths - rng.integers(0, 30, 40))

    stores = [store(), store()]
    noises = [rng.normal(-50, 5, (70, 40)).astype(np.float32) for _ in range(3)]
    return TrainingSources(utterances, stores, [(0, store()), (1, store())], noises)


def golden_batches(kind, augmentation):
    """Return sums of the batches of an epoch, and a checksum of the random numbers drawn."""
    sources = golden_sources()
    settings = TrainingSetSettings(
        ("neutral", "happy", "sad"), {"ravdess": 0.7, "nemo": 0.3}, Augmentation(**augmentation),
        24, 8, 150,
    )  # fmt: skip
    if kind == "encoded":
        batches = ConversationBatches(sources, settings, EncodedWindows(sources, settings))
    else:
        make = log_mel_training_set if kind == "windows" else conversation_batches
        batches = make(sources, settings)
    rng = np.random.default_rng(5)
    found = [
        {
            "shape": list(inputs[0].shape),
            "lengths": int(inputs[1].sum()),
            "sums": [float(part.double().sum()) for part in (*inputs, targets)],
        }
        for inputs, targets in batches.epoch(rng)
    ]
    state = json.dumps(rng.bit_generator.state["state"]).encode()
    return {"random_numbers": hashlib.sha256(state).hexdigest(), "batches": found}


@pytest.mark.parametrize("name", CASES)
def test_batches_of_a_seed_equal_the_committed_ones(name):
    """Compared with batches of the first implementation, which were equal bit for bit."""
    golden = json.loads(GOLDEN.read_text())[name]
    found = golden_batches(*CASES[name])
    assert found["random_numbers"] == golden["random_numbers"]
    for batch, expected in zip(found["batches"], golden["batches"], strict=True):
        assert batch["shape"] == expected["shape"]
        assert batch["lengths"] == expected["lengths"]
        np.testing.assert_allclose(batch["sums"], expected["sums"], rtol=1e-6)


def test_a_batch_holds_every_label_equally_often(corpora, tmp_path):
    recipe_path = tmp_path / "small.yaml"
    recipe_path.write_text(RECIPE)
    recipe = load_recipe(recipe_path)
    utterances = recipe.split(ravdess.read(corpora / "ravdess"))["train"]
    store = load_features(utterances, recipe.features, 1.0, tmp_path)
    training_set = log_mel_training_set(
        TrainingSources(utterances, [store]),
        TrainingSetSettings(recipe.labels, {"ravdess": 1.0}, recipe.augmentation, 24, 8, 500),
    )
    batches = list(training_set.epoch(np.random.default_rng(0)))
    assert sum(len(lengths) for (_, lengths), _ in batches) == 24
    for (features, lengths), targets in batches:
        assert features.shape[:2] == (len(lengths), lengths.max())
        assert torch.all(features[lengths.argmin(), lengths.min() :] == 0)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(lengths)))
    drawn = training_set.labels[training_set.draw(24, np.random.default_rng(0))]
    assert np.bincount(drawn).tolist() == [6, 6, 6, 6]


def test_windows_shorter_than_a_step_end_in_silence_as_in_the_stream(store):
    """The loss of CNN-BLSTM-attention is not finite for a window shorter than a step."""
    short = np.array([200, 100, 127, 128])
    store = FeatureStore(store.frames, store.starts, store.starts + short, short)
    options = {"filters": (4, 4, 4, 4), "hidden": 4}
    model = build_model("cnn_blstm_attention", ("sad", "happy"), LogMelConfig(), options)
    sources = small_sources(store)
    settings = small_settings(min_frames=model.step_frames, prefix=0.0, shift=0)
    training_set = log_mel_training_set(sources, settings)
    windows = EvaluationWindows(store, training_set.labels, 500, model.step_frames)
    inputs = [inputs for _, inputs in windows.batches()]
    inputs += [inputs for inputs, _ in training_set.epoch(np.random.default_rng(0))]
    for features, lengths in inputs:
        assert lengths.min() == model.step_frames == 128
        assert torch.isfinite(model(features, lengths)).all()
    features, lengths = pad([FRAMES[:100]], 128)
    assert lengths.tolist() == [128]
    assert torch.all(features[0, 100:] == -100)


def test_a_window_without_speech_has_equal_probabilities_as_target(store):
    windows = small_windows(store, no_speech=1.0, gain_db=(0, 0))
    frames, target = windows.augmented(1, np.random.default_rng(0))
    assert target.tolist() == [0.5, 0.5]
    assert np.all(frames == -20.0)


@pytest.mark.parametrize("prefix", (0.0, 1.0))
def test_silence_precedes_a_turn_and_follows_it_where_the_window_holds_its_end(store, prefix):
    settings = dict(silence=1.0, silence_frames=9, prefix=prefix, gain_db=(-30, 12), tilt_db=6)
    windows = small_windows(store, noise=0.0, **settings)
    before, behind = set(), set()
    for seed in range(60):
        frames, _ = windows.augmented(1, np.random.default_rng(seed))
        spoken = np.flatnonzero(np.any(frames > -100, axis=1))
        before.add(int(spoken[0]))
        behind.add(len(frames) - 1 - int(spoken[-1]))
    assert before == set(range(10))
    assert behind == ({0} if prefix else set(range(10)))


def test_a_turn_with_silence_is_no_longer_than_a_window(store):
    windows = small_windows(store, max_frames=203, silence=1.0)
    lengths = {len(windows.augmented(0, np.random.default_rng(n))[0]) for n in range(40)}
    assert max(lengths) <= 203


def test_added_babble_never_lowers_a_band(store):
    babble = small_windows(store, babble=1.0).noise.draw(300, np.random.default_rng(0))
    assert babble.shape == (300, 64)
    noisy = add_noise(FRAMES, babble[:200], 10.0)
    assert np.all(noisy >= FRAMES - 0.01)


def test_targets_of_teachers_replace_those_of_the_labels(store):
    targets = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32)
    sources, settings = small_sources(store), small_settings(mixup=0.0)
    training_set = log_mel_training_set(sources, settings, targets)
    assert isinstance(training_set, TrainingSet)
    found = [row for _, batch in training_set.epoch(np.random.default_rng(0)) for row in batch]
    assert {tuple(row.tolist()) for row in found} == {tuple(row.tolist()) for row in targets}
