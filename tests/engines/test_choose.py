import shutil
import subprocess
import sys

import pytest

from paths import ROOT
from ser_stream.engines import choose
from ser_stream.engines.choose import open_network, open_utterance_network
from ser_stream.engines.onnx import OnnxNetwork, OnnxUtteranceNetwork
from ser_stream.engines.torch import TorchNetwork, TorchUtteranceNetwork
from ser_stream.errors import InputError
from ser_stream.models.info import SHIPPED


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setattr(choose, "torch_is_installed", lambda: False)


@pytest.mark.parametrize(
    "engine, kind", [("auto", OnnxNetwork), ("onnx", OnnxNetwork), ("torch", TorchNetwork)]
)
def test_a_shipped_model_opens_with_each_engine(engine, kind):
    network, info = open_network("tiny", engine)
    assert isinstance(network, kind)
    assert network.labels == info.labels
    assert network.engine.split()[0] == ("torch" if kind is TorchNetwork else "onnx")


def test_auto_takes_torch_where_it_can_use_a_gpu(monkeypatch):
    monkeypatch.setattr(choose, "_has_gpu", lambda: True)
    assert isinstance(open_network("tiny")[0], TorchNetwork)
    assert isinstance(open_network("tiny", device="cpu")[0], OnnxNetwork)


def test_auto_takes_onnx_where_the_weights_of_torch_are_not_installed(monkeypatch, tmp_path):
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr(choose, "_has_gpu", lambda: True)
    assert isinstance(open_network(folder)[0], OnnxNetwork)


def test_without_torch_another_device_names_the_extra(without_torch):
    with pytest.raises(InputError, match=r"device: found 'cuda', but torch is not .*\[cuda\]"):
        open_network("tiny", device="cuda")


def test_a_model_without_onnx_files_runs_with_torch(tiny_model, tiny_can):
    assert isinstance(open_network(tiny_model)[0], TorchNetwork)
    assert isinstance(open_utterance_network(tiny_can)[0], TorchUtteranceNetwork)


def test_a_model_of_words_opens_with_onnx():
    assert isinstance(open_utterance_network("can-english")[0], OnnxUtteranceNetwork)


def test_without_torch_a_model_without_onnx_files_says_what_to_do(tiny_model, without_torch):
    with pytest.raises(InputError, match=r"model tiny: has no ONNX files, and torch is not install"
                       r"ed: pip install 'ser_stream\[cuda\]'; .* ser-stream export"):  # fmt: skip
        open_network(tiny_model)
    with pytest.raises(InputError, match="model tiny: has no ONNX files; write them with torch"):
        open_network(tiny_model, "onnx")


def test_without_torch_the_engine_torch_names_the_extra(without_torch):
    with pytest.raises(InputError, match=r"model tiny: torch is not installed: .*\[cuda\]"):
        open_network("tiny", "torch")


@pytest.mark.parametrize(
    "model, settings, message",
    [
        ("tiny", {"engine": "tensorrt"}, "engine: found 'tensorrt'; accepted are auto, onnx,"),
        ("tiny", {"engine": "onnx", "device": "cuda"}, "device: found 'cuda'; engine onnx runs on"),
        ("tiny", {"engine": "onnx-int8"}, "model tiny: has no steps.int8.onnx; accepted are the"),
        ("can-english", {}, "it takes sound and words: name it as the text model"),
        ("nonsense", {}, "model 'nonsense': no such folder"),
        ("x" * 300, {}, "no such folder"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(model, settings, message):
    with pytest.raises(InputError, match=message) as raised:
        open_network(model, **settings)
    assert "\n" not in str(raised.value)


def test_a_model_of_sound_alone_is_no_text_model():
    with pytest.raises(InputError, match="found causal_crnn, which takes sound alone"):
        open_utterance_network("tiny")


def test_listening_with_onnx_imports_no_torch():
    program = (
        "import sys\n"
        "from ser_stream import Recognizer\n"
        "estimates = list(Recognizer(engine='onnx').stream(sys.argv[1]))\n"
        "assert estimates\n"
        "print('torch' in sys.modules, 'scipy' in sys.modules)\n"
    )
    recording = next((ROOT / "tests" / "recordings").glob("*.flac"))
    done = subprocess.run(
        [sys.executable, "-c", program, str(recording)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"], done.stderr
