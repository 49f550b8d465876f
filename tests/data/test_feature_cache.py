"""Features of speech, cached on disk."""

import os
import shutil

import numpy as np
import pytest

from ser_stream.audio.speech import speech_span
from ser_stream.corpora import ravdess
from ser_stream.data.feature_cache import load_features, load_or_compute
from ser_stream.data.forced_alignment import align
from ser_stream.data.recordings import ClipSettings, load_clips
from ser_stream.data.word_segments import load_word_clips
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.segments import SegmentConfig


def test_a_recording_without_detected_speech_is_not_cut():
    assert speech_span(np.zeros(8000, np.float32)) == (0, 8000)


def test_features_are_cached_and_read_back(corpora, tmp_path):
    utterances = ravdess.read(corpora / "ravdess")[:3]
    first = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    again = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    assert len(first) == 3
    np.testing.assert_array_equal(first.utterance(1), again.utterance(1))
    assert len(first.utterance(1, tail=True)) >= len(first.utterance(1))
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}  # nothing half written


@pytest.fixture
def copied(corpora, tmp_path):
    """Three utterances of a corpus in a folder of its own, which a test may change."""
    shutil.copytree(corpora / "ravdess", tmp_path / "ravdess")
    return ravdess.read(tmp_path / "ravdess")[:3]


def load(kind, utterances, cache):
    """Load what a cache holds of utterances."""
    if kind == "windows":
        return load_features(utterances, LogMelConfig(), 1.0, cache)
    if kind == "simulated":
        return load_features(utterances, LogMelConfig(), 1.0, cache, simulation=0)
    if kind == "recordings":
        return load_clips(utterances, LogMelConfig(), ClipSettings(), False, cache)
    if kind == "words":
        return load_word_clips(utterances, SegmentConfig(segmentation="equal"), cache)
    return align(utterances, cache)


KINDS = ("windows", "simulated", "recordings", "words", "alignment")


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_recording_is_noticed_and_a_moved_corpus_is_not(copied, tmp_path, kind):
    cache = tmp_path / "cache"
    load(kind, copied, cache)
    entries = set(cache.iterdir())
    moved = (tmp_path / "ravdess").rename(tmp_path / "moved")
    utterances = ravdess.read(moved)[:3]
    load(kind, utterances, cache)
    assert set(cache.iterdir()) == entries
    # Another recording of the same name and size, as of a corpus that was processed again.
    status = utterances[1].path.stat()
    os.utime(utterances[1].path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    load(kind, utterances, cache)
    assert len(set(cache.iterdir()) - entries) == len(entries)


@pytest.fixture
def entry(tmp_path):
    """A function that reads a cache entry of two utterances, and counts how often it is made."""
    made = []

    def compute():
        made.append(True)
        yield np.ones((3, 2)), 2
        yield np.zeros((5, 2)), 5

    def read():
        return load_or_compute(tmp_path / "cache", ["key"], compute), len(made)

    read()
    return read


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "other bytes": lambda content: bytes(len(content)),
    "one frame less": lambda content: content.replace(b"(8, 2)", b"(7, 2)"),
    "another type": lambda content: content.replace(b"<f2", b"<i2"),
    "larger than the memory": lambda content: content.replace(
        b"(2, 2), }            ", b"(2, 9999999999999), }"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", [".index.npy", ".npy"])
def test_a_damaged_entry_is_computed_again(entry, tmp_path, caplog, damage, suffix):
    paths = [path for path in (tmp_path / "cache").iterdir() if path.name.endswith(suffix)]
    path = min(paths, key=lambda path: len(path.name))
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))
    damaged = path.read_bytes() != content
    store, made = entry()
    assert made == 1 + damaged and [len(store.utterance(i, tail=True)) for i in (0, 1)] == [3, 5]
    assert damaged == any("is damaged and is computed again" in line for line in caplog.messages)
    assert entry()[1] == made


def test_nobody_else_may_read_features_of_voices(entry, tmp_path):
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "cache").iterdir()}
    assert set(modes.values()) == {0o600} and len(modes) == 2
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_missing_part_of_an_entry_is_computed_again(entry, tmp_path):
    max((tmp_path / "cache").iterdir(), key=lambda path: path.stat().st_size).unlink()
    assert entry()[1] == 2
