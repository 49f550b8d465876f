"""Values that the node is started with, and changes of parameters.

The node runs in a process of its own, and what it logs is compared with docs/ros.md.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from paths import ROOT
from ros_graph import node, set_parameter
from ser_stream.ros.declaration import change_error, unknown_name_warning
from ser_stream.ros.parameters import BY_NAME, PARAMETERS


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("model", ""),
        ("use_sim_time", ""),
        ("start_type_description_service", ""),
        ("qos_overrides./audio.subscription.depth", ""),
        ("max_stream", "unknown parameter max_stream (did you mean max_streams?): ignored"),
        ("audio.rate", "unknown parameter audio.rate (did you mean audio_rate?): ignored"),
        ("robot_radius", "unknown parameter robot_radius: ignored"),
    ],
)
def test_an_unknown_name_gets_a_warning_with_the_nearest(name, warning):
    assert unknown_name_warning(name) == warning


@pytest.mark.parametrize(
    ("name", "value", "state", "error"),
    [
        ("hop", 0.5, "active", ""),
        ("model", "tiny", "unconfigured", ""),
        (
            "model", "tiny", "inactive",
            "model: cannot change while the node is inactive; clean up first: ros2 lifecycle set "
            "/robot1/ser_stream cleanup",
        ),
        (
            "model", "tiny", "active",
            "model: cannot change while the node is active; deactivate and clean up first: ros2 "
            "lifecycle set /robot1/ser_stream deactivate; ros2 lifecycle set /robot1/ser_stream "
            "cleanup",
        ),
        ("source", "mic", "unconfigured", BY_NAME["source"].error("mic")),
        ("streams", None, "unconfigured", "streams: cannot be deleted"),
    ],
)  # fmt: skip
def test_a_change_is_refused_where_it_is_not_accepted_or_not_possible(name, value, state, error):
    assert change_error(BY_NAME[name], value, state, "/robot1/ser_stream") == error


def documented(heading):
    """Rows of a table in docs/ros.md: what a params file says, and the line that it gets."""
    section = (ROOT / "docs" / "ros.md").read_text().partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE).group()
    rows = [line.strip("| \n").split(" | ", 1) for line in table.splitlines()[2:]]
    return [(found.strip("`").replace("`, `", "\n    "), line.strip("`")) for found, line in rows]


def params_file(tmp_path, *lines):
    path = tmp_path / "params.yaml"
    path.write_text("\n    ".join(["/**:\n  ros__parameters:", *lines, ""]))
    return str(path)


def one_value_each(rows):
    """Split rows into as few groups as possible in which no parameter has two values."""
    groups = defaultdict(list)
    count = Counter()
    for found, line in rows:
        name = found.partition(":")[0]
        groups[count[name]].append((found, line))
        count[name] += 1
    return list(groups.values())


@pytest.mark.ros
def test_every_value_that_is_not_accepted_gets_the_documented_line_and_exit_code_2(tmp_path):
    for group in one_value_each(documented("### Invalid values")):
        parameters = params_file(tmp_path, *(found for found, _ in group))
        with node(tmp_path, params_file=parameters) as process:
            assert process.wait(timeout=60) == 2
        log = (tmp_path / "log").read_text()
        assert len(re.findall(r"\[ERROR\]", log)) == len(group)
        for _, line in group:
            assert f"]: {line}\n" in log
        assert "Traceback" not in log


@pytest.mark.ros
@pytest.mark.parametrize(("found", "line"), documented("### Values that do not fit"))
def test_values_that_do_not_fit_get_the_documented_line_on_configure(
    observer, tmp_path, found, line
):
    log = tmp_path / "log"
    with node(tmp_path, params_file=params_file(tmp_path, found)) as process:
        observer.wait(lambda: "[ERROR]" in log.read_text())
        assert process.poll() is None
    (error,) = re.findall(r"\[ERROR\] \[[\d.]+\] \[ser_stream\]: (.*)", log.read_text())
    assert error.startswith(line.removesuffix("...")) if line.endswith("...") else error == line
    assert "Traceback" not in log.read_text()


@pytest.mark.ros
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("use_sim_time", "abc", "InvalidParameterTypeException: Trying to set parameter"),
        ("start_type_description_service", 7, "InvalidParameterTypeException: Trying to set"),
        ("qos_overrides./diagnostics.publisher.depth", "abc", "InvalidParameterTypeException: "),
        ("qos_overrides./diagnostics.publisher.depth", 10**14, "TypeError: "),
        ("qos_overrides./diagnostics.publisher.depth", -1, "RCLError: Failed to create publisher"),
        ("qos_overrides./diagnostics.publisher.reliability", "abc", "RuntimeError: Unexpected QoS"),
    ],
)
def test_a_parameter_of_rclpy_with_a_wrong_value_gets_one_line_and_exit_code_2(
    tmp_path, name, value, expected
):
    if name == "start_type_description_service":
        pytest.importorskip("rclpy.type_description_service", reason="rclpy of Humble lacks it")
    with node(tmp_path, autostart=False, **{name: value}) as process:
        assert process.wait(timeout=60) == 2
    log = (tmp_path / "log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("ser_node: ")]
    assert line.startswith(f"ser_node: ROS does not start: {expected}")
    if "Trying to set" in expected:
        assert f"'{name}' to '{value}'" in line
    assert "Traceback" not in log


@pytest.mark.ros
def test_unknown_names_are_warnings_and_the_node_goes_on(observer, tmp_path, tiny_model):
    parameters = params_file(
        tmp_path, "max_stream: 3", "robot: {radius: 0.3}", "unused: []", "use_sim_time: false",
        "qos_overrides: {/emotion: {publisher: {depth: 3}}}", "streams: []",
        f"model: {tiny_model}",
    )  # fmt: skip
    with node(tmp_path, params_file=parameters) as process:
        observer.wait(lambda: "model tiny is ready" in (tmp_path / "log").read_text())
        assert process.poll() is None
    log = (tmp_path / "log").read_text()
    warnings = re.findall(r"\[WARN\].*?: (unknown parameter .*)", log)
    assert sorted(warnings) == [
        "unknown parameter max_stream (did you mean max_streams?): ignored",
        "unknown parameter robot.radius: ignored",
        "unknown parameter unused: ignored",
    ]


@pytest.mark.ros
def test_every_parameter_is_described_with_its_values(observer, tmp_path):
    from rcl_interfaces.srv import DescribeParameters

    with node(tmp_path, autostart=False):
        request = DescribeParameters.Request(names=[p.name for p in PARAMETERS])
        found = observer.call(DescribeParameters, "ser_stream/describe_parameters", request)
    for parameter, described in zip(PARAMETERS, found.descriptors, strict=True):
        assert described.name == parameter.name
        assert described.description == parameter.description
        assert parameter.accepted in described.additional_constraints
        assert described.read_only == (parameter.name == "autostart")
        limits = [*described.floating_point_range, *described.integer_range]
        assert [(r.from_value, r.to_value) for r in limits] == (
            [parameter.outer_range] if parameter.outer_range else []
        )


@pytest.mark.ros
def test_parameters_change_while_unconfigured_and_take_effect_on_configure(
    observer, tmp_path, tiny_model, speech_path
):
    """A node whose model is missing at start is corrected and runs, without a restart."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    def change(transition):
        request = ChangeState.Request(transition=Transition(label=transition))
        return observer.call(ChangeState, "ser_stream/change_state", request).success

    def refusal(name, value):
        result = set_parameter(observer, name, value)
        assert not result.successful
        return result.reason

    with node(tmp_path, model="nonsense") as process:
        observer.wait(lambda: "'nonsense': no such folder" in (tmp_path / "log").read_text())
        assert refusal("source", "mic") == BY_NAME["source"].error("mic")
        assert refusal("channel", 0) == BY_NAME["channel"].error(0)
        assert refusal("model", None) == "model: cannot be deleted"
        assert "autostart" in refusal("autostart", False)
        for name, value in (
            ("model", str(tiny_model)), ("source", "file"), ("file", str(speech_path)),
        ):  # fmt: skip
            assert set_parameter(observer, name, value).successful
        assert change("configure")
        assert "clean up first: ros2 lifecycle set /ser_stream cleanup" in refusal("model", "tiny")
        assert change("activate")
        assert "model: cannot change while the node is active" in refusal("model", "tiny")
        assert set_parameter(observer, "hop", 0.2).successful
        assert change("deactivate")
        assert change("cleanup")
        assert set_parameter(observer, "streams", ["robot1"]).successful
        assert not change("configure")
        assert "accepted with streams (robot1) is 'topic'" in (tmp_path / "log").read_text()
        assert process.poll() is None
    assert "Traceback" not in (tmp_path / "log").read_text()
