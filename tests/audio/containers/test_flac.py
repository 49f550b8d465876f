"""FLAC files: what follows them, and what they hold of other files."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.containers.flac import frame_start
from sound_files import decoded, encoded, noise, read

LONG = encoded(noise(12), 16_000, "flac")
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


@pytest.mark.parametrize("damage", ["zeroed", "one bit", "removed", "inserted"])
def test_damage_takes_the_frames_that_it_lies_in(tmp_path, damage):
    place = len(LONG) // 2
    if damage == "zeroed":
        content = LONG[:place] + bytes(200) + LONG[place + 200 :]
    elif damage == "one bit":
        content = LONG[:place] + bytes([LONG[place] ^ 4]) + LONG[place + 1 :]
    elif damage == "removed":
        content = LONG[:place] + LONG[place + 6_000 :]
    else:
        content = LONG[:place] + b"\xff\xf8\xc9\x18" * 300 + LONG[place:]
    sound, error = read(tmp_path / "sound.flac", content)
    whole = decoded(LONG)
    n_lost = len(whole) - len(sound[0])
    assert 0 < n_lost <= 3 * 4096 + 512
    assert f"skipped {n_lost / 16_000:.2f} s after" in error
    n_before = round(float(error.split("s after ")[1].split(" s")[0]) * 16_000)
    assert abs(n_before - len(whole) // 2) < 3 * 4096
    np.testing.assert_array_equal(sound[0][: n_before - 512], whole[: n_before - 512])
    np.testing.assert_array_equal(sound[0][-60_000:], whole[-60_000:])


def test_damage_at_several_places_is_counted(tmp_path):
    content = bytearray(LONG)
    for tenth in range(1, 9):
        content[tenth * len(content) // 10] ^= 0xFF
    sound, error = read(tmp_path / "sound.flac", bytes(content))
    assert 0.5 * 12 < len(sound[0]) / 16_000 < 12
    assert error.endswith("; and 5 more")


@pytest.mark.parametrize("block_size", [4096, 1152])
def test_frames_are_found_where_the_encoder_put_them(block_size):
    """The encoder of libsndfile makes frames of 4096 samples, whose numbers count up from 0."""
    starts = [
        number
        for place in range(len(LONG) - 16)
        if (number := frame_start(LONG[place : place + 16], block_size)) is not None
    ]
    assert starts == [block_size * number for number in range(-(-len(decoded(LONG)) // 4096))]
