"""Uncompressed files whose header gives no length, a wrong one, or one of another format."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sound_files import encoded, noise, read

SECONDS = 2
SOUND = noise(SECONDS)
WAV = encoded(SOUND, 16_000, "wav")
N_BYTES = 2 * len(SOUND)
HEADER = 44


def with_lengths(riff: int, data: int, content: bytes = WAV) -> bytes:
    """The WAV file with other lengths in its header."""
    return (
        content[:4]
        + struct.pack("<I", riff)
        + content[8:40]
        + struct.pack("<I", data)
        + (content[44:])
    )


@pytest.mark.parametrize(
    "declared",
    [
        0, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000, 0x80000000, 0x80000000 - 44, 2_000_000_000,
        1_000_000_000, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0xFFFFFFFE, 0xFFFFFF00,
    ],
)  # fmt: skip
def test_a_length_that_stands_for_none_is_no_loss(tmp_path, declared):
    content = with_lengths(min(declared + 36, 0xFFFFFFFF), declared)
    sound, error = read(tmp_path / "sound.wav", content)
    assert (len(sound[0]), error) == (len(SOUND), "")


def test_two_streams_without_a_length_are_two(tmp_path):
    """The header of the second one is no sound."""
    endless = with_lengths(0xFFFFFFFF, 0xFFFFFFFF)
    sound, error = read(tmp_path / "sound.wav", endless + endless)
    assert (len(sound[0]), error) == (2 * len(SOUND), "")
    np.testing.assert_array_equal(sound[0][: len(SOUND)], sound[0][len(SOUND) :])


@pytest.mark.parametrize("declared", [1_234_567, 3 * N_BYTES, 1_500_000_001])
def test_any_other_length_beyond_the_end_is_a_cut(tmp_path, declared):
    sound, error = read(tmp_path / "sound.wav", with_lengths(declared + 36, declared))
    assert len(sound[0]) == len(SOUND)
    assert error == f"breaks off after 2.00 s of {declared / 32_000:.2f} s (the file is cut off)"


@pytest.mark.parametrize("lacking", [2, 1_000, 40_000])
def test_sound_behind_the_declared_end_is_counted(tmp_path, lacking):
    declared = N_BYTES - lacking
    sound, error = read(tmp_path / "sound.wav", with_lengths(declared + 36, declared))
    assert len(sound[0]) == declared // 2
    assert f"skipped {lacking} bytes after {declared / 32_000:.2f} s (no sound" in error


def test_a_wav_file_without_samples_but_with_chunks_is_not_read_as_sound(tmp_path):
    content = WAV[:40] + struct.pack("<I", 0) + b"LIST" + struct.pack("<I", 4) + b"INFO"
    sound, error = read(tmp_path / "sound.wav", content)
    assert (sound, error) == ([], "holds no samples, only a header")


@pytest.mark.parametrize("padded", [True, False])
def test_an_odd_number_of_bytes_may_be_padded(tmp_path, padded):
    odd = with_lengths(N_BYTES + 36, N_BYTES - 1)[:-1] + b"\0" * padded
    sound, error = read(tmp_path / "sound.wav", odd)
    assert (len(sound[0]), error) == (len(SOUND) - 1, "")
    chunk = b"LIST" + struct.pack("<I", 4) + b"INFO"
    sound, error = read(tmp_path / "sound.wav", odd + chunk)
    assert (len(sound[0]), error) == (len(SOUND) - 1, "")


def test_chunks_before_and_behind_the_samples_are_no_loss(tmp_path):
    junk = b"JUNK" + struct.pack("<I", 28) + bytes(28) + b"bext" + struct.pack("<I", 602)
    behind = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + bytes(14)
    content = WAV[:12] + junk + bytes(602) + WAV[12:] + behind
    assert read(tmp_path / "sound.wav", content)[1] == ""
    assert read(tmp_path / "sound.wav", content[:-9])[1] == ""  # no sound is cut off


def test_a_second_chunk_of_samples_is_said(tmp_path):
    content = WAV + b"data" + struct.pack("<I", 3_200) + bytes(3_200)
    sound, error = read(tmp_path / "sound.wav", content)
    assert len(sound[0]) == len(SOUND)
    assert "skipped 3208 bytes after 2.00 s (a second chunk of samples" in error


@pytest.mark.parametrize(
    ("ending", "subtype"),
    [("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "ULAW"), ("wav", "IMA_ADPCM"), ("aiff", "FLOAT")],
)
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_other_codecs_are_read_and_their_cuts_seen(tmp_path, ending, subtype, share):
    content = encoded(SOUND, 16_000, ending, subtype)
    sound, error = read(tmp_path / f"sound.{ending}", content[: round(share * len(content))])
    assert len(sound[0]) / 32_000 == pytest.approx(share, abs=0.05)
    assert error == "" if share == 1.0 else "breaks off after 1." in error and "of 2." in error


@pytest.mark.parametrize("ending", ["rf64", "w64", "aiff", "caf", "au"])
def test_formats_other_than_wav_say_where_they_break_off(tmp_path, ending):
    content = encoded(SOUND, 16_000, ending)
    sound, error = read(tmp_path / f"sound.{ending}", content[: -N_BYTES // 2])
    assert len(sound[0]) / 16_000 == pytest.approx(1.0, abs=0.01)
    assert error.startswith(f"breaks off after {len(sound[0]) / 16_000:.2f} s of 2.00 s")


@pytest.mark.parametrize("declared", [0, 2**64 - 1, None])
def test_bw64_and_rf64_without_a_length_are_read(tmp_path, declared):
    """BW64 is RF64 by another name, which libsndfile does not know."""
    content = bytearray(encoded(SOUND, 16_000, "rf64"))
    lengths = content.index(b"ds64") + 8
    if declared is not None:
        content[lengths : lengths + 24] = struct.pack("<QQQ", declared, declared, declared)
    for name in (b"RF64", b"BW64"):
        content[:4] = name
        sound, error = read(tmp_path / "sound.wav", bytes(content))
        assert (len(sound[0]), error) == (len(SOUND), "")


def test_caf_and_au_without_a_length_are_read(tmp_path):
    caf, au = bytearray(encoded(SOUND, 16_000, "caf")), bytearray(encoded(SOUND, 16_000, "au"))
    place = caf.index(b"data") + 4
    caf[place : place + 8] = b"\xff" * 8
    au[8:12] = b"\xff" * 4
    for content in (caf, au):
        sound, error = read(tmp_path / "sound", bytes(content))
        assert (len(sound[0]), error) == (len(SOUND), "")
