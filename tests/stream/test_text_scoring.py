"""The second estimate, of sound and words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from high_pass_reference import high_passed
from ser_stream.engines.choose import open_utterance_network
from ser_stream.engines.torch import TorchUtteranceNetwork
from ser_stream.features.mfcc import mfcc
from ser_stream.features.segments import aligned_segments
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import read_info
from ser_stream.models.registry import build_model
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.stream import text_scoring
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.text_scoring import TextScorer, TextScoringSettings
from ser_stream.units import SAMPLE_RATE_HZ
from ser_stream.words import Word, words_between
from streams import stream


def _out_of_memory(batch):
    raise RuntimeError("CUDA is out of memory")


@pytest.fixture(scope="module")
def by_sound(tiny_model, two_turns_path):
    """Estimates of the recording of two turns, by sound alone."""
    return list(Recognizer(tiny_model).stream(two_turns_path))


def words_in(window):
    """Four words in a turn, of which the last begins behind the window's middle."""
    start, length = window.turn_start_s, window.n_samples / SAMPLE_RATE_HZ
    return tuple(
        Word(text, start + length * i / 4, start + length * (i + 0.8) / 4)
        for i, text in enumerate(["he", "is", "gone", "away"])
    )


@pytest.mark.parametrize("which", [2, -1])
def test_second_scores_are_the_mean_of_the_scores_by_sound_and_of_can(
    speech, tiny_can, by_sound, which
):
    model, info = load_model(tiny_can, kind=BimodalModel)
    window = stream(speech)[0][which]
    words = words_in(window)
    estimate = TextScorer(TorchUtteranceNetwork(model), info)(window, words, by_sound[which])
    inside = words_between(words, window.start_s, window.end_s)
    start = round(window.start_s * SAMPLE_RATE_HZ)
    sound = high_passed(speech)[start : round(window.end_s * SAMPLE_RATE_HZ)]
    tokens = [Word(w.text, w.start_s - window.start_s, w.end_s - window.start_s) for w in inside]
    spans = aligned_segments(tokens, len(sound))
    batch = SegmentBatch.pad(
        [([mfcc(sound[a:b], model.features) for a, b in spans],
          model.text.vocabulary.numbers(w.text for w in inside))]
    )  # fmt: skip
    with torch.inference_mode():
        expected = model(batch).softmax(dim=1)[0]
        by_words = model.predictions(batch).text[0]
        text, audio = (w[0].mean(dim=0).tolist() for w in model.attention_weights(batch))
    first = [by_sound[which].scores[label] for label in info.labels]
    means = (np.array(first) + expected.numpy()) / 2
    assert list(estimate.scores.values()) == pytest.approx(means.tolist(), abs=1e-4)
    assert [w["text_attention"] for w in estimate.words] == pytest.approx(text, abs=1e-4)
    assert [w["audio_attention"] for w in estimate.words] == pytest.approx(audio, abs=1e-4)
    assert (estimate.start_s, estimate.end_s) == (window.start_s, window.end_s)
    assert estimate.modality == "audio+text"
    assert estimate.words_expression == info.labels[int(by_words.argmax())]
    assert estimate.voice_expression == info.labels[int(np.argmax(first))]
    agree = estimate.words_expression == estimate.voice_expression
    assert (estimate.agreement == "same") == agree


def test_a_network_without_a_classifier_of_words_says_nothing_on_agreement(
    speech, tiny_can, by_sound, tmp_path
):
    info = read_info(tiny_can)
    options = {**info.options, "align_weight": 0.0}
    network = build_model("can", info.labels, info.features, options, BimodalModel)
    save_model(tmp_path, network, dataclasses.replace(info, options=options))
    window = stream(speech)[0][-1]
    estimate = TextScorer.load(tmp_path)(window, words_in(window), by_sound[-1])
    found = {estimate.voice_expression, estimate.words_expression, estimate.agreement}
    assert found == {""}
    assert "agreement" not in estimate.to_json()


def test_without_words_there_is_no_second_estimate(speech, tiny_can, by_sound):
    window = stream(speech)[0][-1]
    assert TextScorer.load(tiny_can)(window, (), by_sound[-1]) is None
    elsewhere = (Word("he", window.end_s + 1, window.end_s + 2),)
    assert TextScorer.load(tiny_can)(window, elsewhere, by_sound[-1]) is None


def test_a_second_estimate_abstains_below_the_floor_and_with_too_little_speech(
    speech, tiny_can, by_sound
):
    window = stream(speech)[0][-1]
    of_window = window, words_in(window), by_sound[-1]
    scorer = TextScorer.load(tiny_can)
    assert not scorer(*of_window).abstains
    scorer.settings = TextScoringSettings(min_confidence=1.0)
    assert scorer(*of_window).abstains
    scorer.settings = TextScoringSettings(min_speech=60.0)
    assert scorer(*of_window).abstains


def test_an_error_of_the_text_network_is_logged_once_and_gives_no_estimate(
    speech, tiny_can, by_sound, caplog
):
    model, info = load_model(tiny_can, kind=BimodalModel)
    model.forward_with_details = lambda batch: (_ for _ in ()).throw(
        RuntimeError("CUDA is out of memory")
    )
    scorer = TextScorer(TorchUtteranceNetwork(model), info)
    window = stream(speech)[0][-1]
    answers = [scorer(window, words_in(window), by_sound[-1]) for _ in range(2)]
    assert answers == [None, None]
    assert scorer.error == "CUDA is out of memory"
    assert len(caplog.records) == 1


def test_the_text_network_is_retried_after_an_error(
    speech, tiny_can, by_sound, caplog, monkeypatch
):
    model, info = load_model(tiny_can, kind=BimodalModel)
    explained = model.forward_with_details
    model.forward_with_details = lambda batch: (_ for _ in ()).throw(
        RuntimeError("CUDA is out of memory")
    )
    monkeypatch.setattr(text_scoring, "RETRY_AFTER", 0.0)
    scorer = TextScorer(TorchUtteranceNetwork(model), info)
    window = stream(speech)[0][-1]
    assert [scorer(window, words_in(window), by_sound[-1]) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1  # said once
    model.forward_with_details = explained
    assert scorer(window, words_in(window), by_sound[-1]).modality == "audio+text"
    assert scorer.error == ""


def test_an_answer_that_is_not_finite_is_withheld_and_the_network_is_opened_again(
    speech, tiny_can, by_sound, monkeypatch, caplog
):
    opened = []

    def open_damaged(*model):
        network, info = open_utterance_network(*model)
        opened.append(network)
        return network, info

    monkeypatch.setattr(text_scoring, "open_utterance_network", open_damaged)
    monkeypatch.setattr(text_scoring, "RETRY_AFTER", 0.0)
    scorer = TextScorer.load(tiny_can, "torch")
    with torch.no_grad():
        for weights in opened[0].model.parameters():
            weights.fill_(float("nan"))
    window = stream(speech)[0][-1]
    assert scorer(window, words_in(window), by_sound[-1]) is None
    assert scorer.error == "its answer holds NaN or infinite values"
    assert caplog.text.count("no second estimates") == 1
    assert scorer(window, words_in(window), by_sound[-1]) is not None
    assert scorer.error == "" and len(opened) == 2
