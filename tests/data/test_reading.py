"""All damaged recordings of a corpus are named at once."""

from __future__ import annotations

import shutil

import pytest

from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import load_features
from ser_stream.data.reading import MAX_NAMED, read_utterances
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig


@pytest.fixture
def damaged(corpora, tmp_path):
    """A copy of the corpus, and two of its files, which are damaged."""
    shutil.copytree(corpora, tmp_path / "corpora")
    files = sorted((tmp_path / "corpora").rglob("*.flac"))[3:5]
    files[0].write_bytes(files[0].read_bytes()[:-5_000])
    files[1].write_bytes(b"")
    return read_corpora(tmp_path / "corpora", ["ravdess"]), files


def test_one_line_names_all_damaged_recordings(damaged):
    utterances, files = damaged
    with pytest.raises(InputError) as error:
        list(read_utterances(utterances, "reading"))
    assert str(error.value).startswith("2 of 16 recordings cannot be read wholly: ")
    assert f"{files[0]}: breaks off after" in str(error.value)
    assert f"{files[1]}: is empty (0 bytes)" in str(error.value)
    assert "\n" not in str(error.value)


def test_features_of_a_damaged_corpus_are_not_cached(damaged, tmp_path):
    utterances, _ = damaged
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(InputError, match="2 of 16 recordings"):
        load_features(utterances, LogMelConfig(), 1.0, cache)
    assert list(cache.iterdir()) == []


def test_of_many_damaged_recordings_some_are_named(damaged):
    utterances, files = damaged
    many = [utterance for utterance in utterances if utterance.path == files[1]] * 14
    with pytest.raises(InputError, match=r"; and 4 more; replace or remove them") as error:
        list(read_utterances(many, "reading"))
    assert str(error.value).count(str(files[1])) == MAX_NAMED
