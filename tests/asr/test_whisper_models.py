"""Models of faster-whisper by name, with a cache of the Hub and without a network."""

import dataclasses
import hashlib
import re

import pytest

pytest.importorskip("faster_whisper")

from ser_stream.asr.whisper_models import FILES, PINNED, whisper_folder
from ser_stream.errors import InputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def snapshot(repository, revision, files=FILES):
        folder = tmp_path / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).write_text(name)
        return folder

    return snapshot


def test_every_name_has_a_commit_and_a_hash():
    for pinned in PINNED.values():
        assert re.fullmatch("[0-9a-f]{40}", pinned.revision)
        assert re.fullmatch("[0-9a-f]{64}", pinned.sha256)


def test_weights_of_a_name_are_compared_with_its_hash(cache, monkeypatch):
    folder = cache(PINNED["tiny"].repository, PINNED["tiny"].revision)
    with pytest.raises(InputError, match=r"SHA-256 is .* that of the model tiny is dcb76c6586fc"):
        whisper_folder("tiny")
    sha256 = hashlib.sha256(b"model.bin").hexdigest()
    monkeypatch.setitem(PINNED, "tiny", dataclasses.replace(PINNED["tiny"], sha256=sha256))
    assert whisper_folder("tiny") == folder


def test_another_revision_in_the_cache_is_not_used(cache):
    cache(PINNED["tiny"].repository, COMMIT)
    with pytest.raises(InputError, match="'tiny': not on this machine, and cannot be downloaded"):
        whisper_folder("tiny")


def test_repositories_are_named_with_their_commit(cache):
    folder = cache("someone/whisper", COMMIT)
    assert whisper_folder(f"someone/whisper@{COMMIT}") == folder
    with pytest.raises(InputError, match="a download needs the name with its commit"):
        whisper_folder("someone/whisper")
    with pytest.raises(InputError, match="found the revision 'main'; accepted are the 40"):
        whisper_folder("someone/whisper@main")


def test_an_interrupted_download_is_not_used(cache):
    cache("someone/whisper", COMMIT, files=FILES[:1])
    with pytest.raises(InputError, match=r"config\.json, tokenizer\.json missing"):
        whisper_folder(f"someone/whisper@{COMMIT}")


@pytest.mark.parametrize("model", ["huge", "../tiny", "a/b/c", "x" * 5000, "a@b"])
def test_other_names_are_refused(model):
    with pytest.raises(InputError, match=r"asr model: found .*; accepted are a folder, OWNER"):
        whisper_folder(model)
