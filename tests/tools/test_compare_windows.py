"""Windows, hops and smoothing compared through the recogniser's own windowing."""

import json

import numpy as np

from compare_windows import _scored_turns, main
from ser_stream.corpora import ravdess
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.choose import open_network
from ser_stream.evaluation.streamed import stream_outputs
from smoothing import SMOOTHERS

RECIPE = """
kind: speech
name: seven
architecture: causal_crnn
labels: [neutral, happy, sad, angry, fear, disgust, surprise]
corpora: [ravdess]
speakers: {test: {ravdess: [1, 2]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 8
optimisation: {epochs: 1}
"""


def test_windows_are_those_of_the_stream(corpora, tiny_model):
    model, _ = open_network(tiny_model)
    utterances = ravdess.read(corpora / "ravdess")[:2]  # of one turn each
    turns = _scored_turns(model, utterances, 5.0, 0.5)
    for utterance, turn in zip(utterances, turns, strict=True):
        streamed = list(stream_outputs(model, 0.0, utterance.path))
        intervals = [found.logits for window, found in streamed if window.trigger == INTERVAL]
        whole = [found.logits for window, found in streamed if window.trigger == UTTERANCE]
        assert len(whole) == 1
        np.testing.assert_allclose(turn.logits[:-1], intervals, atol=1e-4)
        assert turn.final == whole[0].argmax()
        hops = np.diff(turn.after_s[:-1]) / 0.5  # a window without new speech is left out
        np.testing.assert_allclose(hops, np.round(hops), atol=1e-6)


def test_a_shorter_hop_gives_more_windows_and_a_shorter_window_other_logits(corpora, tiny_model):
    model, _ = open_network(tiny_model)
    utterances = ravdess.read(corpora / "ravdess")[:1]
    (default,) = _scored_turns(model, utterances, 5.0, 0.5)
    (often,) = _scored_turns(model, utterances, 5.0, 0.1)
    (short,) = _scored_turns(model, utterances, 1.0, 0.5)
    assert len(often.logits) > 3 * len(default.logits)
    assert len(short.logits) == len(default.logits)
    assert np.abs(short.logits[-1] - default.logits[-1]).max() > 1e-6


def test_smoothing_is_causal_and_keeps_constant_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 4))
    for name, smooth in SMOOTHERS.items():
        np.testing.assert_allclose(smooth(logits)[:3], smooth(logits[:3]), err_msg=name)
        same = np.tile(logits[0], (6, 1))
        assert set(smooth(same).argmax(axis=1)) == {logits[0].argmax()}, name


def test_stronger_smoothing_changes_the_label_later():
    sure, other = np.array([4.0, 0, 0]), np.array([0, 2.0, 0])
    logits = np.array([sure, other, other, other])
    first_change = [
        int((SMOOTHERS[name](logits).argmax(axis=1) == 1).argmax())
        for name in ("none", "HMM, stays 0.9", "moving average 0.9")
    ]
    assert first_change[0] == 1
    assert first_change[1] > 1
    assert first_change[2] == 0  # never


def test_the_command_prints_a_row_per_setting(corpora, tiny_model, tmp_path, capsys):
    (tmp_path / "seven.yaml").write_text(RECIPE)
    command = [str(tiny_model), "--recipe", str(tmp_path / "seven.yaml")]
    command += ["--corpora", str(corpora), "--clips", "4"]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["windows"]) >= {"1", "5", "7"}
    assert report["hops"]["0.5"] == report["windows"]["5"] == report["smoothing"]["none"]
    assert main(command) == 0
    out = capsys.readouterr().out
    for name in SMOOTHERS:
        assert f"| {name} |" in out
