"""FLAC files: what follows them, and what they hold of other files."""

from __future__ import annotations

import pytest

from sound_files import encoded, noise, read

FLAC = encoded(noise(3), 16_000, "flac")


def with_metadata(kind: int, content: bytes) -> bytes:
    """The file with another block of metadata behind the first."""
    block = bytes([kind]) + len(content).to_bytes(3, "big") + content
    return FLAC[:42] + block + FLAC[42:]


def test_metadata_that_holds_the_header_of_another_file_is_none(tmp_path):
    """`flac --keep-foreign-metadata` keeps that of the WAV file."""
    wav = b"riffRIFF\x24\x77\x01\x00WAVEfmt \x10\0\0\0"
    sound, error = read(tmp_path / "sound.flac", with_metadata(2, wav))
    assert (len(sound[0]), error) == (48_000, "")


@pytest.mark.parametrize("n", [50_000, 400_000])
def test_many_bytes_behind_the_last_sample_are_said(tmp_path, n):
    sound, error = read(tmp_path / "sound.flac", FLAC + b"\x55" * n)
    assert len(sound[0]) == 48_000
    assert error.startswith("read 3.00 s, skipped at least ")
    assert n - 20_000 < int(error.split()[6]) <= n


def test_a_damaged_frame_ends_the_sound_and_is_said(tmp_path):
    place = len(FLAC) // 2
    damaged = FLAC[:place] + bytes(200) + FLAC[place + 200 :]
    sound, error = read(tmp_path / "sound.flac", damaged)
    assert 16_000 < len(sound[0]) < 32_000
    assert error.startswith(f"breaks off after {len(sound[0]) / 16_000:.2f} s of 3.00 s (")
