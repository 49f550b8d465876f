"""Training and evaluation, on a miniature of RAVDESS that is made of the demo recordings."""

import json
import shutil

import numpy as np
import pytest
import torch

from ser_stream.cli import main
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.checkpoint import load_model
from ser_stream.training import trainer
from ser_stream.training.augment import (
    Augmentation,
    add_noise,
    coloured_noise,
    low_pass,
    mask,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from ser_stream.training.calibrate import stream_logits
from ser_stream.training.dataset import TrainingSet
from ser_stream.training.feature_cache import load_features, read_samples, speech_span
from ser_stream.training.recipe import load_recipe
from ser_stream.training.run import train

RECIPE = """
name: small
architecture: causal_crnn
options: {channels: [4, 4, 8, 8], encoding: 16, hidden: 8}
labels: [neutral, happy, sad, angry]
corpora: [ravdess]
speakers: {test: {ravdess: [1]}, validation: {ravdess: [2]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 24
optimisation: {epochs: 3, batch_size: 8, schedule: one_cycle, average: 0.99}
speeds: [0.9, 1.0]
"""


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def run_folder(corpora, recipe_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(load_recipe(recipe_path), corpora, folder / "cache", folder / "out", seed=3)
    return folder


def test_a_run_leaves_a_model_that_loads_and_its_figures(run_folder):
    model, info = load_model(run_folder / "out" / "model")
    assert info.labels == model.labels == ("neutral", "happy", "sad", "angry")
    assert info.training_data.corpora == ("RAVDESS (CC BY-NC-SA 4.0)",)
    assert not info.training_data.commercial_use
    assert all(c.temperature > 0 for c in info.calibration.values())
    lines = (run_folder / "out" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    run = json.loads((run_folder / "out" / "run.json").read_text())
    assert run["seed"] == 3
    assert run["utterances"] == {"train": 8, "validation": 4, "test": 4}


def test_a_run_that_was_stopped_goes_on_to_the_same_model(
    run_folder, corpora, recipe_path, tmp_path, monkeypatch
):
    save = trainer.Trainer._save

    def save_and_stop(self):
        save(self)
        if self.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "_save", save_and_stop)
    recipe, cache = load_recipe(recipe_path), run_folder / "cache"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, corpora, cache, tmp_path, seed=3)
    monkeypatch.undo()
    train(recipe, corpora, cache, tmp_path, seed=3)
    stopped, _ = load_model(tmp_path / "model")
    straight, _ = load_model(run_folder / "out" / "model")
    for ours, theirs in zip(stopped.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_another_seed_gives_another_model(run_folder, corpora, recipe_path, tmp_path):
    train(load_recipe(recipe_path), corpora, run_folder / "cache", tmp_path, seed=4)
    ours, _ = load_model(tmp_path / "model")
    theirs, _ = load_model(run_folder / "out" / "model")
    assert not torch.equal(ours.output.weight, theirs.output.weight)


def test_evaluate_prints_the_figures_of_the_held_out_speakers(
    run_folder, corpora, recipe_path, capsys
):
    command = ["evaluate", str(run_folder / "out" / "model"), "--recipe", str(recipe_path)]
    assert main([*command, "--corpora", str(corpora), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    utterances = report["corpora"]["ravdess"]["utterance"]
    assert utterances["n"] == 4
    assert np.sum(utterances["confusion"]) + np.sum(utterances["unheard"]) == 4


def test_evaluating_seeds_gives_mean_and_deviation_and_saves_a_model_card(
    run_folder, corpora, recipe_path, tmp_path, capsys
):
    models = [str(shutil.copytree(run_folder / "out" / "model", tmp_path / n)) for n in "ab"]
    options = ["--recipe", str(recipe_path), "--corpora", str(corpora), "--save"]
    assert main(["evaluate", *models, *options]) == 0
    out = capsys.readouterr().out
    assert "2 models, test speakers" in out
    assert "+- 0.0" in out  # they are the same
    _, info = load_model(models[0])
    assert info.results["test"]["corpora"]["ravdess"]["speakers"] == ["ravdess-01"]
    card = (tmp_path / "a" / "README.md").read_text()
    for fact in ("non-commercial", "CC BY-NC-SA 4.0", "ravdess-01", "| happy |", "ser-stream eval"):
        assert fact in card


def test_a_recipe_with_other_labels_is_refused(tiny_model, corpora, recipe_path, capsys):
    command = ["evaluate", str(tiny_model), "--recipe", str(recipe_path)]
    assert main([*command, "--corpora", str(corpora)]) == 2
    assert "they must be the same" in capsys.readouterr().err


def test_a_window_in_training_is_the_window_of_the_stream(run_folder, corpora, recipe_path):
    """The offline window of a short recording is the last one that streaming sees."""
    model, _ = load_model(run_folder / "out" / "model")
    recipe = load_recipe(recipe_path)
    path = next((corpora / "ravdess").glob("*/*03-01-03*"))
    samples = read_samples(path)
    start, end = speech_span(samples)
    windows = list(stream_logits(model, 0.0, path))
    last = windows[-1][0]
    assert (last.features.turn.start, last.features.turn.end) == (start, end)
    config = recipe.features
    assert last.n_frames == config.frames_in(end - start)


def test_speech_that_is_not_found_is_not_cut():
    assert speech_span(np.zeros(8000, np.float32)) == (0, 8000)


def test_features_are_kept_and_read_back(corpora, recipe_path, tmp_path):
    from ser_stream.corpora import ravdess

    utterances = ravdess.read(corpora / "ravdess")[:3]
    first = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    again = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    assert len(first) == 3
    np.testing.assert_array_equal(first.utterance(1), again.utterance(1))
    assert len(first.utterance(1, tail=True)) >= len(first.utterance(1))


RNG = np.random.default_rng(0)
FRAMES = RNG.normal(-30, 10, (200, 64)).astype(np.float32)


def test_noise_is_added_at_the_ratio_that_was_asked_for():
    noise = coloured_noise(200, 64, np.random.default_rng(1))
    noisy = add_noise(FRAMES, noise, snr_db=6.0)
    power = lambda frames: np.mean(10 ** (frames.astype(np.float64) / 10))  # noqa: E731
    added = power(noisy) - power(FRAMES)
    assert 10 * np.log10(power(FRAMES) / added) == pytest.approx(6.0, abs=0.05)


def test_masks_cover_bands_and_frames_and_leave_the_original_alone():
    before = FRAMES.copy()
    fill = np.full(64, 99.0, np.float32)
    masked = mask(FRAMES, Augmentation(), fill, np.random.default_rng(3))
    np.testing.assert_array_equal(FRAMES, before)
    changed = masked != FRAMES
    assert changed.any()
    assert np.all(masked[changed] == 99.0)


def test_warping_moves_a_peak_to_its_stretched_place():
    frames = np.zeros((3, 64), np.float32)
    frames[:, 40] = 1.0
    assert warp_bands(frames, 0.8).argmax(axis=1).tolist() == [50] * 3
    assert warp_bands(frames, 1.25).argmax(axis=1).tolist() == [32] * 3
    np.testing.assert_allclose(warp_bands(FRAMES, 1.0), FRAMES, rtol=1e-6)


def test_a_tilt_is_smooth_and_leaves_the_level():
    for seed in range(20):
        response = tilt(64, 4.0, np.random.default_rng(seed))
        assert abs(response.mean()) < 0.2
        assert 0 < np.abs(response).max() <= 8.0
        assert np.abs(np.diff(response)).max() < 0.5


def test_a_low_pass_takes_the_highest_bands_only():
    frames = np.zeros((5, 64), np.float32)
    filtered = [low_pass(frames, np.random.default_rng(seed)) for seed in range(20)]
    assert all((each[:, :48] == 0).all() for each in filtered)
    assert min(each[0, -1] for each in filtered) <= -100
    assert frames.min() == 0


def test_a_prefix_is_a_beginning_and_no_shorter_than_asked():
    for seed in range(20):
        prefix = random_prefix(FRAMES, 80, np.random.default_rng(seed))
        assert 80 <= len(prefix) <= 200
        np.testing.assert_array_equal(prefix, FRAMES[: len(prefix)])
    assert len(random_prefix(FRAMES[:50], 80, RNG)) == 50


def test_repeating_gives_any_length_of_the_same_sound():
    assert len(repeat_to(FRAMES[:7], 100, RNG)) == 100


def test_batches_hold_every_label_as_often(corpora, recipe_path, tmp_path):
    recipe = load_recipe(recipe_path)
    from ser_stream.corpora import ravdess

    utterances = recipe.split(ravdess.read(corpora / "ravdess"))["train"]
    store = load_features(utterances, recipe.features, 1.0, tmp_path)
    training_set = TrainingSet(
        utterances, [store], recipe.labels, {"ravdess": 1.0}, recipe.augmentation, 24, 8, 500
    )
    batches = list(training_set.epoch(np.random.default_rng(0)))
    assert sum(len(lengths) for (_, lengths), _ in batches) == 24
    for (features, lengths), targets in batches:
        assert features.shape[:2] == (len(lengths), lengths.max())
        assert torch.all(features[lengths.argmin(), lengths.min() :] == 0)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(lengths)))
    drawn = training_set.targets[training_set.draw(24, np.random.default_rng(0))]
    assert np.bincount(drawn).tolist() == [6, 6, 6, 6]
