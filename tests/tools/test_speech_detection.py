"""Counts of missed speech and false detections."""

import json

import numpy as np
import pytest
import soundfile

from paths import DEMO
from ser_stream.audio.speech import find_turns, read_samples
from speech_detection import find_turns_together, main

RATE = 16_000


@pytest.fixture
def corpora(tmp_path):
    """RAVDESS with one clip of speech and one of silence, of two women and a man."""
    speech = read_samples(DEMO / "4-angry.flac")
    for actor, samples in ((1, speech), (2, np.zeros(RATE)), (4, speech)):
        folder = tmp_path / "ravdess" / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        soundfile.write(folder / f"03-01-05-02-01-01-{actor:02d}.wav", samples, RATE)
    return tmp_path


@pytest.fixture
def noise(tmp_path):
    """ESC-10 with hiss in two folds, and a recording of a voice."""
    hiss = 0.01 * np.random.default_rng(0).standard_normal(2 * RATE)
    for name, samples in (
        ("rain/1-100-A", hiss),
        ("rain/4-100-A", hiss),
        ("baby_cry/1-101-A", read_samples(DEMO / "3-sad.flac")),
    ):
        path = tmp_path / "esc10" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE)
    return tmp_path / "esc10"


def test_speech_is_missed_where_no_turn_can_be_judged(corpora, capsys):
    assert main(["ravdess", "--corpora", str(corpora), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: (c["clips"], c["judged"]) for name, c in found.items()} == {
        "ravdess/f/strong/confirm": (1, 1),
        "ravdess/f/strong/design": (1, 0),
        "ravdess/m/strong/design": (1, 1),
    }


def test_other_sounds_are_counted_by_folder_and_half(noise, capsys):
    assert main(["--noise", str(noise), "--without", "baby_cry"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| esc10 | confirm | 1 | 0.0 | 0 | 0 | 0.0 |",
        "| esc10 | design | 1 | 0.0 | 0 | 0 | 0.0 |",
    ]
    assert main(["--noise", str(noise), "--json"]) == 0
    design = json.loads(capsys.readouterr().out)["esc10/design"]
    assert (design["clips"], design["with_a_turn"], design["judged"]) == (2, 1, 1)
    assert 1 < design["speech_s"] < 6


def test_recordings_that_are_searched_together_have_the_turns_of_each_alone():
    recordings = [read_samples(path) for path in sorted(DEMO.glob("*.flac"))]
    assert find_turns_together(recordings) == [find_turns(samples) for samples in recordings]


def test_a_folder_without_sound_is_an_error_of_one_line(tmp_path, capsys):
    assert main(["--noise", str(tmp_path)]) == 2
    assert "found no sound files; accepted are folders" in capsys.readouterr().err
    assert main(["ravdess"]) == 2
    assert "names and --corpora DIR go together" in capsys.readouterr().err
