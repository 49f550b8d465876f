"""SROS2: the policy of deploy/sros2 covers the node, and DDS enforces it.

The keys and permissions are made by the programs of SROS2, with the commands of docs/security.md;
every node is a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

from paths import ROOT
from ros_graph import ENVIRONMENT, TIMEOUT_S, AudioPublisher, audio_kinds, node
from ser_stream.errors import InputError
from ser_stream.ros import messages
from ser_stream.ros.messages import voice_topics
from ser_stream.ros.names import full_name
from ser_stream.ros.security import check_dds, explain_error
from sros2_policy import POLICY, Policy

NODE, READER, OPERATOR = ENCLAVES = "/ser_stream", "/dialogue_manager", "/operator"
TOPICS = {topic for topic in vars(messages).values() if isinstance(topic, messages.Topic)}
TOPICS |= set(voice_topics("anna").values())
NAMES = sorted(full_name(topic.name) for topic in TOPICS)
PEER = ROOT / "tests" / "support" / "security_peer.py"
SECURED = {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce"}

needs_sros2 = pytest.mark.skipif(
    find_spec("sros2") is None, reason="not installed: sros2 (apt: ros-$ROS_DISTRO-sros2)"
)


# What the package does about security


@pytest.mark.parametrize("strategy", ["Enforce", "Permissive"])
def test_without_ros_a_secured_graph_is_refused(strategy):
    with pytest.raises(InputError, match="ROS_SECURITY_ENABLE: found true"):
        check_dds({"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": strategy})


@pytest.mark.parametrize("value", ["", "false", "True"])
def test_security_is_off_for_every_value_but_true(value):
    check_dds({"ROS_SECURITY_ENABLE": value, "ROS_SECURITY_STRATEGY": "Enforce"})
    check_dds({})


@pytest.mark.parametrize(
    ("arguments", "variables", "enclave"),
    [
        (["node", "--ros-args", "--enclave", "/robot1/ser_stream"], {}, "/robot1/ser_stream"),
        (["node", "--ros-args", "-e", "/short"], {}, "/short"),
        (["node", "-e", "/short"], {"ROS_SECURITY_ENCLAVE_OVERRIDE": "/other"}, "/other"),
        (["node"], {}, "/ (none is given)"),
    ],
)
def test_an_error_of_rclpy_names_the_enclave(arguments, variables, enclave):
    error = RuntimeError("error creating node: error not set, at ./src/rcl/node.c:252\nmore")
    variables = {**variables, "ROS_SECURITY_KEYSTORE": "/keys", "ROS_DOMAIN_ID": "7"}
    text = explain_error(error, variables | {"ROS_SECURITY_ENABLE": "true"}, arguments)
    assert text.startswith("error creating node: error not set. Security is enabled")
    assert f"ROS_SECURITY_KEYSTORE /keys, enclave {enclave}, ROS_DOMAIN_ID 7:" in text
    assert explain_error(error, variables, arguments) == "error creating node: error not set"


# The policy


def edited(tmp_path, old, new) -> Policy:
    """The policy after an edit."""
    shutil.copytree(POLICY.parent, tmp_path / "sros2")
    policy = tmp_path / "sros2" / POLICY.name
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))
    return Policy(policy)


def test_the_node_may_publish_every_topic():
    policy = Policy()
    for name in NAMES:
        assert policy.allows(NODE, "publish", name), f"{name}: missing in deploy/sros2/policy.xml"


def test_nobody_may_do_more_than_its_task():
    policy = Policy()
    received = [name for name in NAMES if policy.allows(READER, "subscribe", name)]
    assert received == ["/emotion", "/emotion/utterance"]
    received = [name for name in NAMES if policy.allows(OPERATOR, "subscribe", name)]
    assert received == ["/diagnostics"]
    assert policy.allows(OPERATOR, "request", "/ser_stream/change_state")
    assert not policy.allows(READER, "request", "/ser_stream/change_state")
    for enclave in (READER, OPERATOR):
        assert not policy.allows(enclave, "publish", "/emotion")
        assert not policy.allows(enclave, "reply", "/ser_stream/change_state")
        assert not policy.allows(enclave, "subscribe", "/audio")
    for name in ("/audio", "/robot_speaking", "/cmd_vel"):
        assert not policy.allows(NODE, "publish", name)


def test_the_whole_policy_can_be_moved_into_a_namespace(tmp_path):
    policy = edited(tmp_path, 'ns="/"', 'ns="/robot1"')
    assert policy.allows(NODE, "publish", "/robot1/emotion")
    assert policy.allows(NODE, "reply", "/robot1/ser_stream/change_state")
    assert policy.allows(READER, "subscribe", "/robot1/emotion")
    assert policy.allows(OPERATOR, "request", "/robot1/ser_stream/change_state")
    assert policy.allows(NODE, "publish", "/diagnostics")
    assert not policy.allows(NODE, "publish", "/emotion")
    assert not policy.allows(READER, "subscribe", "/robot2/emotion")


def test_one_profile_permits_the_topics_of_several_robots(tmp_path):
    comment = "<!-- A robot's own topics. -->\n        <profile "
    policy = edited(tmp_path, f'{comment}ns="/"', f'{comment}ns="/*"')
    for name in ("/robot1/emotion", "/lab/robot2/is_speaking"):
        assert policy.allows(NODE, "publish", name)
    assert policy.allows(NODE, "subscribe", "/robot1/audio")
    assert policy.allows(NODE, "reply", "/ser_stream/change_state")
    assert not policy.allows(NODE, "reply", "/robot1/ser_stream/change_state")


# The node's names in the graph, whatever code makes them


def endpoints(observer, name, namespace):
    """Actions of the policy and the names that the node needs them for, as the graph shows them."""
    graph = observer.node
    found = {
        "publish": graph.get_publisher_names_and_types_by_node(name, namespace),
        "subscribe": graph.get_subscriber_names_and_types_by_node(name, namespace),
        "reply": graph.get_service_names_and_types_by_node(name, namespace),
        "request": graph.get_client_names_and_types_by_node(name, namespace),
    }
    return {(action, topic) for action, topics in found.items() for topic, _ in topics}


@pytest.mark.ros
@pytest.mark.parametrize("namespace", ["/", "/robot1"])
def test_the_policy_covers_what_the_node_does_in_the_graph(observer, tmp_path, namespace):
    policy = Policy() if namespace == "/" else edited(tmp_path, 'ns="/"', f'ns="{namespace}"')
    parameters = dict(
        source="topic", audio_type=audio_kinds()[-1], model="tiny", voice_id="anna",
        asr="pocketsphinx", use_sim_time=True,
    )  # fmt: skip
    if find_spec("bond"):
        parameters["bond_timeout"] = 4.0
    last = ("subscribe", full_name("robot_speaking", namespace.strip("/")))
    with node(tmp_path, f"__ns:={namespace}", **parameters):
        observer.wait(
            lambda: ("ser_stream", namespace) in observer.node.get_node_names_and_namespaces()
        )
        observer.wait(lambda: last in endpoints(observer, "ser_stream", namespace))
        found = endpoints(observer, "ser_stream", namespace)
    assert ("subscribe", "/clock") in found
    assert ("publish", "/humans/voices/anna/expression") in found
    missing = {(action, name) for action, name in found if not policy.allows(NODE, action, name)}
    assert not missing, f"deploy/sros2/policy.xml does not permit {missing}"


@pytest.mark.ros
def test_the_policy_covers_several_robots(observer, tmp_path):
    comment = "<!-- A robot's own topics. -->\n        <profile "
    policy = edited(tmp_path, f'{comment}ns="/"', f'{comment}ns="/*"')
    kind = audio_kinds()[-1]
    parameters = dict(source="topic", audio_type=kind, model="tiny", streams="/*/audio")
    AudioPublisher(observer, np.zeros(0), topic="/robot2/audio")
    with node(tmp_path, **parameters):
        observer.wait(lambda: observer.node.count_subscribers("/robot2/audio"))
        found = endpoints(observer, "ser_stream", "/")
    assert ("publish", "/robot2/emotion") in found
    missing = {(action, name) for action, name in found if not policy.allows(NODE, action, name)}
    assert not missing


# Enforcement


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    """A keystore of the robot, made with the commands of docs/security.md."""
    page = (ROOT / "docs" / "security.md").read_text()
    (commands,) = re.findall(r"```\n(export ROS_DOMAIN_ID.*?)```", page, re.DOTALL)
    workspace = tmp_path_factory.mktemp("workspace")
    (workspace / "src").mkdir()
    (workspace / "src" / "ser_stream").symlink_to(ROOT)
    domain = ENVIRONMENT["ROS_DOMAIN_ID"]
    run_ros(commands.replace("ROS_DOMAIN_ID=0", f"ROS_DOMAIN_ID={domain}"), cwd=workspace)
    return workspace / "keystore"


@pytest.fixture(scope="module")
def foreign_keystore(tmp_path_factory):
    """A keystore that somebody else has made, whose dialogue manager may do anything."""
    folder = tmp_path_factory.mktemp("foreign")
    run_ros(f"ros2 security generate_artifacts -k keystore -e {READER}", cwd=folder)
    return folder / "keystore"


def run_ros(commands, cwd=None, environment=None):
    """Run commands of ROS 2 and return what they print; fail where one of them fails."""
    result = subprocess.run(
        ["bash", "-ec", commands], cwd=cwd, env=os.environ | (environment or {}) | ENVIRONMENT,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def secured(keystore, enclave):
    """Environment variables of a process in an enclave."""
    place = {"ROS_SECURITY_KEYSTORE": str(keystore), "ROS_SECURITY_ENCLAVE_OVERRIDE": enclave}
    return SECURED | place


class Peer:
    """Another node, which tests/support/security_peer.py describes, while it is open."""

    EVENTS = ("subscribed", "discovered", "received", "asked", "answered", "refused")

    def __init__(self, log, *arguments, environment=None):
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(PEER), *arguments],
                env=os.environ | (environment or {}) | ENVIRONMENT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=20)

    def lines(self):
        """What has happened, without what the middleware logs."""
        return [line for line in self._log.read_text().splitlines() if line.startswith(self.EVENTS)]

    def wait(self, event, times=1):
        """Wait until something has happened so often."""
        deadline = time.monotonic() + TIMEOUT_S
        while sum(line.startswith(event) for line in self.lines()) < times:
            log = self._log.read_text()
            assert self._process.poll() is None and time.monotonic() < deadline, f"{event}: {log}"
            time.sleep(0.05)


@pytest.fixture
def long_speech_path(tmp_path, long_speech):
    path = tmp_path / "speech.wav"
    soundfile.write(path, long_speech, 16_000)
    return path


@pytest.mark.ros
@needs_sros2
def test_only_permitted_nodes_receive_emotions_and_control_the_node(
    tmp_path, keystore, foreign_keystore, long_speech_path
):
    reader, operator = secured(keystore, READER), secured(keystore, OPERATOR)
    foreign, nobody = secured(foreign_keystore, READER), {}
    parameters = dict(
        source="file", file=str(long_speech_path), model="tiny", min_confidence=0.0, autostart=False
    )
    with contextlib.ExitStack() as stack:

        def peer(*arguments, environment):
            log = tmp_path / f"{len(list(tmp_path.iterdir()))}.log"
            return stack.enter_context(Peer(log, *arguments, environment=environment))

        receive = ("dialogue_manager", "receive", "/emotion")
        permitted, *others = (
            peer(*receive, environment=environment) for environment in (reader, nobody, foreign)
        )
        peer("operator", "receive", "/emotion", environment=operator).wait("refused")
        for each in (permitted, *others):
            each.wait("subscribed")
        stack.enter_context(node(tmp_path, environment=secured(keystore, NODE), **parameters))
        control = ("operator", "configure", "/ser_stream")
        peer(*control, environment=operator).wait("answered True")
        permitted.wait("discovered")
        peer("operator", "activate", "/ser_stream", environment=operator).wait("answered True")
        permitted.wait("received", times=3)
        assert [each.lines() for each in others] == [["subscribed"], ["subscribed"]]

        deactivate = ("dialogue_manager", "deactivate", "/ser_stream")
        peer(*deactivate, environment=reader).wait("refused")
        others = [peer(*deactivate, environment=environment) for environment in (nobody, foreign)]
        for each in others:
            each.wait("asked")
        get_state = "ros2 service call /ser_stream/get_state lifecycle_msgs/srv/GetState"
        assert "label='active'" in run_ros(get_state, environment=operator)
        peer("operator", "deactivate", "/ser_stream", environment=operator).wait("answered True")
        assert [each.lines() for each in others] == [["asked"], ["asked"]]


@pytest.mark.ros
@needs_sros2
def test_the_launched_node_is_secured(workspace, tmp_path, keystore, long_speech_path):
    params = tmp_path / "params.yaml"
    params.write_text(json.dumps({"/**": {"ros__parameters": {"min_confidence": 0.0}}}))
    arguments = [f"file:={long_speech_path}", f"params_file:={params}", "model:=tiny"]
    command = ["ros2", "launch", "ser_stream", "replay.launch.py", f"venv:={sys.prefix}"]
    receive = ("dialogue_manager", "receive", "/emotion")
    log = tmp_path / "launch.log"
    with (
        log.open("w") as output,
        Peer(tmp_path / "1.log", *receive, environment=secured(keystore, READER)) as permitted,
        Peer(tmp_path / "2.log", *receive) as without_security,
    ):
        permitted.wait("subscribed")
        without_security.wait("subscribed")
        launch = subprocess.Popen(
            command + arguments, env=workspace | secured(keystore, NODE),
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            permitted.wait("received", times=3)
            assert without_security.lines() == ["subscribed"]
        finally:
            os.killpg(launch.pid, signal.SIGINT)
            assert launch.wait(timeout=60) == 0
    assert f"enclaves{NODE}" in log.read_text()
    assert "process has finished cleanly" in log.read_text()


@pytest.mark.ros
def test_without_security_everybody_receives_and_controls(tmp_path, long_speech_path):
    parameters = dict(source="file", file=str(long_speech_path), model="tiny", min_confidence=0.0)
    receive, deactivate = ("operator", "receive"), ("dialogue_manager", "deactivate")
    with (
        Peer(tmp_path / "1.log", *receive, "/emotion") as receiver,
        node(tmp_path, **parameters),
    ):
        receiver.wait("received", times=3)
        with Peer(tmp_path / "2.log", *deactivate, "/ser_stream") as other:
            other.wait("answered True")


@pytest.mark.ros
@pytest.mark.parametrize(
    ("enclave", "reason"),
    [("/nowhere", "enclaves/nowhere' does not exist"), ("/", "error creating node")],
)
def test_a_node_without_keys_ends_with_one_line_and_code_2(tmp_path, enclave, reason):
    (tmp_path / "keystore" / "enclaves").mkdir(parents=True)
    with node(tmp_path, environment=secured(tmp_path / "keystore", enclave)) as process:
        assert process.wait(timeout=TIMEOUT_S) == 2
    log = (tmp_path / "log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("ser_node: ")]
    assert reason in line and f"enclave {enclave}, " in line
    assert "Traceback" not in log
