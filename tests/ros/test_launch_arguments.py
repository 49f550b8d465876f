import subprocess
import sys

import pytest

from paths import ROOT
from ser_stream.errors import InputError
from ser_stream.ros.launch_arguments import (
    ParameterArgument,
    check_names,
    read_arguments,
    to_json,
)
from ser_stream.ros.parameters import PARAMETERS

FILE = ROOT / "launch" / "parameters.json"


def test_the_file_is_made_from_the_table_of_parameters():
    assert FILE.read_text() == to_json()


def test_every_parameter_is_a_launch_argument_of_its_type():
    arguments = {argument.name: argument for argument in read_arguments(FILE)}
    assert list(arguments) == [parameter.name for parameter in PARAMETERS]
    for parameter in PARAMETERS:
        default = parameter.default
        text = str(default).lower() if isinstance(default, bool) else str(default)
        value = arguments[parameter.name].value(text)
        assert value == default
        assert type(value) is type(default)
        assert parameter.description in arguments[parameter.name].description


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("float", "1", 1.0), ("int", "48000", 48000), ("bool", "True", True), ("str", "1", "1")],
)
def test_a_text_gets_the_parameters_type(kind, text, value):
    found = ParameterArgument("name", kind, "").value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "accepted"),
    [
        ("float", "fast", "numbers"),
        ("int", "1.5", "whole numbers"),
        ("bool", "yes", "true and false"),
    ],
)
def test_a_text_of_another_type_is_refused(kind, text, accepted):
    with pytest.raises(InputError) as raised:
        ParameterArgument("hop", kind, "").value(text)
    assert str(raised.value) == f"launch argument hop: found {text!r}; accepted are {accepted}"


def test_a_name_that_does_not_exist_is_refused_with_the_nearest():
    accepted = ("model", "engine", "max_streams")
    check_names(["engine", "sigterm_timeout", "emulate_tty"], accepted)
    with pytest.raises(InputError, match="engin does not exist; did you mean engine"):
        check_names(["model", "engin"], accepted)
    with pytest.raises(InputError, match="xyz does not exist; see --show-args"):
        check_names(["xyz"], accepted)


@pytest.mark.parametrize("module", ["create_venv", "launch_arguments", "main", "venv"])
def test_what_ros_own_python_imports_needs_the_standard_library_only(module):
    """-S leaves out site-packages."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ser_stream.ros.{module}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
