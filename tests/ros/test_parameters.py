import pytest
import yaml

from paths import ROOT
from ser_stream.ros.parameters import BY_NAME, PARAMETERS, to_markdown, to_yaml


def test_every_default_is_accepted():
    assert [p.error(p.default) for p in PARAMETERS] == [""] * len(PARAMETERS)


def test_the_configuration_file_is_made_from_the_table():
    text = (ROOT / "config" / "ser.yaml").read_text()
    assert text == to_yaml()
    assert yaml.safe_load(text) == {
        "/**": {"ros__parameters": {p.name: p.default for p in PARAMETERS}}
    }


def test_the_documentation_lists_every_parameter():
    assert to_markdown() in (ROOT / "docs" / "ros.md").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channel", "0"),
        ("channel", "mix"),
        ("streams", None),
        ("streams", ""),
        ("streams", "robot1, /*/audio"),
        ("streams", ["robot1", "/*/audio"]),
        ("streams", "audio1 /audio/robot1"),
        ("voice_id", "anna"),
        ("bond_timeout", 0.0),
        ("bond_timeout", 0.5),
        ("smoothing", -1.0),
        ("min_confidence", 0.0),
        ("asr_language", "en"),
        ("asr_language", "yue"),
        ("asr_language", "en_GB"),
        ("asr_language", "es-419"),
    ],
)
def test_values_of_the_documentation_are_accepted(name, value):
    assert BY_NAME[name].error(value) == ""


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("channel", "left", "found 'left'; accepted are mix"),
        ("channel", "-1", "found '-1'; accepted are mix"),
        ("channel", "1" * 5000, "found '111"),
        ("bond_timeout", 0.05, "found 0.05; accepted are numbers with a decimal point: 0, or 0.5"),
        ("smoothing", -0.5, "found -0.5; accepted are numbers with a decimal point: -1, or 0 to"),
        ("min_confidence", -0.01, "found -0.01; accepted are numbers with a decimal point: -1, or"),
        ("asr_language", "english", "found 'english'; accepted are language codes"),
        ("asr_language", "en_US.UTF-8", "found 'en_US.UTF-8'; accepted are language codes"),
        ("asr_language", "zh-Hans-CN", "found 'zh-Hans-CN'; accepted are language codes"),
        ("streams", "/r1/audio", "found '/r1/audio', a topic; accepted are namespaces"),
        ("streams", ["ro bot"], "found 'ro bot'; accepted are namespaces"),
        ("streams", ["robot1", "robot-2"], "found 'robot-2'; accepted are namespaces"),
        ("streams", 3, "found 3 (integer); accepted are namespaces"),
        ("voice_id", "7a", "found '7a'; accepted are letters, digits and _"),
    ],
)
def test_values_that_cannot_be_used_are_refused(name, value, part):
    assert f"{name}: {part}" in BY_NAME[name].error(value)
