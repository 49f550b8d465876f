"""Names on the Hugging Face Hub, with a cache and without a network."""

import shutil
import sys

import pytest

from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model
from ser_stream.models.hub import is_hub_name
from tiny_checkpoints import make_checkpoint

NAME = "someone/emotions"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder of the Hub, without a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("superb/wav2vec2-base-superb-er", True),
        ("runs/model", False),  # a folder runs is there: a mistyped folder
        ("/someone/emotions", False),
        ("../emotions", False),
        ("a/b/c", False),
        ("nonsense", False),
    ],
)
def test_a_hub_name_is_distinguished_from_a_path(tmp_path, monkeypatch, name, expected):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_hub_name(name) is expected


@pytest.mark.huggingface
def test_a_cached_model_is_loaded_without_a_network(cache):
    snapshot = cache / "models--someone--emotions" / "snapshots" / "0123abcd"
    make_checkpoint(snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123abcd")
    model, info = load_model(NAME)
    assert info.name == "emotions"
    assert model.labels == ("neutral", "happy", "sad", "angry")
    shutil.rmtree(cache)


@pytest.mark.huggingface
def test_without_a_network_the_error_says_what_to_put_where(cache):
    with pytest.raises(InputError) as error:
        load_model(NAME)
    for fact in (NAME, "preprocessor_config.json", "model.safetensors", "--local-dir DIR"):
        assert fact in str(error.value)


def test_without_transformers_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'ser_stream\[huggingface\]'"):
        load_model(NAME)
