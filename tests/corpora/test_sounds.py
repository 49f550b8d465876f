"""Measured rooms and recorded noises, and the licences that a model has to name."""

from pathlib import Path

import pytest

from corpus_files import NOISES, ROOMS, rooms_and_noises, text
from ser_stream.corpora.sounds import (
    SoundFile,
    noise_recordings,
    room_responses,
    sources_of,
)
from ser_stream.errors import InputError


@pytest.fixture
def sounds(tmp_path):
    return rooms_and_noises(tmp_path)


def names(files):
    return [file.path.name for file in files]


def test_rooms_that_no_robot_works_in_are_left_out(sounds):
    rooms = room_responses(sounds)
    assert [(file.path.name, file.rt60_s) for file in rooms] == [
        ("kitchen.wav", 0.45), ("hall.wav", 1.99),
    ]  # fmt: skip


def test_human_voices_are_no_noise(sounds):
    assert names(noise_recordings(sounds, ["noise"], ())) == ["fan.wav", "n1.wav", "hu100_n1.wav"]


def test_noises_of_esc10_are_those_of_the_folds(sounds):
    assert names(noise_recordings(sounds, ["esc10"], (4, 5))) == ["4-1-A.wav"]
    both = noise_recordings(sounds, ["esc10", "noise"], (1,))
    assert names(both)[0] == "1-1-A.wav" and len(both) == 4


def test_sounds_for_a_model_that_companies_use_have_licences_that_permit_it(sounds):
    assert names(room_responses(sounds, commercial_only=True)) == ["kitchen.wav"]
    assert names(noise_recordings(sounds, ["noise"], (), commercial_only=True)) == ["n1.wav"]


@pytest.mark.parametrize(
    ("licence", "permits"),
    [
        ("CC0", True),
        ("CC0 1.0", True),
        ("CC BY 3.0", True),
        ("CC BY-SA", True),
        ("Public Domain", True),
        ("Apache-2.0 (repo)", True),
        ("CC BY-NC 4.0", False),
        ("CC BY-NC-SA", False),
        ("research only, not commercial (repo README)", False),
        ("part own recordings (licence not stated), part Freesound CC0 (repo README)", False),
        ("", False),
    ],
)
def test_a_licence_that_is_not_known_permits_no_commercial_use(licence, permits):
    assert SoundFile(Path("a.wav"), "", licence).commercial_use is permits


def test_each_source_is_named_once_with_all_its_licences(sounds):
    rooms = sources_of(room_responses(sounds), "rooms")
    assert [(source.title, source.licence, source.commercial_use) for source in rooms] == [
        ("rooms of OpenAIR via X", "CC BY-NC-SA", False),
        ("rooms of Samples", "Apache-2.0 (repo)", True),
    ]
    (mixed,) = sources_of(
        [SoundFile(Path("a"), "A@1", "CC BY"), SoundFile(Path("b"), "A@2", "CC0")], "noise"
    )
    assert (mixed.title, mixed.licence) == ("noise of A", "CC BY; CC0")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (NOISES.replace("licence", "terms"), r"noise/index\.csv: no column licence"),
        (NOISES.replace("fan.wav", "lost.wav"), r"listed but missing: 1 \(lost\.wav\)"),
        (NOISES.splitlines()[0] + "\n", "found 0 sounds, none that can be used"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(sounds, table, message):
    text(sounds / "noise" / "index.csv", table)
    with pytest.raises(InputError, match=message):
        noise_recordings(sounds, ["noise"], ())


def test_a_reverberation_that_is_no_number_is_named_with_its_line(sounds):
    text(sounds / "rir" / "index.csv", ROOMS.replace("1.99", "long"))
    with pytest.raises(InputError, match=r"index\.csv, line 3: rt60_T20_s: found 'long'"):
        room_responses(sounds)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="noise: no such folder"):
        noise_recordings(tmp_path, ["noise"], ())
    with pytest.raises(InputError, match="rir: no such folder"):
        room_responses(tmp_path)


def test_the_measured_rooms_and_noises_can_be_used(corpora_root):
    rooms = room_responses(corpora_root)
    assert 0 < len(room_responses(corpora_root, commercial_only=True)) < len(rooms) < 56
    assert all(0 < file.rt60_s < 2 for file in rooms)
    assert len(noise_recordings(corpora_root, ["noise"], ())) > 400
    # None of these noises has a licence that is known to permit commercial use.
    assert not any(source.commercial_use for source in sources_of(
        noise_recordings(corpora_root, ["noise"], ()), "noise"
    ))  # fmt: skip
