import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from paths import SPOKEN
from ser_stream import Recognizer
from ser_stream.engines.choose import open_network, open_utterance_network
from ser_stream.engines.onnx import OnnxNetwork
from ser_stream.errors import InputError
from ser_stream.models.info import SHIPPED, read_info, shipped_models

STREAMING = [name for name in shipped_models() if name != "can-english"]


def scores_of(model, engine, recording):
    return [
        (e.trigger, e.end_s, [*e.scores.values(), e.valence, e.arousal])
        for e in Recognizer(model, engine=engine).stream(recording)
    ]


@pytest.mark.parametrize("model", STREAMING)
def test_onnx_and_torch_agree_over_whole_recordings(model):
    for recording in sorted(SPOKEN.glob("*.flac"))[:3]:
        ours, theirs = (scores_of(model, engine, recording) for engine in ("onnx", "torch"))
        assert [e[:2] for e in ours] == [e[:2] for e in theirs]
        np.testing.assert_allclose([e[2] for e in ours], [e[2] for e in theirs], atol=1e-4)


@pytest.mark.parametrize("model", STREAMING)
def test_onnx_and_torch_agree_on_batches(model):
    ours, theirs = (open_network(model, engine)[0] for engine in ("onnx", "torch"))
    framing = ours.framing
    assert framing == theirs.framing
    np.testing.assert_allclose(ours.prior_statistics, theirs.prior_statistics, atol=1e-6)
    rng = np.random.default_rng(0)
    n_frames = framing.step_frames + 7 * framing.frames_per_step
    frames = rng.normal(-30, 10, (5, n_frames, ours.features.dimension)).astype(np.float32)
    found = []
    for network in (ours, theirs):
        steps, state = network.encode(frames, network.initial_state(len(frames)))
        if state:  # the next steps follow from the state
            steps, _ = network.encode(frames, state)
        offset = None
        if network.remembers_statistics:
            offset = np.full((len(frames), len(network.prior_statistics)), 0.1, np.float32)
        found.append(network.score(steps[:, -framing.window_steps :], offset))
    for one, other in zip(*found, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_weights_in_eight_bits_change_probabilities_little():
    recording = sorted(SPOKEN.glob("*.flac"))[0]
    exact, rounded = (
        np.array([e[2] for e in scores_of("small", engine, recording)])
        for engine in ("onnx", "onnx-int8")
    )
    assert 0 < np.abs(exact - rounded).max() < 0.05


def test_a_network_of_words_agrees_with_torch():
    ours, theirs = (
        open_utterance_network("can-english", engine)[0] for engine in ("onnx", "torch")
    )
    assert ours.vocabulary.words == theirs.vocabulary.words
    rng = np.random.default_rng(0)
    for n_words in (1, 2, 9, 40):
        segments = [
            rng.normal(0, 20, (rng.integers(1, 60), 40)).astype(np.float32) for _ in range(n_words)
        ]
        words = ours.vocabulary.encode([*"i am so happy today qwzx".split() * 7][:n_words])
        (logits, attention, by_words), (expected, weights, expected_by_words) = (
            network.outputs(segments, words) for network in (ours, theirs)
        )
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        np.testing.assert_allclose(by_words, expected_by_words, atol=1e-4)
        assert attention.keys() == weights.keys() == {"text_attention", "audio_attention"}
        for name, values in attention.items():
            np.testing.assert_allclose(values, weights[name], atol=1e-5)


@pytest.fixture
def folder(tmp_path):
    """A copy of a shipped model that a test may damage."""
    return Path(shutil.copytree(SHIPPED / "tiny", tmp_path / "model"))


def rewritten(folder, **changes):
    info = read_info(folder)
    dataclasses.replace(info, onnx=dataclasses.replace(info.onnx, **changes)).write(folder)


def test_another_file_than_that_of_model_json_is_refused(folder):
    shutil.copy(SHIPPED / "small" / "steps.onnx", folder / "steps.onnx")
    with pytest.raises(InputError, match=r"steps.onnx: SHA-256 is \w+..., model.json has \w+"):
        open_network(folder, "onnx")


def test_a_file_that_git_lfs_did_not_fetch_is_named_with_the_command(folder):
    (folder / "steps.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match=r"steps.onnx: stands for a file .*: git lfs pull"):
        open_network(folder, "onnx")


def test_a_missing_file_is_named(folder):
    (folder / "head.onnx").unlink()
    with pytest.raises(InputError, match=r"head.onnx: No such file .*; write it anew"):
        open_network(folder, "onnx")


def test_a_file_without_the_classifier_of_words_is_accepted(tmp_path):
    """As earlier versions exported it."""
    folder = Path(shutil.copytree(SHIPPED / "can-english", tmp_path / "model"))

    def forget_words(model):
        kept = [output for output in model.graph.output if output.name != "text_logits"]
        del model.graph.output[:]
        model.graph.output.extend(kept)

    replaced(folder, "utterance.onnx", forget_words)
    network, _ = open_utterance_network(folder, "onnx")
    frames = np.full((20, 40), -30.0, np.float32)
    found = network.outputs([frames], network.vocabulary.encode(["hello"]))
    assert found.text_logits is None
    assert found.attention.keys() == {"text_attention", "audio_attention"}


def test_a_file_that_model_json_does_not_name_is_refused(folder):
    rewritten(folder, files={"steps.onnx": read_info(folder).onnx.files["steps.onnx"]})
    with pytest.raises(InputError, match=r"model.json: onnx.files: lacks head.onnx"):
        open_network(folder, "onnx")


def replaced(folder, name, change):
    """Change an ONNX file, and give model.json its new SHA-256."""
    content = onnx.load(folder / name)
    change(content)
    onnx.save(content, folder / name)
    files = read_info(folder).onnx.files
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    rewritten(folder, files={**files, name: digest})


def test_labels_of_another_model_are_refused(folder):
    replaced(folder, "head.onnx", lambda m: onnx.helper.set_model_props(m, {"labels": "happy,sad"}))
    with pytest.raises(InputError, match=r"head.onnx: found the labels happy,sad"):
        open_network(folder, "onnx")


def test_shapes_of_another_model_are_refused(folder):
    def narrow(model):
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 40

    info = read_info(folder)
    replaced(folder, "steps.onnx", narrow)
    with pytest.raises(InputError, match=r"steps.onnx: (frames: found shape|ONNX Runtime cannot)"):
        open_network(folder, "onnx")
    assert info.features.dimension == 64


def test_what_is_not_onnx_is_refused(folder):
    (folder / "steps.onnx").write_bytes(b"nothing of the kind")
    digest = hashlib.sha256(b"nothing of the kind").hexdigest()
    rewritten(folder, files={**read_info(folder).onnx.files, "steps.onnx": digest})
    with pytest.raises(InputError, match=r"steps.onnx: ONNX Runtime cannot load it"):
        open_network(folder, "onnx")


def test_a_model_whose_memory_is_of_another_kind_is_refused(folder):
    rewritten(folder, remembers_statistics=True)
    with pytest.raises(InputError, match=r"its inputs are steps; model.json has remembers_stat"):
        open_network(folder, "onnx")


def test_a_head_of_another_network_is_refused(folder):
    shutil.copy(SHIPPED / "moma-streaming" / "head.onnx", folder / "head.onnx")
    replaced(folder, "head.onnx", lambda m: None)
    with pytest.raises(InputError, match=r"model .*: head.onnx: .*; write it anew: ser-stream exp"):
        open_network(folder, "onnx")


def test_a_streaming_model_needs_its_framing(folder):
    rewritten(folder, framing=None)
    with pytest.raises(InputError, match=r"model.json: onnx.framing: missing"):
        open_network(folder, "onnx")


def test_a_failure_of_the_runtime_names_the_file():
    network, info = open_network("tiny", "onnx")
    assert isinstance(network, OnnxNetwork)
    with pytest.raises(RuntimeError, match=r"steps.onnx: "):
        network.encode(np.zeros((1, 10, info.features.dimension + 1), np.float32), ())
