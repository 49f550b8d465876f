"""Scores under acoustic conditions."""

import json

import pytest
import soundfile

from ser_stream.audio.speech import read_samples
from ser_stream.cli import main
from ser_stream.engines.choose import open_network
from ser_stream.evaluation.robustness import conditions_table, false_estimates
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.units import SAMPLE_RATE_HZ
from shared_fixtures import SPOKEN

CORPORA_OF_RECIPE = ("ravdess", "cremad", "nemo", "emodb", "emotiontts_kr")


@pytest.mark.corpora
def test_robustness_of_a_model_on_real_speech(corpora_root, capsys):
    arguments = ["evaluate", "default", "--recipe", "config/recipes/streaming/default.yaml"]
    arguments += ["--clips", "1"]
    arguments += ["--corpora", str(corpora_root), "--conditions", "clean", "noise-0dB"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    for name in ("clean", "noise-0dB"):
        assert set(report["conditions"][name]) == set(CORPORA_OF_RECIPE)
        for scores in report["conditions"][name].values():
            assert scores["n"] == scores[IN_A_ROW]["n"] == 1
    assert "false_estimates" not in report


def test_the_table_has_recordings_in_a_row_beside_recordings_alone():
    def scores(alone, in_a_row):
        return {"ravdess": {"ua": alone, IN_A_ROW: {"ua": in_a_row}}}

    report = {"conditions": {"clean": scores(0.6, 0.7), "room-0.6s": scores(0.5, 0.68)}}
    header, _, clean, room = conditions_table(report).splitlines()
    assert header.endswith("| mean | against clean | in a row: mean | against clean |")
    assert clean == "| clean | 60.0 | 60.0 | +0.0 | 70.0 | +0.0 |"
    assert room == "| room-0.6s | 50.0 | 50.0 | -10.0 | 68.0 | -2.0 |"
    for figures in report["conditions"].values():
        del figures["ravdess"][IN_A_ROW]
    assert conditions_table(report).splitlines()[3] == "| room-0.6s | 50.0 | 50.0 | -10.0 |"


@pytest.mark.parametrize(("seconds", "false"), [(1.2, False), (2.5, True)])
def test_estimates_for_sounds_without_speech_are_counted(seconds, false, tmp_path, tiny_model):
    """A test recording takes the place of such a sound: it begins to speak after 0.8 s."""
    samples = read_samples(SPOKEN / "4-angry.flac")[: round(seconds * SAMPLE_RATE_HZ)]
    path = tmp_path / "esc10" / "dog" / "4-1-1.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, samples, SAMPLE_RATE_HZ)
    found = false_estimates(*open_network(tiny_model), tmp_path)
    assert found["hours"] == pytest.approx(seconds / 3600, abs=1e-3)
    assert (found["estimates"] > 0) == false
    assert found["by_sound"] == ({"dog": found["estimates"]} if false else {})


def test_an_unknown_condition_is_named_with_the_accepted_ones(capsys):
    arguments = ["evaluate", "default", "--recipe", "config/recipes/streaming/default.yaml"]
    assert main([*arguments, "--corpora", "nowhere", "--conditions", "fog"]) != 0
    error = capsys.readouterr().err
    assert "fog" in error
    assert "noise-10dB" in error
