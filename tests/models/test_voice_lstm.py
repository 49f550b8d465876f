"""The network of `small`, and the batches that it learns from."""

import numpy as np
import pytest
import torch

from scored import Encoder
from ser_stream.engines.torch import TorchNetwork
from ser_stream.errors import InputError
from ser_stream.features.log_mel import HE
from ser_stream.features.speaker_memory import SpeakerMemory, speaker_offset
from ser_stream.models import voice_lstm
from ser_stream.models.registry import build_model
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.training.trainer import Trainer
from streams import stream
from turns import two_turns

LABELS = ("neutral", "happy", "sad")
RNG = np.random.default_rng(0)
FRAMES = RNG.normal(-30, 15, (900, 40)).astype(np.float32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    options = {"encoder_hidden": 16, "encoder_layers": 2, "hidden": 8}
    network = build_model("voice_lstm", LABELS, HE, options).eval()
    network.statistics_mean.normal_(std=0.1)
    network.statistics_std.fill_(0.2)
    network.has_speaker_memory = True
    return network


def logits(model, frames, against=None):
    with torch.inference_mode():
        steps = model.encode(torch.from_numpy(frames)[None])
        return model.score(steps[:, -model.window_steps :], offset=against)[0][0].numpy()


def test_a_turn_encoded_in_hops_equals_the_whole_turn(model):
    taken_off = RNG.normal(0, 0.1, 64).astype(np.float32)
    encoder = Encoder(model, FRAMES, model.window_steps, taken_off)
    for n_frames in (100, 150, 200, 600, 650, 655, 900):  # with skipped windows, and an end
        expected = logits(model, FRAMES[:n_frames], torch.from_numpy(taken_off))
        np.testing.assert_allclose(encoder.logits(n_frames), expected, atol=1e-5)


def test_a_turn_shorter_than_a_step_is_scored(model):
    assert np.isfinite(Encoder(model, FRAMES[:5], 50).logits(5)).all()


def test_later_frames_do_not_change_steps(model):
    with torch.inference_mode():
        short = model.encode(torch.from_numpy(FRAMES[None, :300]))
        long = model.encode(torch.from_numpy(FRAMES[None]))
    torch.testing.assert_close(long[:, :30], short)


def test_padding_has_no_influence(model):
    padded = np.zeros((1, 500, 40), np.float32)
    padded[0, :300] = FRAMES[:300]
    with torch.inference_mode():
        answer = model(torch.from_numpy(padded), torch.tensor([300]))[0].numpy()
    np.testing.assert_allclose(answer, logits(model, FRAMES[:300]), atol=1e-5)


def test_a_louder_microphone_changes_nothing(model):
    quiet, loud = (logits(model, FRAMES[:300] + gain) for gain in (-20, 20))
    np.testing.assert_allclose(quiet, loud, atol=1e-3)


def test_silence_is_finite(model):
    silence = np.full((100, 40), -100, np.float32)
    assert np.isfinite(logits(model, silence)).all()


def test_statistics_are_those_of_the_windows_frames(model):
    steps = model.encode(torch.from_numpy(FRAMES[None, :200]))
    power = torch.pow(10.0, torch.from_numpy(FRAMES[None, :200]) / 10)
    levels = power.view(1, 20, 10, 40).mean(dim=(2, 3)).cumsum(1) / torch.arange(1, 21)
    hidden, _ = model.encoder(power * (0.01 / levels).repeat_interleave(10, 1)[..., None])
    expected = torch.cat([hidden.mean(1), hidden.std(1, correction=0)], 1)
    torch.testing.assert_close(model.statistics(steps), expected, atol=2e-3, rtol=1e-3)


def test_load_pretrained_loads_the_speaker_encoder():
    network = build_model("voice_lstm", LABELS, HE)
    chance = network.encoder.layers[2].weight_hh_l0.clone()
    turns = torch.from_numpy(FRAMES.reshape(9, 100, 40))
    network.load_pretrained()
    assert not torch.equal(network.encoder.layers[2].weight_hh_l0, chance)
    with torch.inference_mode():
        steps = network.encode(turns)
        heard = network.statistics(steps)
    network.fit_statistics((steps[i : i + 3], torch.full((3,), 10)) for i in (0, 3, 6))
    torch.testing.assert_close(network.statistics_mean, heard.mean(0))
    torch.testing.assert_close(network.statistics_std, heard.std(0) + 1e-4)
    assert sum(p.numel() for p in network.parameters()) < 5e6
    assert "Resemblyzer" in network.pretrained_parts[0]


def test_another_pretrained_encoder_than_the_package_came_with_is_refused(
    model, tmp_path, monkeypatch
):
    other = tmp_path / "encoder.safetensors"
    other.write_bytes(b"other")
    monkeypatch.setattr(voice_lstm, "PRETRAINED", other)
    with pytest.raises(InputError, match=f"{other}: SHA-256 is .*, ser_stream has 5eb543db47"):
        model.load_pretrained()


def test_pretrained_weights_of_another_size_are_refused(model):
    found = "found 40 bands .*, encoder_hidden 16 and encoder_layers 2"
    with pytest.raises(InputError, match=f"{found}; the pretrained encoder has 40, 256 and 3"):
        model.load_pretrained()


@pytest.mark.parametrize("rate", (0.0, 0.5))
def test_the_pretrained_encoder_is_trained_at_the_rate_that_is_set(model, tmp_path, rate):
    turns = torch.from_numpy(FRAMES.reshape(9, 100, 40))

    class Batches:
        steps = 3

        def epoch(self, rng):
            for _ in range(3):
                yield (turns, None, torch.zeros(9, 9)), torch.arange(9) % 3

    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    settings = Optimisation(
        epochs=2, learning_rate=0.01, pretrained_rate=rate, schedule="one_cycle"
    )
    after = Trainer(model, Batches(), settings, 0, tmp_path).run(None).state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {"output.weight", "hidden.1.weight"} <= changed
    assert any(name.startswith("encoder") for name in changed) == (rate > 0)


def test_the_statistics_of_the_earlier_turn_are_subtracted(model, speech):
    first, second = two_turns(speech, features=HE)
    ask = WindowScorer(TorchNetwork(model), "", ScoringSettings(model.window_steps, 0.0, {}, 0.7))
    for window in first:
        ask.outputs(window)
    last = first[-1]
    memory = SpeakerMemory(model.statistics_mean.numpy())
    with torch.inference_mode():
        steps = model.encode(torch.from_numpy(last.features.read(0, last.n_frames))[None])
        memory.update(model.statistics(steps)[0].numpy(), last.n_frames * 0.01)
    frames = second[0].features.read(0, second[0].n_frames)
    expected = logits(model, frames, torch.from_numpy(memory.offset))
    np.testing.assert_allclose(ask.outputs(second[0]).logits, expected, atol=1e-4)
    assert not np.allclose(expected, logits(model, frames), atol=1e-3)


def test_the_offset_in_training_equals_that_of_the_memory(model):
    batch = torch.from_numpy(FRAMES.reshape(3, 300, 40))
    share = 6.0 / (6.0 + 2.0)
    past = torch.zeros(3, 3)
    past[0, 1:] = share / 2
    with torch.inference_mode():
        answers = model(batch, None, past)
        heard = model.statistics(model.encode(batch))[1:].mean(0)
    taken_off = speaker_offset(model.statistics_mean.numpy(), heard.numpy(), 6.0)
    expected = logits(model, FRAMES[:300], torch.from_numpy(taken_off))
    np.testing.assert_allclose(answers[0], expected, atol=1e-5)
    np.testing.assert_allclose(answers[1], logits(model, FRAMES[300:600]), atol=1e-5)


def test_windows_of_these_features_come_from_a_stream(speech):
    windows, _ = stream(speech, features=HE)
    assert windows[0].features.read(0, 1).shape == (1, 40)
