"""Hugging Face checkpoints as models, against transformers' own pipeline."""

import dataclasses
import json
import logging
import re
import shutil
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from command import estimates, run
from ser_stream.audio.speech import read_samples
from ser_stream.emotion import canonical_label
from ser_stream.engines.torch import TorchNetwork
from ser_stream.errors import InputError
from ser_stream.evaluation.streamed import stream_outputs
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.hugging_face import load_checkpoint
from ser_stream.models.hugging_face_info import checkpoint_info
from ser_stream.stream.recognizer import Recognizer
from tiny_checkpoints import EMOTION2VEC, KINDS, SUPERB, make_checkpoint

pytestmark = pytest.mark.huggingface

RATE = 16_000


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Kind of checkpoint -> its folder."""
    root = tmp_path_factory.mktemp("checkpoints")

    def folder(kind):
        return root / kind if (root / kind).exists() else make_checkpoint(root / kind, kind)

    return folder


@pytest.fixture
def checkpoint(checkpoints, tmp_path):
    """A copy of a checkpoint folder, which the test may change."""
    return shutil.copytree(checkpoints("wav2vec2"), tmp_path / "checkpoint")


def theirs(folder):
    """Return label -> logit of samples (n,), computed by the pipeline of Transformers."""
    from transformers import pipeline

    pipe = pipeline("audio-classification", model=str(folder))

    def logits(samples):
        answers = pipe(samples.copy(), top_k=None, function_to_apply="none")
        return {answer["label"]: answer["score"] for answer in answers}

    return logits


def in_order(logits, labels):
    """Return the logits of a checkpoint, (labels,), in the order of our labels."""
    by_emotion = {canonical_label(name): logit for name, logit in logits.items()}
    return np.array([by_emotion[label] for label in labels])


def blocks(samples):
    """(n,) -> (1, frames, 320)."""
    return torch.from_numpy(samples).reshape(1, -1, 320)


def ask(model, frames, lengths=None):
    with torch.inference_mode():
        return model(frames, lengths).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_a_window_are_those_of_the_pipeline(checkpoints, long_speech, kind):
    folder = checkpoints(kind)
    model, info = load_model(folder)
    assert info.labels == ("neutral", "happy", "sad", "angry")
    for start in (0, 5 * RATE):
        window = long_speech[start : start + 5 * RATE]
        expected = in_order(theirs(folder)(window), info.labels)
        assert np.ptp(expected) > 0.1  # there is something to compare
        np.testing.assert_allclose(ask(model, blocks(window))[0], expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_after_a_short_turn_has_no_influence(checkpoints, long_speech, kind):
    model, _ = load_model(checkpoints(kind))
    long, short = blocks(long_speech[: 3 * RATE]), blocks(long_speech[4 * RATE : 5 * RATE])
    loud = torch.full((1, 100, 320), 0.9)
    batch = torch.cat([long, torch.cat([short, loud], dim=1)])
    answers = ask(model, batch, torch.tensor([150, 50]))
    np.testing.assert_allclose(answers[0], ask(model, long)[0], atol=1e-5)
    np.testing.assert_allclose(answers[1], ask(model, short)[0], atol=1e-5)


def test_a_mask_is_used_where_the_checkpoint_was_trained_with_one(checkpoints):
    masked = {kind for kind in KINDS if load_model(checkpoints(kind))[0].masked}
    assert masked == {"wav2vec2_large", "hubert_large", "wavlm_large"}


@pytest.mark.parametrize("kind", ["wav2vec2", "wav2vec2_large", "whisper"])
def test_a_turn_of_a_single_block_is_scored(checkpoints, kind):
    model, _ = load_model(checkpoints(kind))
    assert np.isfinite(ask(model, torch.zeros(1, 1, 320))).all()


def test_windows_of_a_stream_are_scored_from_their_own_samples(checkpoints, speech_path):
    speech = read_samples(speech_path)  # filtered, as the stream's
    folder = checkpoints("wav2vec2")
    model, info = load_model(folder)
    expected = theirs(folder)
    windows = list(stream_outputs(TorchNetwork(model), 0.0, speech_path))
    assert len(windows) >= 5
    for window, outputs in windows[:-1]:
        samples = speech[round(window.start_s * RATE) : round(window.end_s * RATE)]
        theirs_now = in_order(expected(samples), info.labels)
        np.testing.assert_allclose(outputs.logits, theirs_now, atol=1e-4)


def test_labels_without_a_place_are_dropped_and_the_others_renormalised(tmp_path, long_speech):
    folder = make_checkpoint(tmp_path / "nine", "data2vec", EMOTION2VEC)
    model, info = load_model(folder)
    window = long_speech[: 2 * RATE]
    theirs_by_name = theirs(folder)(window)
    kept = {n: v for n, v in theirs_by_name.items() if n not in ("other", "unknown")}
    expected = np.exp(in_order(kept, info.labels))
    scores = info.calibration["interval"].probabilities(ask(model, blocks(window))[0])
    np.testing.assert_allclose(scores, expected / expected.sum(), atol=1e-5)


def test_outputs_of_one_emotion_are_added_up(tmp_path, long_speech):
    folder = make_checkpoint(tmp_path / "twice", names=("happy", "joy", "sad"))
    model, info = load_model(folder)
    window = long_speech[: 2 * RATE]
    p = {name: np.exp(logit) for name, logit in theirs(folder)(window).items()}
    happy = (p["happy"] + p["joy"]) / sum(p.values())
    scores = info.calibration["interval"].probabilities(ask(model, blocks(window))[0])
    assert dict(zip(info.labels, scores, strict=True))["happy"] == pytest.approx(happy, abs=1e-5)


def test_listen_takes_a_checkpoint_as_it_was_downloaded(checkpoint, speech_path):
    code, out, err = run("listen", "--model", checkpoint, "--json", "--input", speech_path)
    assert code == 0, err
    answers = estimates(out)
    assert len(answers) >= 5
    assert answers[-1]["trigger"] == "utterance"
    for answer in answers:
        assert set(answer["scores"]) == {canonical_label(name) for name in SUPERB}
        assert answer["model"] == "checkpoint"
    assert err.count("its licence is not known here") == 1
    assert "Warning" not in err
    assert "Loading" not in err  # no progress bar


def test_the_licence_is_logged_once_at_load(checkpoint, speech_path, caplog):
    (checkpoint / "README.md").write_text("---\nlicense: mit\n---\n")
    with caplog.at_level(logging.INFO, logger="ser_stream"):
        list(Recognizer(checkpoint).stream(speech_path))
    assert [r.getMessage() for r in caplog.records if "its card says mit" in r.getMessage()]
    assert len(caplog.records) == 1


def test_without_transformers_the_error_names_the_extra(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'ser_stream\[huggingface\]'"):
        load_model(checkpoint)


def test_pickled_weights_are_refused_and_can_be_converted_as_the_error_says(
    checkpoint, tmp_path, monkeypatch, long_speech
):
    expected = load_model(checkpoint)[0]
    pickled = make_checkpoint(tmp_path / "pickled", pickled=True)
    with pytest.raises(InputError, match=r"pytorch_model\.bin, are never loaded") as error:
        load_model(pickled)
    monkeypatch.chdir(tmp_path)
    exec(re.search('python -c "(.*)"', str(error.value)).group(1), {})
    window = blocks(long_speech[: 2 * RATE])
    np.testing.assert_allclose(ask(load_model("OUT")[0], window), ask(expected, window), atol=1e-6)


def change_weights(folder, change):
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, {"format": "pt"})


def test_a_checkpoint_that_was_not_trained_to_classify_is_refused(checkpoint):
    """Transformers would initialise missing weights at random without an error."""
    change_weights(checkpoint, lambda w: (w.pop("classifier.weight"), w.pop("projector.weight")))
    with pytest.raises(InputError, match=r"for classifier\.weight, projector\.weight of Wav2Vec2"):
        load_model(checkpoint)


def test_weights_that_are_no_numbers_are_refused(checkpoint):
    change_weights(checkpoint, lambda weights: weights["classifier.bias"].fill_(float("nan")))
    with pytest.raises(InputError, match=r"classifier\.bias holds NaN"):
        load_model(checkpoint)


def test_damaged_weights_are_refused(checkpoint):
    (checkpoint / "model.safetensors").write_bytes(b"PK\x03\x04 a pickle in a zip" * 1000)
    with pytest.raises(InputError, match="not a Hugging Face audio classifier"):
        load_model(checkpoint)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"hidden_size": 2_000_000},
            "found a network of .* parameters; the weights beside it",
        ),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: found 1000000000; accepted are 256"),
        (
            {"num_hidden_layers": 200},
            "found a network of .* parameters; the weights beside it",
        ),
    ],
)
def test_a_network_larger_than_its_weights_is_refused_before_it_takes_memory(
    checkpoint, sizes, message
):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | sizes))
    with pytest.raises(InputError, match=message):
        load_model(checkpoint)


def test_half_precision_is_computed_in_single(checkpoint, long_speech):
    window = blocks(long_speech[: 2 * RATE])
    expected = ask(load_model(checkpoint)[0], window)  # before its file, which it maps, changes
    change_weights(checkpoint, lambda w: w.update({k: v.half() for k, v in w.items()}))
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dtype": "float16"}))
    half = load_model(checkpoint)[0]
    assert {p.dtype for p in half.parameters()} == {torch.float32}
    np.testing.assert_allclose(ask(half, window), expected, atol=0.1)


def test_code_that_comes_with_a_checkpoint_is_not_run(checkpoint):
    path = checkpoint / "config.json"
    config = json.loads(path.read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.MyConfig"}}
    path.write_text(json.dumps(config))
    (checkpoint / "mine.py").write_text("raise SystemExit('I was run')")
    with pytest.raises(InputError, match="not a Hugging Face audio classifier"):
        load_model(checkpoint)


def test_a_checkpoint_is_refused_as_a_text_model(checkpoint):
    with pytest.raises(InputError, match="'hugging_face'; accepted are can"):
        load_model(checkpoint, kind=BimodalModel)


def test_a_description_with_features_other_than_samples_is_refused(checkpoint):
    features = LogMelConfig()
    info = dataclasses.replace(checkpoint_info(checkpoint, "mine"), features=features)
    with pytest.raises(InputError, match=r"model.json: features: found LogMelConfig"):
        load_checkpoint(checkpoint, info)
