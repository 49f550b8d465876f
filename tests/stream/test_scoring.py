import numpy as np
import pytest

pytest.importorskip("torch")

from scored import Encoder, judge, make_model, whole_window
from ser_stream.models.calibration import Calibration
from streams import stream


@pytest.mark.parametrize("architecture", ["causal_crnn", "cnn_blstm_attention"])
def test_cached_and_whole_window_logits_agree(architecture):
    model = make_model(architecture)
    frames = np.random.default_rng(0).normal(-30, 20, (1500, model.features.n_mels))
    frames = frames.astype(np.float32)
    encoder = Encoder(model, frames, model.window_steps)
    for n_frames in range(2 * model.hop_frames, len(frames), model.hop_frames):
        np.testing.assert_allclose(
            encoder.logits(n_frames), whole_window(model, frames, n_frames), atol=1e-5
        )


@pytest.mark.parametrize("architecture", ["causal_crnn", "cnn_blstm_attention"])
def test_skipped_windows_do_not_change_later_logits(architecture):
    model = make_model(architecture)
    frames = np.random.default_rng(1).normal(-30, 20, (3000, model.features.n_mels))
    frames = frames.astype(np.float32)
    encoder = Encoder(model, frames, model.window_steps)
    for hops in (2, 3, 7, 8, 30, 31):
        n_frames = hops * model.hop_frames
        np.testing.assert_allclose(
            encoder.logits(n_frames), whole_window(model, frames, n_frames), atol=1e-5
        )


def test_the_end_of_a_turn_between_two_hops_is_encoded():
    model = make_model("causal_crnn")
    frames = np.random.default_rng(2).normal(-30, 20, (700, 64)).astype(np.float32)
    encoder = Encoder(model, frames, model.window_steps)
    encoder.logits(600)
    np.testing.assert_allclose(encoder.logits(638), whole_window(model, frames, 638), atol=1e-5)


@pytest.mark.parametrize("architecture", ["causal_crnn", "cnn_blstm_attention"])
@pytest.mark.parametrize("ends", [(200, 172), (550, 534), (250, 650, 1234, 1201), (1250, 1201)])
def test_a_turn_that_ends_before_its_last_interval_is_encoded_to_its_end(architecture, ends):
    """For turns shorter and longer than a window, and with skipped windows."""
    model = make_model(architecture)
    frames = np.random.default_rng(3).normal(-30, 20, (1500, model.features.n_mels))
    frames = frames.astype(np.float32)
    encoder = Encoder(model, frames, model.window_steps)
    for n_frames in ends:
        np.testing.assert_allclose(
            encoder.logits(n_frames), whole_window(model, frames, n_frames), atol=1e-5
        )


def test_the_end_of_a_turn_in_a_stream_gives_the_logits_of_its_last_window(speech):
    """The turn detector may end a turn before its last interval window."""
    model = make_model("causal_crnn")
    windows, _ = stream(np.delete(speech, slice(30_000, 33_200)))  # the turn is 0.2 s shorter
    ends = [window.n_frames for window in windows]
    assert windows[-1].trigger == "utterance" and max(ends[:-1]) > ends[-1]
    encoder = Encoder(model, windows[0].features, model.window_steps)
    for window in windows:
        logits = encoder.logits(window.n_frames)
    frames = windows[-1].features.read(0, ends[-1])
    np.testing.assert_allclose(logits, whole_window(model, frames, ends[-1]), atol=1e-5)


@pytest.mark.parametrize("architecture", ["causal_crnn", "cnn_blstm_attention"])
def test_a_turn_shorter_than_a_step_is_scored(architecture):
    model = make_model(architecture)
    frames = np.full((5, model.features.n_mels), -30.0, np.float32)
    assert np.isfinite(Encoder(model, frames, 8).logits(5)).all()


def test_an_estimate_has_the_time_span_and_trigger_of_its_window(speech):
    model = make_model("causal_crnn")
    windows, _ = stream(speech)
    scorer = judge(model)
    for window in windows:
        estimate = scorer(window)
        assert (estimate.start_s, estimate.end_s) == (window.start_s, window.end_s)
        assert estimate.trigger == window.trigger
        assert sum(estimate.scores.values()) == pytest.approx(1.0)
        assert estimate.confidence == max(estimate.scores.values())
        assert estimate.scores[estimate.expression] == estimate.confidence


def test_an_estimate_below_the_confidence_floor_abstains_and_keeps_its_scores(speech):
    windows, _ = stream(speech)
    sure = {"interval": Calibration(floor=0.0), "utterance": Calibration(floor=1.1)}
    scorer = judge(make_model("causal_crnn"), calibration=sure)
    estimates = [scorer(window) for window in windows]
    assert [e.abstains for e in estimates] == [False] * (len(windows) - 1) + [True]
    assert [e.reason for e in estimates[-2:]] == ["", "unsure"]
    assert sum(estimates[-1].scores.values()) == pytest.approx(1.0)


def test_a_turn_with_too_little_speech_abstains(speech):
    windows, _ = stream(speech)
    scorer = judge(make_model("causal_crnn"), min_speech=60.0)
    estimates = [scorer(window) for window in windows]
    assert {estimate.reason for estimate in estimates} == {"short"}
    assert all(estimate.abstains for estimate in estimates)
