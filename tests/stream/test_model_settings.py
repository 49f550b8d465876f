"""Calibration by how long a voice is known, as each kind of stream applies it."""

import dataclasses
import shutil

import numpy as np
import pytest
import soundfile

from ser_stream import InputError, Recognizer
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.choose import open_network
from ser_stream.evaluation.streamed import stream_outputs
from ser_stream.models.calibration import Calibration, LabelSets
from ser_stream.models.info import SHIPPED, read_info
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pooled import Receivers
from ser_stream.stream.pushed import checked_samples
from ser_stream.stream.settings import RecognizerSettings

RATE = 16_000
CALIBRATION = {
    INTERVAL: Calibration(1.2, new_voice_temperature=5.0, label_sets=LabelSets(0.9, 0.13, 0.1)),
    UTTERANCE: Calibration(1.1, new_voice_temperature=6.0, label_sets=LabelSets(0.9, 0.12, 0.09)),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model tiny, calibrated by how long a voice is known."""
    folder = tmp_path_factory.mktemp("models") / "by-voice"
    shutil.copytree(SHIPPED / "tiny", folder)
    dataclasses.replace(read_info(folder), calibration=CALIBRATION).write(folder)
    return folder


@pytest.fixture
def two_turns(speech, tmp_path):
    """A recording of a person who speaks twice."""
    path = tmp_path / "twice.wav"
    sound = np.concatenate([speech, np.zeros(RATE, np.float32), speech])
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    return path, sound


def pushed(model, sound):
    recognizer = Recognizer(model, label_sets=True)
    found = [e for chunk in np.array_split(sound, 40) for e in recognizer.push(chunk, RATE)]
    return [*found, *recognizer.finish()]


def pooled(model, sound):
    found = []
    core = PoolCore(RecognizerSettings(model=model, label_sets=True), max_streams=1)
    stream = core.open("a", Receivers(lambda name, estimate: found.append(estimate)))
    for chunk in np.array_split(sound, 10):
        stream.sound.push(*checked_samples(chunk, RATE))
        while core.run_once():
            pass
    stream.sound.end()
    while core.run_once():
        pass
    return found


def test_a_calibration_is_read_as_it_was_written(model):
    assert read_info(model).calibration == CALIBRATION


def test_recordings_pushed_samples_and_pools_give_the_same_confidence(model, two_turns):
    path, sound = two_turns
    recorded = list(Recognizer(model, label_sets=True).stream(path))
    turns = [each for each in recorded if each.trigger == UTTERANCE]
    assert turns[0].voice_known_s == 0.0
    assert turns[-1].voice_known_s > 1.0
    for others in (pushed(model, sound), pooled(model, sound)):
        by_end = {(each.trigger, round(each.end_s, 2)): each for each in others}
        assert UTTERANCE in {trigger for trigger, _ in by_end}
        same = [e for e in recorded if (e.trigger, round(e.end_s, 2)) in by_end]
        assert len(same) >= 4 and turns[-1] in same
        for each in same:
            other = by_end[each.trigger, round(each.end_s, 2)]
            assert other.scores == pytest.approx(each.scores, abs=1e-4)
            assert other.voice_known_s == pytest.approx(each.voice_known_s)
            assert other.label_set == each.label_set


def test_evaluation_has_the_confidence_of_the_stream(model, two_turns):
    path, _ = two_turns
    network, info = open_network(model)
    recorded = list(Recognizer(model).stream(path))
    evaluated = list(stream_outputs(network, info.smoothing, path))
    assert len(recorded) == len(evaluated)
    for estimate, (part, outputs) in zip(recorded, evaluated, strict=True):
        assert outputs.voice_known_s == estimate.voice_known_s
        probabilities = info.calibration[part.trigger].probabilities(
            outputs.logits, outputs.voice_known_s
        )
        assert list(estimate.scores.values()) == pytest.approx(probabilities, abs=1e-5)


def test_a_set_has_the_labels_above_the_threshold_and_only_where_it_is_asked_for(model, two_turns):
    path, _ = two_turns
    for estimate in Recognizer(model, label_sets=True).stream(path):
        threshold = CALIBRATION[estimate.trigger].label_sets.threshold(estimate.voice_known_s)
        expected = {label for label, p in estimate.scores.items() if p >= threshold}
        assert set(estimate.label_set) == expected | {max(estimate.scores, key=estimate.scores.get)}
    assert all(estimate.label_set == () for estimate in Recognizer(model).stream(path))


def test_sets_of_a_model_without_thresholds_are_refused():
    with pytest.raises(InputError, match="label_sets: found True, but model tiny has no threshold"):
        Recognizer("tiny", label_sets=True)
    with pytest.raises(InputError, match="label_sets: found 'yes'; accepted are True and False"):
        Recognizer("tiny", label_sets="yes")
