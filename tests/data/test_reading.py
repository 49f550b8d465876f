"""All damaged recordings of a corpus are named at once."""

from __future__ import annotations

import shutil

import pytest

from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import load_features
from ser_stream.data.reading import MAX_NAMED, READABLE, check_recordings, read_utterances
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


def test_a_check_names_all_that_cannot_be_read_and_how_to_go_on(damaged, tmp_path):
    utterances, files = damaged
    with pytest.raises(InputError) as error:
        check_recordings(utterances, tmp_path / "cache")
    assert str(error.value).startswith("2 of 16 recordings cannot be read wholly: ")
    assert all(str(file) in str(error.value) for file in files)
    assert str(error.value).endswith("remove them, or leave them out with --skip-bad")


@pytest.mark.parametrize("cached", [True, False])
def test_recordings_that_cannot_be_read_may_be_left_out(damaged, tmp_path, capsys, cached):
    utterances, files = damaged
    cache = tmp_path / "cache" if cached else None
    for _ in range(2):
        checked = check_recordings(utterances, cache, skip_bad=True)
        assert len(checked.utterances) == 14
        assert not {u.path for u in checked.utterances} & set(files)
        assert [message.partition(": ")[0] for message in checked.skipped] == list(map(str, files))
        assert "left out: 2 of 16 recordings cannot be read wholly: " in capsys.readouterr().err


def test_where_nothing_can_be_read_nothing_is_left_out(damaged):
    utterances, files = damaged
    bad = [utterance for utterance in utterances if utterance.path in files]
    with pytest.raises(InputError, match="2 of 2 recordings"):
        check_recordings(bad, None, skip_bad=True)


def test_a_readable_recording_is_read_again_only_when_it_was_replaced(damaged, tmp_path):
    utterances, files = damaged
    good = [utterance for utterance in utterances if utterance.path not in files]
    cache = tmp_path / "cache"
    check_recordings(good, cache)
    assert (cache / READABLE).stat().st_mode & 0o777 == 0o600
    noted = (cache / READABLE).read_bytes()
    moved = tmp_path / "moved"
    (tmp_path / "corpora").rename(moved)
    there = [u for u in read_corpora(moved, ["ravdess"]) if u.path.name not in
             {file.name for file in files}]  # fmt: skip
    check_recordings(there, cache)
    assert (cache / READABLE).read_bytes() == noted  # known, though in another folder
    there[0].path.write_bytes(b"")
    with pytest.raises(InputError, match=f"1 of 14 recordings .*{there[0].path}: is empty"):
        check_recordings(there, cache)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[1, null]", b"\xff"])
def test_a_damaged_list_of_readable_recordings_is_written_again(damaged, tmp_path, content):
    utterances, files = damaged
    good = [utterance for utterance in utterances if utterance.path not in files][:2]
    check_recordings(good, tmp_path / "cache")
    right = (tmp_path / "cache" / READABLE).read_bytes()
    (tmp_path / "cache" / READABLE).write_bytes(content)
    check_recordings(good, tmp_path / "cache")
    assert (tmp_path / "cache" / READABLE).read_bytes() == right


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"/annex/objects/MD5E-s1--0.flac\n", "git annex get"),
    ],
)
def test_recordings_that_were_not_fetched_are_named_with_the_command(damaged, content, command):
    utterances, files = damaged
    files[1].write_bytes(content)
    with pytest.raises(InputError, match=f"{files[1]}: stands for a file .*: {command}"):
        check_recordings(utterances, None)
