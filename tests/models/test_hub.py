"""Names on the Hugging Face Hub, with a cache and without a network."""

import hashlib
import shutil
import sys

import pytest

from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model
from ser_stream.models.hub import check_snapshot, is_hub_name
from tiny_checkpoints import make_checkpoint

NAME = "someone/emotions"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
        (f"someone/emotions@{COMMIT}", True),
        ("someone/emotions@main", True),  # refused later, by a message about revisions
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
        load_model(f"{NAME}@{COMMIT}")
    for fact in (NAME, "preprocessor_config.json", "model.safetensors", "--local-dir DIR", COMMIT):
        assert fact in str(error.value)


@pytest.mark.huggingface
def test_a_download_needs_the_revision(cache):
    with pytest.raises(InputError, match=f"name its revision, too: {NAME}@COMMIT, with the 40"):
        load_model(NAME)
    with pytest.raises(InputError, match="found the revision 'main'; accepted are the 40"):
        load_model(f"{NAME}@main")


@pytest.mark.huggingface
@pytest.mark.parametrize("name", ["runs/my--model", "someone/model.", f"a/b--c@{COMMIT}"])
def test_a_name_that_the_hub_does_not_allow_is_an_error_too(cache, name):
    with pytest.raises(InputError, match="no such folder, and not"):
        load_model(name)


@pytest.mark.huggingface
def test_a_download_that_breaks_off_is_an_error_of_one_line(cache, monkeypatch):
    class BrokenError(Exception):
        """As the HTTP client has them, which are no OSError."""

    def download(repository, local_files_only=False, **_):
        raise FileNotFoundError if local_files_only else BrokenError

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(InputError, match=r"not available .* \(BrokenError\)"):
        load_model(f"{NAME}@{COMMIT}")


@pytest.mark.huggingface
def test_a_cached_revision_is_loaded_by_its_name(cache):
    make_checkpoint(cache / "models--someone--emotions" / "snapshots" / COMMIT)
    assert load_model(f"{NAME}@{COMMIT}")[1].name == "emotions"


def test_a_file_that_arrived_damaged_is_named(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    content = b"weights"
    large, small = hashlib.sha256(content), hashlib.sha1(b"blob 7\0weights")
    for name, digest in (("model.safetensors", large), ("config.json", small)):
        (blobs / digest.hexdigest()).write_bytes(content)
        (snapshot / name).symlink_to(blobs / digest.hexdigest())
    check_snapshot(snapshot)
    for name in ("model.safetensors", "config.json"):
        (snapshot / name).resolve().write_bytes(b"w3ights")
        with pytest.raises(InputError, match=rf"{name}: hash is .* it arrived damaged; remove"):
            check_snapshot(snapshot)
        (snapshot / name).resolve().write_bytes(content)


def test_without_transformers_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'ser_stream\[huggingface\]'"):
        load_model(NAME)
