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
    ("name", "value", "error"),
    [
        ("source", "radio", "source: found 'radio'; accepted are microphone, topic, file"),
        ("min_speech", 99.0, "min_speech: found 99.0; accepted are 0.1 to 10"),
        ("smoothing", 0.5, ""),
    ],
)
def test_the_error_for_a_bad_value_names_what_is_accepted(name, value, error):
    assert BY_NAME[name].error(value) == error
