"""The default's network: turns in blocks, cut blocks, and files that models share."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from scored import Encoder
from ser_stream.cli import main
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.features.log_mel import HE
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import SHIPPED, ModelInfo, read_info
from ser_stream.models.registry import build_model
from ser_stream.models.whisper_states import FEATURES
from ser_stream.training.export import export_model

LABELS = ("neutral", "happy", "sad")
RNG = np.random.default_rng(0)
FRAMES = RNG.normal(-30, 15, (900, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = build_model("whisper_states", LABELS, FEATURES).eval()
    network.statistics_mean.normal_(std=0.1)
    network.statistics_std.fill_(0.2)
    network.has_speaker_memory = True
    return network


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "own"
    zeros, ones = (0.0,) * 80, (1.0,) * 80
    info = ModelInfo("own", "whisper_states", LABELS, FEATURES, zeros, ones, speaker_memory=True)
    save_model(folder, model, info)
    return folder


def logits(model, frames):
    with torch.inference_mode():
        steps = model.encode(torch.from_numpy(frames)[None])
        return model.score(steps[:, -model.window_steps :])[0][0].numpy()


def test_a_turn_encoded_in_hops_equals_the_whole_turn(model):
    encoder = Encoder(model, FRAMES, model.window_steps)
    for n_frames in (100, 150, 200, 600, 650, 655, 900, 873):  # skipped windows, cut blocks
        expected = logits(model, FRAMES[:n_frames])
        np.testing.assert_allclose(encoder.logits(n_frames), expected, atol=1e-4)


@pytest.mark.parametrize("end", [351, 360, 389, 399, 400])
def test_the_end_of_a_turn_is_the_same_whether_its_last_window_was_skipped(model, end):
    skipped, steady = (Encoder(model, FRAMES, model.window_steps) for _ in range(2))
    for n_frames in range(50, 401, 50):
        steady.logits(n_frames)
    skipped.logits(200)
    expected = logits(model, FRAMES[:end])
    np.testing.assert_allclose(skipped.logits(end), expected, atol=1e-4)
    np.testing.assert_allclose(steady.logits(end), expected, atol=1e-4)


def test_a_turn_shorter_than_a_step_is_scored(model):
    assert np.isfinite(Encoder(model, FRAMES[:5], 50).logits(5)).all()


def test_padding_has_no_influence(model):
    padded = np.zeros((1, 500, 80), np.float32)
    padded[0, :300] = FRAMES[:300]
    with torch.inference_mode():
        answer = model(torch.from_numpy(padded), torch.tensor([300]))[0].numpy()
    np.testing.assert_allclose(answer, logits(model, FRAMES[:300]), atol=1e-4)


def test_silence_is_finite(model):
    assert np.isfinite(logits(model, np.full((100, 80), -100, np.float32))).all()


def test_other_features_are_refused():
    with pytest.raises(InputError, match="takes those of Whisper alone: n_mels 80"):
        build_model("whisper_states", LABELS, HE)


def test_a_model_holds_its_head_alone_and_loads_with_the_shared_encoder(model, folder):
    assert not [name for name in load_file(folder / "model.safetensors") if "encoder" in name]
    assert (folder / "model.safetensors").stat().st_size < 2**21
    loaded, _ = load_model(folder)
    np.testing.assert_allclose(logits(loaded, FRAMES), logits(model, FRAMES), atol=1e-6)


def test_onnx_runtime_runs_the_shared_encoder(model, folder):
    info = export_model(folder)
    assert {path.name for path in folder.iterdir()} == {
        "model.json", "model.safetensors", "head.onnx",
    }  # fmt: skip
    assert info.onnx.shared_encoder == "whisper-encoder"
    network, _ = open_network(folder, engine="onnx")
    steps, _ = network.encode(FRAMES[None, :500], network.initial_state(1))
    with torch.inference_mode():
        expected = model.encode(torch.from_numpy(FRAMES[None, :500])).numpy()
    np.testing.assert_allclose(steps, expected, atol=1e-3)
    found = network.score(steps, None).logits
    np.testing.assert_allclose(found[0], logits(model, FRAMES[:500]), atol=1e-4)


def test_the_export_names_the_shared_encoder(folder, capsys):
    assert main(["export", str(folder)]) == 0
    steps, head = capsys.readouterr().out.splitlines()
    assert f"{SHIPPED / 'whisper-encoder' / 'steps.onnx'}: 13.0 MiB" in steps
    assert f"{folder / 'head.onnx'}: " in head


def test_another_encoder_than_that_of_the_export_is_refused(folder):
    info = export_model(folder)
    files = {**info.onnx.files, "steps.onnx": 64 * "0"}
    dataclasses.replace(info, onnx=dataclasses.replace(info.onnx, files=files)).write(folder)
    with pytest.raises(InputError, match=r"steps.onnx: SHA-256 is .* model.json has 000000000000"):
        open_network(folder, engine="onnx")


def test_eight_bits_are_refused(folder):
    with pytest.raises(InputError, match="--int8: the network's front end is a file that models"):
        export_model(folder, eight_bit=True)
    assert read_info(folder).architecture == "whisper_states"
