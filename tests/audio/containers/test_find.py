"""Files that were appended to one another, of one kind or several, and what lies between them."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from sound_files import FORMATS, decoded, encoded, noise, read


@pytest.fixture(scope="module")
def files():
    """Ending -> a file of 4 s at 16 kHz, and one of 1 s at 24 kHz with two channels."""
    return {
        ending: (encoded(noise(4), 16_000, ending), encoded(noise(1, 24_000, 2), 24_000, ending))
        for ending in FORMATS
    }


@pytest.mark.parametrize("ending", FORMATS)
def test_files_that_were_appended_are_read_one_after_the_other(files, tmp_path, ending):
    first, second = files[ending]
    sound, error = read(tmp_path / f"sound.{ending}", first + second + first)
    assert error == ""
    assert [part.shape[1] for part in sound] == [1, 2, 1]
    for part, content in zip(sound, (first, second, first), strict=True):
        np.testing.assert_allclose(part, decoded(content), atol=1e-4)


def test_files_of_several_kinds_in_one_are_read(files, tmp_path):
    """Whatever the name says: each of them begins in its own way."""
    order = ["wav", "mp3", "flac", "opus", "aiff", "ogg", "caf", "mp3", "w64", "rf64", "au", "wav"]
    sound, error = read(tmp_path / "sound.wav", b"".join(files[ending][0] for ending in order))
    assert error == ""
    expected = sum(len(decoded(files[ending][0])) for ending in order)
    assert sum(map(len, sound)) == expected


@pytest.mark.parametrize("ending", FORMATS)
def test_bytes_between_and_behind_files_are_counted(files, tmp_path, ending):
    if ending == "flac":
        pytest.skip("a FLAC file does not say where its last frame ends")
    first, second = files[ending]
    junk = b"\x01\x02\x03 no sound. " * 60
    sound, error = read(tmp_path / f"sound.{ending}", first + junk + second + junk)
    assert sum(map(len, sound)) == len(decoded(first)) + len(decoded(second))
    assert error.startswith("read 5.0")
    assert error.count(f"{len(junk)} bytes") == 2


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_cut_off_before_another_does_not_hide_that(files, tmp_path, ending):
    first, second = files[ending]
    sound, error = read(tmp_path / f"sound.{ending}", first[: len(first) // 2] + second)
    np.testing.assert_allclose(sound[-1], decoded(second), atol=1e-4)
    assert 0.5 < len(sound[0]) / 16_000 < 2.5
    assert "the file is cut off" in error or "flac decoder" in error


@pytest.mark.parametrize("ending", FORMATS)
def test_a_damaged_beginning_of_the_second_file_is_said(files, tmp_path, ending):
    first, second = files[ending]
    damaged = second[:8] + bytes(60) + second[68:]
    sound, error = read(tmp_path / f"sound.{ending}", first + damaged)
    np.testing.assert_allclose(sound[0][: len(decoded(first))], decoded(first), atol=1e-4)
    if ending == "mp3":  # its first frame has no sound
        assert sum(map(len, sound)) > 64_000 + 24_000
    else:
        assert error.startswith("read 4.0")
        assert "bytes after 4.0" in error


@pytest.mark.parametrize("ending", ["ogg", "opus", "flac", "wav"])
def test_a_tag_behind_the_sound_is_no_loss(files, tmp_path, ending):
    sound, error = read(tmp_path / "sound", files[ending][0] + b"TAG".ljust(128, b"x"))
    assert (len(sound[0]), error) == (64_000, "")


@pytest.mark.parametrize("ending", ["wav", "au", "raw", "mp3", "gz", "vox"])
def test_noise_is_no_sound_whatever_its_name_says(tmp_path, ending):
    for beginning in (b"", b"\x1f\x8b", b"\xff\xfb\x90\x00", b"\xff\xf3\x48\xc4"):
        content = beginning + np.random.default_rng(1).bytes(30_000)
        sound, error = read(tmp_path / f"sound.{ending}", content)
        assert sound == []
        assert error.startswith("not audio")


@pytest.mark.parametrize("ending", ["wav", "au", "flac", "ogg"])
def test_a_file_without_its_beginning_is_no_sound(files, tmp_path, ending):
    """Not even with a name by which libsndfile takes anything for samples."""
    content = files[ending][0][200:]
    sound, error = read(tmp_path / f"sound.{ending}", content)
    assert sound == []
    assert error.startswith("not audio")


@pytest.mark.parametrize("ending", ["wav", "aiff", "caf", "w64", "flac", "ogg", "mp3"])
def test_a_beginning_before_nothing_but_zeros_is_refused(files, tmp_path, ending):
    """What a file system leaves after a loss of power: the length is there, the content is not."""
    path = tmp_path / f"sound.{ending}"
    path.write_bytes(files[ending][0][: 24 if ending != "w64" else 40])
    with path.open("r+b") as file:
        file.truncate(1 << 26)
    with pytest.raises(InputError, match=r"not audio|no samples"):
        Recording(path)
