"""From parameters to settings. Declarations and changes of parameters are in test_node.py."""

from __future__ import annotations

import re

import pytest

from ser_stream.errors import InputError, shown
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.node_parameters import (
    asr_settings,
    audio_format,
    changeable_settings,
    fleet_settings,
    open_pool,
    open_recognizer,
)
from ser_stream.ros.parameters import PARAMETERS


def values(**changes):
    """Look up the default of a parameter, or what it was changed to."""
    found = {parameter.name: parameter.default for parameter in PARAMETERS} | changes
    return found.__getitem__


def test_defaults_leave_the_settings_to_the_model():
    assert changeable_settings(values()) == {
        "hop_s": None,
        "min_speech_s": 0.7,
        "min_confidence": None,
        "smoothing": None,
    }
    assert audio_format(values()) == AudioFormat(16_000, 1, "S16LE")
    assert asr_settings(values()).backend == "none"


def test_numbers_that_are_set_are_used():
    value = values(hop=0.2, min_confidence=0.0, smoothing=0.5)
    assert changeable_settings(value) == {
        "hop_s": 0.2,
        "min_speech_s": 0.7,
        "min_confidence": 0.0,
        "smoothing": 0.5,
    }


def test_the_recogniser_is_the_one_that_the_parameters_describe(tiny_model):
    recognizer, asr_problem = open_recognizer(values(model=str(tiny_model), hop=0.2, channel="1"))
    assert (recognizer.info.name, recognizer.hop_s, asr_problem) == ("tiny", 0.2, "")


def test_without_its_text_model_the_recogniser_works_with_audio_alone(tiny_model, caplog):
    recognizer, asr_problem = open_recognizer(values(model=str(tiny_model), text_model="nonsense"))
    assert recognizer.status.asr is None
    assert "text_model: found 'nonsense'" in asr_problem
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.getMessage() == f"{asr_problem}; goes on with sound alone"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nonsense"}, "'nonsense': no such folder"),
        ({"channel": "left"}, "channel: found 'left'; accepted are mix, auto, or a number from 0"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(tiny_model, changes, error):
    with pytest.raises(InputError, match=error):
        open_recognizer(values(**({"model": str(tiny_model)} | changes)))


# Several streams


def test_without_streams_there_is_no_fleet():
    assert fleet_settings(values(), "/") is None
    assert fleet_settings(values(streams=[""], source="topic"), "/") is None


def test_the_fleet_is_the_one_that_the_parameters_describe():
    value = values(streams=["robot1", "/*/audio"], source="topic", audio_rate=48_000, max_streams=3)
    settings = fleet_settings(value, "/lab")
    assert [stream.topic for stream in settings.names.named] == ["/lab/robot1/audio"]
    assert settings.names.match("/robot2/audio").namespace == "/robot2"
    assert settings.audio_format == AudioFormat(48_000, 1, "S16LE")
    assert (settings.max_streams, settings.enabled) == (3, True)


@pytest.mark.parametrize(
    ("name", "found", "accepted"),
    [
        ("source", "microphone", "topic"),
        ("asr", "pocketsphinx", "none"),
        ("text_model", "can-english", ""),
        ("voice_id", "anna", ""),
        ("record", "sessions", ""),
        ("record_audio", True, False),
    ],
)
def test_parameters_that_do_not_fit_several_streams_are_named(name, found, accepted):
    value = values(**({"streams": "robot1 robot2", "source": "topic"} | {name: found}))
    error = f"{name}: found {shown(found)}; accepted with streams (robot1, robot2) is {accepted!r}"
    with pytest.raises(InputError, match=re.escape(error)):
        fleet_settings(value, "/")


def test_the_pool_is_the_one_that_the_parameters_describe():
    value = values(model="tiny", hop=0.2, engine="onnx", channel="1", max_streams=1)
    with open_pool(value) as pool:
        assert (pool.info.name, pool.hop_s, pool.settings.channel) == ("tiny", 0.2, 1)
        pool.open("/robot1", print)
        with pytest.raises(InputError, match="this pool accepts 1"):
            pool.open("/robot2", print)


@pytest.mark.parametrize("engine", ["onnx", "auto"])
def test_the_engine_is_the_one_that_is_named(engine):
    recognizer, _ = open_recognizer(values(model="tiny", engine=engine))
    assert recognizer.settings.engine == engine
    recognizer.close()
