"""Valence and arousal from a layer of their own."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import fit_affect
from fit_affect import _pairs, _ridge, main, share_ranked, target
from ser_stream.audio.recording import Recording
from ser_stream.corpora.base import Utterance
from ser_stream.emotion import CIRCUMPLEX, valence_arousal
from ser_stream.models.checkpoint import load_model
from ser_stream.stream.decoding import TurnMean
from ser_stream.stream.recognizer import Recognizer

RECIPE = """
kind: speech
name: seven
architecture: causal_crnn
labels: [neutral, happy, sad, angry, fear, disgust, surprise]
corpora: [ravdess]
speakers: {test: {ravdess: [1]}, validation: {ravdess: [3, 4]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 8
optimisation: {epochs: 1}
"""


def said(name, intensity, label="angry"):
    return Utterance(Path(f"{name}.wav"), "ravdess", "a", "m", label, "en", intensity)


def test_strong_expressions_have_more_extreme_valence_and_higher_arousal():
    strong, normal = target(said("a", "strong", "sad")), target(said("a", "normal", "sad"))
    assert strong[0] < CIRCUMPLEX["sad"][0] < normal[0]
    assert strong[1] > CIRCUMPLEX["sad"][1] > normal[1]
    assert target(said("a", "", "sad")) == CIRCUMPLEX["sad"]


def test_pairs_differ_in_nothing_but_the_intensity():
    utterances = [
        said("03-01-05-01-01-01-08", "normal"),
        said("03-01-05-02-01-02-08", "strong"),  # another repetition
        said("03-01-05-02-01-01-08", "strong"),
        said("03-01-02-02-01-01-08", "strong", "neutral"),  # calm
        said("03-01-01-01-01-01-08", "normal", "neutral"),
    ]
    assert _pairs(utterances) == [(2, 0)]
    assert share_ranked(np.array([0.1, 0, 0.3, 0, 0]), [(2, 0)]) == 1.0


def test_ridge_regression_finds_a_linear_map():
    rng = np.random.default_rng(0)
    states = rng.normal(3.0, 2.0, (4000, 3))
    slopes, constant = np.array([[1.0, 0.0], [0.0, -2.0], [0.5, 0.5]]), np.array([0.3, -0.1])
    layer = _ridge(states, states @ slopes + constant, np.ones(4000))
    predicted = states @ layer[:-1] + layer[-1]
    for column in range(2):  # the penalty makes it smaller, not another
        truth = states @ slopes[:, column]
        assert np.corrcoef(predicted[:, column], truth)[0, 1] > 0.999
    np.testing.assert_allclose(predicted.mean(axis=0), (states @ slopes + constant).mean(axis=0))


def test_the_mean_of_a_turn_is_of_unsmoothed_windows():
    mean = TurnMean(smoothing=0.5)
    mean.add(np.array([0.2, 0.0]), 1.0)
    np.testing.assert_allclose(mean.add(np.array([0.8, 0.4]), 3.0), [0.5, 0.2])
    np.testing.assert_allclose(mean.mean(), [0.65, 0.3])


@pytest.fixture(scope="module")
def strong_and_normal(corpora, tmp_path_factory):
    """The miniature, with each sentence once more, strongly."""
    root = shutil.copytree(corpora, tmp_path_factory.mktemp("affect") / "corpora")
    for path in (root / "ravdess").rglob("03-01-*.flac"):
        parts = path.stem.split("-")
        if parts[2] != "01":
            parts[3] = "02"
            shutil.copyfile(path, path.with_name("-".join(parts) + ".flac"))
    return root


@pytest.fixture
def command(tiny_model, strong_and_normal, tmp_path):
    (tmp_path / "seven.yaml").write_text(RECIPE)
    model = shutil.copytree(tiny_model, tmp_path / "model")
    recipe = ["--recipe", str(tmp_path / "seven.yaml"), "--cache", str(tmp_path / "cache")]
    return [str(model), *recipe, "--corpora", str(strong_and_normal)]


def test_a_layer_that_ranks_no_better_is_not_kept(command, capsys):
    assert main(command) == 0  # both takes are the same sound
    assert "6 pairs" in capsys.readouterr().out
    assert "affect" not in load_model(command[0])[1].options
    assert main([*command, "--measure", "validation"]) == 2
    assert "has no layer for valence and arousal to measure" in capsys.readouterr().err


def test_a_layer_that_ranks_better_is_used_for_estimates(command, monkeypatch, capsys):
    figures = iter([0.5, 0.75])
    monkeypatch.setattr(fit_affect, "share_ranked", lambda arousal, pairs: next(figures))
    before, _ = load_model(command[0])
    assert main(command) == 0
    assert "the model has it now" in capsys.readouterr().out
    model, info = load_model(command[0])
    assert info.options["affect"] is True
    torch.testing.assert_close(model.output.weight, before.output.weight)
    steps = torch.randn(1, 30, model.gru.input_size)
    logits, places = model.score(steps)
    torch.testing.assert_close(logits, model.classify(steps))
    assert places.shape == (1, 2)
    monkeypatch.undo()
    assert main([*command, "--measure", "validation"]) == 0
    assert "6 pairs: strong above normal" in capsys.readouterr().out
    with Recognizer(command[0]) as recognizer:
        estimates = list(recognizer.stream(Recording("tests/recordings/4-angry.flac")))
    assert estimates
    for estimate in estimates:
        assert (estimate.valence, estimate.arousal) != valence_arousal(estimate.scores)
        assert -1 <= estimate.valence <= 1
        assert -1 <= estimate.arousal <= 1


def test_a_network_of_sound_and_words_is_refused(command, capsys):
    command[0] = "can-english"
    assert main(command) == 2
    assert "--text-model" in capsys.readouterr().err


def test_without_a_layer_valence_and_arousal_come_from_the_scores():
    assert valence_arousal({"angry": 1.0}) == CIRCUMPLEX["angry"]
