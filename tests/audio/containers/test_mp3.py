"""MP3 files with tags, damage and changes, and without a description of their length."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.containers.mpeg import frame_at
from ser_stream.audio.containers.part import FileBytes
from sound_files import decoded, encoded, noise, read

SOUND = noise(4)
MP3 = encoded(SOUND, 16_000, "mp3")
FRAME = 576
DECODER_DELAY = 529
ID3V2 = b"ID3\x03\0\0" + bytes([0, 0, 7, 0x68]) + bytes(1000)
ID3V1 = b"TAG".ljust(128, b"x")
APE = b"APETAGEX" + bytes([0xD0, 7, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xA0]) + bytes(8 + 32)


@pytest.fixture
def frames(tmp_path) -> list[bytes]:
    """The frames of the file; the first has no sound, and describes the others."""
    path = tmp_path / "whole.mp3"
    path.write_bytes(MP3)
    with path.open("rb", buffering=0) as raw:
        file, found, position = FileBytes(raw), [], 0
        while (frame := frame_at(file, position)) is not None:
            found.append(MP3[position : position + frame.length])
            position += frame.length
    assert position == len(MP3)
    return found


def test_the_length_is_known_without_a_description(frames, tmp_path):
    """The decoder guesses it from the first frame's bit rate, which says nothing about others."""
    content = b"".join(frames[1:])
    assert len(set(map(len, frames))) > 2  # bit rates vary
    sound, error = read(tmp_path / "sound.mp3", content)
    assert (len(sound[0]), error) == (FRAME * (len(frames) - 1) - DECODER_DELAY, "")


def test_frames_appended_without_a_description_of_their_own_are_read(frames, tmp_path):
    sound, error = read(tmp_path / "sound.mp3", MP3 + b"".join(frames[1:]))
    assert error == ""
    assert len(sound[0]) == pytest.approx(2 * len(SOUND), abs=4 * FRAME)


def test_tags_at_any_place_are_no_loss(frames, tmp_path):
    content = ID3V2 + MP3 + ID3V1 + ID3V2 + MP3 + APE + ID3V1
    sound, error = read(tmp_path / "sound.mp3", content)
    assert (len(sound[0]), error) == (2 * len(SOUND), "")
    middle = b"".join([*frames[:40], ID3V2, *frames[40:]])
    sound, error = read(tmp_path / "sound.mp3", middle)
    assert (len(sound[0]), error) == (len(SOUND), "")


def test_bytes_between_frames_are_said(frames, tmp_path):
    junk = np.random.default_rng(0).bytes(3_000)  # beyond 1 KiB, the decoder alone gives up
    sound, error = read(tmp_path / "sound.mp3", b"".join([*frames[:40], junk, *frames[40:]]))
    assert len(sound[0]) == len(SOUND)
    place = sum(map(len, frames[:40]))
    assert f"(3000 bytes from byte {place} on are no frames of MPEG audio)" in error


def test_lost_frames_are_counted(frames, tmp_path):
    sound, error = read(tmp_path / "sound.mp3", b"".join(frames[:40] + frames[65:]))
    assert len(sound[0]) == pytest.approx(len(SOUND) - 25 * FRAME, abs=2 * FRAME)
    assert "of 4.00 s" in error or "skipped 0.9" in error


def test_a_file_that_begins_within_a_frame_is_read_from_the_next_on(frames, tmp_path):
    lost = len(frames[0]) + len(frames[1]) // 2
    sound, error = read(tmp_path / "sound.mp3", MP3[lost:])
    rest = len(frames[1]) - len(frames[1]) // 2
    assert len(sound[0]) == FRAME * (len(frames) - 2) - DECODER_DELAY
    assert f"skipped {rest} bytes after 0.00 s (no frames of MPEG audio, from byte 0 on)" in error


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("lacking", [1, 50])
def test_a_last_frame_that_is_cut_off_is_said(frames, tmp_path, described, lacking):
    content = b"".join(frames if described else frames[1:])
    lacking = min(lacking, len(frames[-1]) - 4)
    sound, error = read(tmp_path / "sound.mp3", content[:-lacking])
    assert error.startswith("breaks off after")
    assert error.endswith("(the file is cut off)")
    assert len(sound[0]) / 16_000 == pytest.approx(4, abs=0.15)


def test_damage_within_frames_is_said_without_the_messages_of_the_decoder(frames, tmp_path, capfd):
    rng = np.random.default_rng(0)
    damaged = [frame[:4] + rng.bytes(len(frame) - 4) for frame in frames[60:66]]
    content = b"".join([*frames[:60], *damaged, *frames[66:]])
    sound, error = read(tmp_path / "sound.mp3", content)
    assert len(sound[0]) == pytest.approx(len(SOUND), abs=6 * FRAME)
    assert "damaged frames" in error
    assert capfd.readouterr().err == ""


def test_a_change_of_rate_and_channels_is_followed(tmp_path):
    other = encoded(noise(2, 44_100, 2), 44_100, "mp3")
    sound, error = read(tmp_path / "sound.mp3", MP3 + other)
    assert error == ""
    np.testing.assert_allclose(sound[1], decoded(other), atol=1e-4)
