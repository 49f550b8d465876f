"""Settings of recognition, without a model."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys

import pytest

from paths import ROOT
from ser_stream import Recognizer, RecognizerSettings
from ser_stream.asr.base import AsrSettings
from ser_stream.audio.turns import TurnSettings
from ser_stream.errors import InputError
from ser_stream.ros.parameters import BY_NAME

PYTHON_PAGE = ROOT / "docs" / "python.md"
DEFAULTS = RecognizerSettings()


def test_a_recogniser_takes_its_settings_in_one_object_or_by_name(tiny_model):
    settings = RecognizerSettings(model=tiny_model, hop_s=0.2)
    for recognizer in (
        Recognizer(settings),
        Recognizer(tiny_model, hop_s=0.2),
        Recognizer(RecognizerSettings(tiny_model), hop_s=0.2),
    ):
        assert recognizer.settings == settings
        assert recognizer.hop_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_speech_s": float("nan")}, "min_speech_s: found nan; accepted are 0.1 to 10.0"),
        ({"min_speech_s": "long"}, "min_speech_s: found 'long'"),
        ({"min_confidence": True}, "min_confidence: found True"),
        ({"smoothing": 1.0}, "smoothing: found 1.0; accepted are 0.0 to 0.99"),
        ({"window_s": "5"}, "window_s: found '5'; accepted are numbers, and None"),
        ({"channel": -1}, "channel: found -1; accepted are numbers from 0 on, 'mix' and 'auto'"),
        ({"channel": "left"}, "channel: found 'left'"),
        ({"threads": 0}, "threads: found 0; accepted are whole numbers from 1 on, and None"),
        ({"text_model": "can-english"}, "text_model: found 'can-english', but asr is none"),
    ],
)
def test_an_invalid_value_is_named_in_a_message_of_one_line(settings, message):
    with pytest.raises(InputError, match=message) as refused:
        RecognizerSettings(**settings)
    assert "\n" not in str(refused.value)


def test_an_unknown_setting_is_refused_with_the_names_of_all_settings():
    with pytest.raises(InputError, match="settings: found colour; accepted are model, window_s"):
        Recognizer(colour="red")


def test_only_some_settings_can_be_changed_in_a_stream():
    assert RecognizerSettings().changed(hop_s=1.0).hop_s == 1.0
    with pytest.raises(InputError, match="change: found device; accepted are window_s, hop_s"):
        RecognizerSettings().changed(device="cpu")


def test_the_ros_parameter_has_the_default_and_range_of_the_setting():
    parameter = BY_NAME["min_speech"]
    assert parameter.default == RecognizerSettings.min_speech_s
    assert "0.1 to 10" in parameter.error(99.0)


def test_the_documentation_lists_every_setting_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", PYTHON_PAGE.read_text(), re.MULTILINE)
    fields = [field.name for field in dataclasses.fields(DEFAULTS)]
    settings = [(name, default) for name, default in rows if name in fields]
    assert [name for name, _ in settings] == fields
    for name, default in settings:
        value = {"AsrSettings()": AsrSettings(), "TurnSettings()": TurnSettings()}.get(default)
        assert getattr(DEFAULTS, name) == (value or ast.literal_eval(default))


def test_settings_need_no_torch():
    code = "import sys, ser_stream.stream.settings; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": None}, "model: found None; accepted are names and paths"),
        ({"device": 0}, "device: found 0; accepted are auto, cpu, and cuda"),
        ({"asr": "pocketsphinx"}, r"asr: found 'pocketsphinx'; accepted are AsrSettings\(...\)"),
        ({"turns": 3}, r"turns: found 3; accepted are TurnSettings\(...\)"),
    ],
)
def test_settings_of_another_type_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        RecognizerSettings(**settings)
