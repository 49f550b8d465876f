"""Measured rooms."""

import numpy as np
import pytest

from corpus_files import sound
from ser_stream.corpora.sounds import SoundFile, room_responses
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.data.rooms import MeasuredRooms
from ser_stream.units import SAMPLE_RATE_HZ


def room(folder, name: str, response, rt60_s: float) -> SoundFile:
    return SoundFile(sound(folder / name, response), "source", "CC0", rt60_s)


def test_the_way_of_the_sound_to_the_microphone_is_cut_off(tmp_path):
    response = np.zeros(1000)
    response[[300, 400]] = 0.5, 0.25
    rooms = MeasuredRooms([room(tmp_path, "a.wav", response, 0.5)])
    drawn = rooms.draw(np.random.default_rng(0))
    assert len(drawn) == 700
    np.testing.assert_allclose(drawn[[0, 100]], [0.5, 0.25], atol=1e-4)
    assert np.count_nonzero(drawn) == 2


def test_the_probability_of_a_room_falls_with_its_reverberation(tmp_path):
    small = room(tmp_path, "small.wav", [0.5, 0.1], 0.4)
    large = room(tmp_path, "large.wav", [0.5, 0.2, 0.1], 1.6)
    rooms = MeasuredRooms([small, large])
    rng = np.random.default_rng(0)
    lengths = [len(rooms.draw(rng)) for _ in range(2000)]
    assert lengths.count(2) / len(lengths) == pytest.approx(0.8, abs=0.03)  # 2.5 to 0.625


def test_channels_draw_from_the_measured_rooms_and_are_repeatable(tmp_path):
    echo = np.zeros(4001)
    echo[[0, 4000]] = 0.5
    rooms = MeasuredRooms([room(tmp_path, "echo.wav", echo, 0.5)])
    click = np.zeros(SAMPLE_RATE_HZ, np.float32)
    click[0] = 0.5
    echoed = 0
    for version in range(40):
        first, again = (simulate_channel(click, "a", version, rooms) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == click.shape and np.isfinite(first).all()
        echoed += bool(np.abs(first[3950:4100]).max() > 0.02)
    assert 20 <= echoed < 40  # three of four channels include a room


def test_stamps_change_with_the_rooms(tmp_path):
    first = room(tmp_path, "a.wav", [0.5, 0.1], 0.5)
    stamps = MeasuredRooms([first]).stamps
    assert MeasuredRooms([first]).stamps == stamps
    sound(first.path, [0.5, 0.1, 0.1])
    assert MeasuredRooms([first]).stamps != stamps


def test_the_rooms_of_the_corpora_keep_their_reverberation(corpora_root):
    for file in room_responses(corpora_root)[::8]:
        response = MeasuredRooms([file]).draw(np.random.default_rng(0))
        energy = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]  # Schroeder
        decay = 10 * np.log10(energy / energy[0] + 1e-12)
        first, last = (int(np.argmax(decay < level)) for level in (-5, -25))
        rt60_s = 3 * (last - first) / SAMPLE_RATE_HZ
        assert rt60_s == pytest.approx(file.rt60_s, rel=0.25), file.path.name
