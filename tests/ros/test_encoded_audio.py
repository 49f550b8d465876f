"""Encoded audio, told from samples."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.ros.encoded_audio import detect_encoding, mp3_frame_length

SINE = (0.5 * np.sin(np.arange(1600) / 5)).astype(np.float32)


def encoded(folder, kind, rate_hz=16_000):
    """Bytes of a real file of that kind, which lasts 2 s."""
    path = folder / "sound"
    soundfile.write(path, np.tile(SINE, 2 * rate_hz // len(SINE)), rate_hz, format=kind)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "name"), [("MP3", "MP3"), ("OGG", "Ogg"), ("FLAC", "FLAC"), ("WAV", "a WAV file")]
)
def test_files_are_recognised(tmp_path, kind, name):
    assert detect_encoding(encoded(tmp_path, kind)) == name


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_frames_of_mp3_are_recognised_one_by_one(tmp_path, rate_hz):
    """audio_capture publishes each frame of the encoder as a message."""
    data = encoded(tmp_path, "MP3", rate_hz)
    frames = []
    while data:
        length = mp3_frame_length(data)
        assert length, f"no frame behind {len(frames)} frames"
        frames.append(data[:length])
        data = data[length:]
    samples_per_frame = 1152 if rate_hz >= 32_000 else 576
    assert len(frames) == pytest.approx(2 * rate_hz / samples_per_frame, abs=4)
    assert {detect_encoding(frame) for frame in frames} == {"MP3"}


@given(st.binary(min_size=4, max_size=600))
def test_samples_that_begin_like_an_mp3_frame_are_samples(rest):
    data = b"\xff\xfb" + rest[: len(rest) // 2 * 2]
    length = mp3_frame_length(data)
    if length != len(data) and data[length : length + 2] != b"\xff\xfb":
        assert detect_encoding(data) == ""
