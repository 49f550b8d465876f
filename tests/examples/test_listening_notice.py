"""The notice and the light before emotions are recognised, in a real ROS graph."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from ros_graph import ENVIRONMENT, AudioPublisher, audio_kinds, node, set_parameter

pytestmark = pytest.mark.ros

NOTICE = "I recognise emotions in voices."


@contextlib.contextmanager
def notice(tmp_path, **parameters):
    """Run the example; its log is tmp_path/notice."""
    command = [sys.executable, "-m", "ser_stream.examples.listening_notice", "--ros-args"]
    for name, value in (dict(notice=NOTICE, notice_s=0.5) | parameters).items():
        command += ["-p", f"{name}:={value}"]
    with (tmp_path / "notice").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)


def test_the_notice_precedes_recognition_and_the_light_shows_it(observer, tmp_path, speech):
    from std_msgs.msg import Bool, ColorRGBA, String

    happened = []  # in this order

    def note(topic, message_type, text):
        observer.node.create_subscription(
            message_type, topic, lambda message: happened.append(text(message)), 10
        )

    note("emotion/details", String, lambda message: "estimate")
    note("led", ColorRGBA, lambda message: f"light {'on' if message.a else 'off'}")
    listening = observer.subscribe("listening", Bool, latched=True)
    player = AudioPublisher(observer, speech)
    parameters = dict(source="topic", audio_type=audio_kinds()[-1], model="tiny", enabled=False)
    with notice(tmp_path), node(tmp_path, **parameters) as process:
        player.play()  # nobody can say the notice yet
        assert [message.data for message in listening] == [False]
        note("say", String, lambda message: message.data)
        observer.wait(lambda: listening[-1].data and "light on" in happened)
        player.play()
        observer.wait(lambda: "estimate" in happened)
        process.send_signal(signal.SIGTERM)
        observer.wait(lambda: not listening[-1].data and happened[-1] == "light off")
    told = [each for each in happened if each != "light off"]
    assert told[:3] == [NOTICE, "light on", "estimate"]
    assert told.count(NOTICE) == told.count("light on") == 1
    assert "Traceback" not in (tmp_path / "notice").read_text()


def test_a_node_that_is_killed_has_its_light_switched_off_and_is_announced_again(
    observer, tmp_path
):
    from std_msgs.msg import ColorRGBA, String

    lights = observer.subscribe("led", ColorRGBA)
    notices = observer.subscribe("say", String)
    parameters = dict(source="topic", audio_type=audio_kinds()[-1], model="tiny", enabled=False)
    with notice(tmp_path):
        with node(tmp_path, **parameters) as process:
            observer.wait(lambda: lights and lights[-1].a)
            process.kill()
            process.wait()
            observer.wait(lambda: not lights[-1].a, timeout_s=60)
        with node(tmp_path, **parameters):
            observer.wait(lambda: len(notices) == 2 and lights[-1].a)


def test_what_somebody_has_disabled_stays_disabled(observer, tmp_path):
    from std_msgs.msg import ColorRGBA, String

    lights = observer.subscribe("led", ColorRGBA)
    observer.subscribe("say", String)
    parameters = dict(source="topic", audio_type=audio_kinds()[-1], model="tiny", enabled=False)
    with notice(tmp_path), node(tmp_path, **parameters):
        observer.wait(lambda: lights and lights[-1].a)
        assert set_parameter(observer, "enabled", False).successful
        observer.wait(lambda: not lights[-1].a)
        observer.spin(1.5)
        assert not lights[-1].a


def test_what_is_disabled_while_the_notice_is_spoken_stays_disabled(observer, tmp_path):
    from std_msgs.msg import ColorRGBA, String

    lights = observer.subscribe("led", ColorRGBA)
    notices = observer.subscribe("say", String)
    parameters = dict(source="topic", audio_type=audio_kinds()[-1], model="tiny", enabled=False)
    with notice(tmp_path, notice_s=5.0), node(tmp_path, **parameters):
        observer.wait(lambda: notices)
        assert set_parameter(observer, "enabled", False).successful
        observer.wait(lambda: "it stays disabled" in (tmp_path / "notice").read_text())
        observer.spin(6.0)
        assert not any(light.a for light in lights)
