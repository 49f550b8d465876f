"""Recordings: every sample at its time, and a clear word about everything that is not one."""

from __future__ import annotations

import os
import struct
import threading
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError

RATE_HZ = 16_000
LENGTH = 5 * RATE_HZ + 123
SOUND = np.random.default_rng(0).uniform(-0.05, 0.05, LENGTH).astype(np.float32)
SOUND += 0.3 * np.sin(0.05 * np.arange(LENGTH)) * np.linspace(0, 1, LENGTH)

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@pytest.fixture
def write(tmp_path):
    """A function that writes a sound file and returns its path."""

    def write(name="sound.wav", samples=SOUND, rate_hz=RATE_HZ, subtype=None):
        container, codec = FORMATS[name.rpartition(".")[2]]
        path = tmp_path / name
        soundfile.write(path, samples, rate_hz, format=container, subtype=subtype or codec)
        return path

    return write


def read_all(recording: Recording) -> np.ndarray:
    return np.concatenate([block.samples for block in recording.blocks()])


def patch(path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize("extension", FORMATS)
def test_all_samples_of_every_format_come_in_order(write, extension):
    path = write(f"sound.{extension}")
    heard = read_all(Recording(path))
    assert heard.shape == (LENGTH, 1)
    assert heard.dtype == np.float32
    at_once = soundfile.read(path, dtype="float32")[0]
    np.testing.assert_allclose(heard[:, 0], at_once, atol=1e-6)  # not equal: mpg123 dithers
    assert np.corrcoef(heard[:, 0], SOUND)[0, 1] > 0.98  # and no delay by the codec


@settings(deadline=None, max_examples=20)
@given(block_s=st.floats(1e-5, 2), rate_hz=st.integers(4_000, 192_000))
def test_time_is_exact_for_any_block_and_rate(tmp_path_factory, block_s, rate_hz):
    path = tmp_path_factory.mktemp("recording") / "sound.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (1_000, 2)).astype(np.float32)
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    length, blocks = 0, list(Recording(path, block_s=block_s).blocks())
    for block in blocks:
        length += len(block.samples)
        assert block.time_s == length / rate_hz
        assert block.sample_rate_hz == rate_hz
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), samples)


def test_blocks_can_be_read_twice(write):
    recording = Recording(write())
    np.testing.assert_array_equal(read_all(recording), read_all(recording))


def test_a_recording_in_real_time_catches_up_after_a_slow_reader(write):
    path = write(samples=SOUND[: RATE_HZ // 2])
    recording = Recording(path, realtime=True)
    assert recording.live and not Recording(path).live
    late, starts = [], []
    for count, block in enumerate(recording.blocks()):
        if count == 3:
            time.sleep(0.1)  # a slow reader: the lag shows, and does not stay
        late.append(time.monotonic() - block.captured_at)
        starts.append(block.captured_at - block.time_s)
    assert np.ptp(starts) < 1e-6
    assert min(late) >= 0
    assert late[3] >= 0.1 > min(late[4:])


def test_close_wakes_a_recording_in_real_time(write):
    recording = Recording(write(), realtime=True, block_s=4.0)
    threading.Timer(0.1, recording.close).start()
    start = time.monotonic()
    assert list(recording.blocks()) == []
    assert time.monotonic() - start < 4.0


@pytest.mark.parametrize("declared", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_file_whose_length_was_never_known_is_read_to_its_end(write, declared):
    path = write()
    patch(path, 4, struct.pack("<I", declared))
    patch(path, 40, struct.pack("<I", declared))
    np.testing.assert_array_equal(
        read_all(Recording(path))[:, 0], soundfile.read(write("whole.wav"), dtype="float32")[0]
    )


def test_a_flac_file_whose_length_was_never_known_is_read_to_its_end(write):
    path = write("sound.flac")
    content = path.read_bytes()
    patch(path, 21, bytes([content[21] & 0xF0, 0, 0, 0, 0]))  # 36 bits of STREAMINFO
    assert len(read_all(Recording(path))) == LENGTH


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_is_read_to_its_end_and_then_refused(write, extension, share):
    path = write(f"sound.{extension}")
    whole = read_all(Recording(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    heard = []
    with pytest.raises(InputError, match=r"breaks off after \d\.\d\d s") as error:
        heard.extend(block.samples for block in Recording(path).blocks())
    length = sum(map(len, heard))
    assert f"{length / RATE_HZ:.2f} s" in str(error.value)
    assert str(path) in str(error.value)
    if extension in ("wav", "flac", "mp3"):  # these say how long they should be
        assert " of 5.01 s" in str(error.value)
    assert 0.3 * share * LENGTH < length < LENGTH
    samples = np.concatenate(heard)
    settled = slice(0, length - 4_000)  # a codec's last moments depend on what follows
    np.testing.assert_allclose(samples[settled], whole[settled], atol=1e-3)


def test_a_wav_file_with_other_chunks_around_its_data_is_read_completely(write):
    path = write()
    content = path.read_bytes()
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    path.write_bytes(content[:36] + odd + content[36:] + odd)
    assert len(read_all(Recording(path))) == LENGTH


def test_a_cut_mp3_file_is_noticed_behind_tags_and_cover_art(write):
    path = write("sound.mp3")
    content = path.read_bytes()
    size = 300_000
    tag = b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    path.write_bytes(tag + content)
    assert len(read_all(Recording(path))) > 0.99 * LENGTH
    path.write_bytes(tag + content[: len(content) // 2])
    with pytest.raises(InputError, match=r"breaks off after 2\.\d\d s of 5\.\d\d s"):
        read_all(Recording(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"Good morning. " * 100, "not audio that can be read"),
        (b"RIFF\x24\x00\x00\x00WAVE", "not audio that can be read"),
    ],
)
def test_a_file_without_audio_is_refused_when_opened(tmp_path, content, says):
    path = tmp_path / "sound.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        Recording(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("extension", ["wav", "ogg", "opus"])
def test_a_header_alone_is_refused(write, extension):
    path = write(f"sound.{extension}", samples=SOUND[:0])
    with pytest.raises(InputError, match=r"no samples|not audio"):
        Recording(path)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        Recording(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        Recording(tmp_path / "pipe")


def test_a_file_one_may_not_read_is_refused(write):
    path = write()
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)  # nobody: root may read everything
    try:
        with pytest.raises(InputError, match="Permission denied"):
            Recording(path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "says"),
    [(2_000, 1, "2000 Hz"), (200_000, 1, "200000 Hz"), (16_000, 40, "40 channels")],
)
def test_formats_that_are_not_accepted_are_refused(write, rate_hz, channels, says):
    path = write(samples=np.zeros((1_000, channels)), rate_hz=rate_hz)
    with pytest.raises(InputError, match=says):
        Recording(path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten minutes at 48 kHz are 110 MiB of samples; reading them needs some 1 MiB."""
    import tracemalloc

    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 48_000, 1) as file:
        for _ in range(600):
            file.write(np.zeros(48_000, np.float32))
    tracemalloc.start()
    end_s = 0.0
    for block in Recording(path).blocks():
        end_s = block.time_s
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert end_s == 600.0
    assert peak < 4 * 2**20
