"""Files that are not what they should be."""

import hashlib
import os

import pytest

from ser_stream.errors import InputError
from ser_stream.file_checks import check_sha256, file_stamps, placeholder_advice

LFS = """version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
"""
ANNEX = "/annex/objects/MD5E-s123--d41d8cd98f00b204e9800998ecf8427e.wav\n"


@pytest.mark.parametrize(
    ("content", "command"),
    [(LFS, "git lfs pull"), (ANNEX, "git annex get"), ("RIFF", ""), ("", "")],
)
def test_pointers_are_told_from_other_files(tmp_path, content, command):
    path = tmp_path / "a.wav"
    path.write_text(content)
    advice = placeholder_advice(path)
    assert advice.endswith(command) and bool(advice) is bool(command)


def test_a_link_of_git_annex_that_leads_nowhere_stands_for_a_file(tmp_path):
    (tmp_path / "a.wav").symlink_to("../.git/annex/objects/x/y/MD5E-s1--z.wav")
    (tmp_path / "b.wav").symlink_to("elsewhere.wav")
    assert placeholder_advice(tmp_path / "a.wav").endswith("git annex get")
    assert placeholder_advice(tmp_path / "b.wav") == placeholder_advice(tmp_path / "no") == ""


def test_a_stamp_tells_a_replaced_file_wherever_it_is(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"12")
    os.utime(path, ns=(1, 1))
    (first,) = file_stamps([("a", path)])
    assert first == ("a", 2, 1)
    (tmp_path / "moved").mkdir()
    moved = path.rename(tmp_path / "moved" / "a.wav")
    assert file_stamps([("a", moved)]) == [first]
    os.utime(moved, ns=(1, 2))  # of the same size
    assert file_stamps([("a", moved)]) != [first]
    assert file_stamps([("a", path)]) == [("a", -1, -1)]


def test_a_file_of_another_hash_is_refused(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"right")
    expected = hashlib.sha256(b"right").hexdigest()
    check_sha256(path, expected)
    for content, message in (
        (
            b"wrong",
            f"SHA-256 is [0-9a-f]{{12}}..., ser_stream has {expected[:12]}",
        ),
        (LFS.encode(), "stands for a file that Git LFS has not fetched; .*: git lfs pull"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"weights\.bin: {message}"):
            check_sha256(path, expected)
    path.unlink()
    with pytest.raises(InputError, match=r"weights\.bin: No such .*; install ser_stream again"):
        check_sha256(path, expected)
