import json
import shutil

import numpy as np
import pytest
import torch

import command
from ser_stream.engines.choose import open_network, open_utterance_network
from ser_stream.errors import InputError
from ser_stream.features.log_mel import HE, JALAL, SHERMAN
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import SHIPPED, ModelInfo, read_info
from ser_stream.models.registry import build_model
from ser_stream.training.export import export_model

LABELS = ("neutral", "happy", "sad")
NETWORKS = [
    ("ilt", HE, {}),
    ("ilt", HE, {"masked": True}),
    ("cnn_transformer", HE, {}),
    ("cnn_lstm_transformer", HE, {}),
    ("lstm_transformer", HE, {"masked": True}),
    ("cat", HE, {"variant": "cnn_plus_lstm"}),
    ("cat", HE, {"masked": True}),
    ("moma", JALAL, {"hidden": 16}),
    ("moma", JALAL, {"hidden": 16, "blocks": 0}),
    ("cnn_blstm_attention", SHERMAN, {"attention": False}),
]
"""Networks of the papers that no shipped model has, with their features and options."""


def written(folder, architecture, features, options):
    torch.manual_seed(0)
    model = build_model(architecture, LABELS, features, options).eval()
    statistics = ((-30.0,) * features.dimension, (20.0,) * features.dimension)
    save_model(folder, model, ModelInfo("m", architecture, LABELS, features, *statistics, options))
    return folder


@pytest.mark.parametrize("architecture, features, options", NETWORKS)
def test_every_network_of_the_papers_is_exported(tmp_path, architecture, features, options):
    export_model(written(tmp_path, architecture, features, options))
    ours, theirs = (open_network(tmp_path, engine)[0] for engine in ("onnx", "torch"))
    framing = ours.framing
    rng = np.random.default_rng(0)
    for batch, n_frames in ((1, framing.step_frames), (3, 230), (1, framing.window_frames)):
        frames = rng.normal(-30, 10, (batch, n_frames, features.dimension)).astype(np.float32)
        found = []
        for network in (ours, theirs):
            steps, _ = network.encode(frames, ())
            found.append(network.score(steps[:, -framing.window_steps :], None).logits)
        np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.parametrize("name", ["tiny", "default", "can-english"])
def test_shipped_files_are_what_an_export_of_the_weights_computes(tmp_path, name):
    """The files of another version of torch may differ; what they compute may not."""
    folder = shutil.copytree(SHIPPED / name, tmp_path / name)
    shipped = read_info(folder).onnx
    exported = export_model(folder).onnx
    assert exported.framing == shipped.framing
    assert exported.files.keys() == shipped.files.keys()
    if name == "can-english":
        assert open_utterance_network(folder, "onnx")[1].labels
        return
    frames = np.full((1, 100, read_info(folder).features.dimension), -20.0, np.float32)
    steps = [
        network.encode(frames, network.initial_state(1))[0]
        for network in (open_network(model, "onnx")[0] for model in (name, folder))
    ]
    np.testing.assert_allclose(*steps, atol=1e-5)


def test_other_weights_need_another_export(tmp_path):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    model, info = load_model(folder)
    save_model(folder, model, info)
    assert read_info(folder).onnx is None
    assert not list(folder.glob("*.onnx"))


def test_an_export_adds_the_hashes_that_a_folder_lacks(tmp_path, tiny_model):
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    path = folder / "model.json"
    content = json.loads(path.read_text())
    del content["checksum"], content["weights"]
    path.write_text(json.dumps(content))
    export_model(folder)
    assert read_info(folder).weights == read_info(tiny_model).weights
    assert "checksum" in json.loads(path.read_text())


def test_eight_bits_need_matrices(tmp_path, tiny_can):
    with pytest.raises(InputError, match="model tiny-can: takes words; --int8 goes with"):
        export_model(shutil.copytree(tiny_can, tmp_path / "can"), eight_bit=True)


def test_a_small_network_of_words_is_exported(tmp_path, tiny_can):
    folder = shutil.copytree(tiny_can, tmp_path / "can")
    export_model(folder)
    ours, theirs = (open_utterance_network(folder, engine)[0] for engine in ("onnx", "torch"))
    segments = [np.ones((n, 40), np.float32) for n in (3, 12, 7)]
    words = ours.vocabulary.encode(["he", "is", "gone"])
    np.testing.assert_allclose(
        ours.outputs(segments, words)[0], theirs.outputs(segments, words)[0], atol=1e-4
    )


def test_eight_bits_are_refused_where_only_the_first_layer_could_have_them(tmp_path):
    """The model stays as it was."""
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = command.run("export", folder, "--int8")
    assert code == 2
    assert "--int8: the network's front end has fewer than two layers of LSTM, GRU" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_command_writes_the_files_and_their_hashes(tmp_path, tiny_model):
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    code, out, err = command.run("export", folder)
    assert code == 0, err
    files = read_info(folder).onnx.files
    assert files.keys() >= {"steps.onnx", "head.onnx"}
    assert all(digest in out for digest in files.values())
    assert isinstance(open_network(folder, "onnx")[0].labels, tuple)
