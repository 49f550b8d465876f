import subprocess
import sys
from pathlib import Path

import pytest

from paths import ROOT
from ser_stream.errors import InputError
from ser_stream.ros.launch_arguments import (
    ParameterArgument,
    check_names,
    check_node_keys,
    is_launched_directly,
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
    [
        ("float", "1", 1.0),
        ("int", "48000", 48000),
        ("bool", "True", True),
        ("bool", "FALSE", False),
        ("str", "1", "1"),
    ],
)
def test_a_text_gets_the_parameters_type(kind, text, value):
    found = ParameterArgument("name", kind, "").value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "accepted"),
    [
        ("float", "fast", "numbers"),
        ("float", "inf", "numbers"),
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


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["ros2", "launch", "ser_stream", "ser.launch.py", "engin:=onnx"], True),
        (["ros2", "launch", "ser_stream", "--debug", "replay.launch.py"], True),
        (["ros2", "launch", "-d", str(FILE.with_name("replay.launch.py"))], True),
        (["ros2", "launch", "robot_bringup", "ser.launch.py"], False),
        (["ros2", "launch", "/robot/launch/replay.launch.py"], False),
    ],
)
def test_a_launch_file_of_the_same_name_is_not_ours(argv, expected):
    assert is_launched_directly(argv, FILE.parent) == expected


@pytest.mark.parametrize(
    ("content", "node"),
    [
        ({"ser_stream": "P"}, "/ser_stream"),
        ({"/ser_stream": "P"}, "/ser_stream"),
        ({"/robot1/ser_stream": "P"}, "/robot1/ser_stream"),
        ({"robot1": {"ser_stream": "P"}}, "/robot1/ser_stream"),
        ({"robot1/other": "P", "/*/ser_stream": "P"}, "/robot1/ser_stream"),
        ({"/**": "P"}, "/lab/robot1/ser_stream"),
        ({"**": "P"}, "/ser_stream"),
        ({"/**/ser_stream": "P"}, "/ser_stream"),
        ({"/**": {"ser_stream": "P"}}, "/lab/robot1/ser_stream"),
        ({}, "/ser_stream"),
        (None, "/ser_stream"),
        (["no", "parameters"], "/ser_stream"),
        ({"ros__parameters": {}}, "/ser_stream"),
    ],
)
def test_keys_of_a_params_file_that_apply_to_the_node(content, node):
    check_node_keys(Path("robot.yaml"), with_parameters(content), node)


@pytest.mark.parametrize(
    ("content", "node", "found"),
    [
        ({"ser_stream": "P"}, "/robot1/ser_stream", "ser_stream"),
        ({"/*/ser_stream": "P"}, "/ser_stream", "/*/ser_stream"),
        ({"/*": "P"}, "/robot1/ser_stream", "/*"),
        ({"amcl": "P", "robot2": {"ser_stream": "P"}}, "/ser_stream", "amcl, robot2/ser_stream"),
        ({"[": "P", 7: "P"}, "/ser_stream", "[, 7"),
    ],
)
def test_a_params_file_of_other_nodes_is_refused(content, node, found):
    with pytest.raises(InputError) as raised:
        check_node_keys(Path("robot.yaml"), with_parameters(content), node)
    assert str(raised.value) == (
        f"params_file: found only keys of other nodes in robot.yaml: {found}; accepted is {node}, "
        "or /** for every node"
    )


def with_parameters(content):
    """Replace each "P" by the parameters of a node."""
    if isinstance(content, dict):
        return {key: with_parameters(value) for key, value in content.items()}
    return {"ros__parameters": {"model": "tiny"}} if content == "P" else content


@pytest.mark.parametrize("module", ["create_venv", "launch_arguments", "main", "venv"])
def test_what_ros_own_python_imports_needs_the_standard_library_only(module):
    """-S leaves out site-packages."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ser_stream.ros.{module}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
