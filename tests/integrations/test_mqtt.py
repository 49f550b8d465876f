"""Estimates over a real broker."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import numpy as np
import pytest
import soundfile

from command import start
from estimates import estimate
from mosquitto import PATH, TIMEOUT_S, Mosquitto, Subscriber, free_port, make_certificates
from paths import SPOKEN
from ser_stream.emotion import BASIC_EMOTIONS
from waiting import wait_for

pytest.importorskip("paho")

from ser_stream.errors import InputError
from ser_stream.integrations import mqtt
from ser_stream.integrations.mqtt import Broker, MqttPublisher, Publication
from ser_stream.integrations.mqtt_topics import Topics
from ser_stream.stream.status import StreamStatus

pytestmark = pytest.mark.mqtt

TOPICS = Topics("ser_stream/robot1")
RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""
ONE_TURN = SPOKEN / "2-happy.flac"
CONFIG = "homeassistant/device/robot1/config"
PATIENCE_S = 300.0
LISTEN = ("listen", "--model", "tiny", "--json", "--mqtt-client-id", "robot1")
WORDS = ({"text": "secret", "start_s": 1.0, "end_s": 1.4, "probability": 0.9},)
TURN = {"trigger": "utterance", "expression": "sad"}


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def told(caplog):
    """A function that waits for a message in the log, and returns it."""
    caplog.set_level(logging.INFO, "ser_stream")
    return lambda pattern: wait_for(lambda: search(pattern, caplog.messages))


def search(pattern, lines):
    return next((line for line in lines if re.search(pattern, line)), None)


@contextlib.contextmanager
def publishing(port, publication=None, **options):
    publication = publication or Publication("robot1", TOPICS, "homeassistant")
    broker = Broker("localhost", port, **options)
    with MqttPublisher(broker, publication, BASIC_EMOTIONS, "default") as publisher:
        yield publisher


def listen_for_long(tmp_path, *arguments):
    """Start `ser-stream listen` on 10 minutes of sound at the speed of a microphone."""
    samples, rate = soundfile.read(RECORDING)
    path = tmp_path / "long.flac"
    soundfile.write(path, np.tile(samples, 75), rate)
    return start(*LISTEN, "--realtime", "--input", path, *arguments)


def run(*arguments):
    """Run it to its end, also on a busy machine; return exit code and both streams."""
    process = start(*arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def test_a_recording_is_published_as_it_is_printed(broker):
    with Subscriber(broker.port) as viewer:
        code, out, err = run(*LISTEN, "--input", RECORDING, "--mqtt", f"localhost:{broker.port}")
        viewer.wait(TOPICS.availability, "offline")
    assert code == 0
    assert f"publishing emotions to the MQTT broker localhost:{broker.port} under" in err
    printed = [json.loads(line) for line in out.splitlines()]
    published = [json.loads(text) for text in viewer.of(TOPICS.estimate)]
    times = [found.pop("time") for found in published]
    assert published == printed
    assert times == sorted(times) and times[0].endswith("+00:00")
    turns = [json.loads(text) for text in viewer.of(TOPICS.turn)]
    assert [turn["turn"] for turn in turns] == [1, 2]
    named = [found for found in printed if found["expression"]]
    shown = [json.loads(text) for text in viewer.of(TOPICS.emotion)]
    assert [state["emotion"] for state in shown][-len(named) :] == [
        found["expression"] for found in named
    ]
    assert shown[-1]["confidence"] == pytest.approx(100 * named[-1]["confidence"], abs=0.1)
    assert set(shown[-1]) == {"emotion", "confidence", "valence", "arousal"}
    assert viewer.of(TOPICS.speaking)[-1] == "OFF"
    assert viewer.of(TOPICS.availability) == ["online", "offline"]
    options = json.loads(viewer.of(CONFIG)[0])["components"]["emotion"]["options"]
    assert {found["expression"] for found in named} <= set(options)


def test_the_broker_keeps_the_description_and_whether_the_program_is_there_alone(broker):
    with publishing(broker.port) as publisher, Subscriber(broker.port) as viewer:
        publisher.on_status(StreamStatus(speaking=True))
        publisher.on_estimate(estimate(**TURN))
        viewer.wait(TOPICS.turn_emotion)
    with Subscriber(broker.port) as later:
        later.wait(TOPICS.availability, "offline")
        later.publish("end", "")
        later.wait("end")
    kept = {topic for topic, _, retained in later.messages if retained}
    assert kept == {CONFIG, TOPICS.availability}


def test_no_state_is_shown_for_an_estimate_that_names_no_emotion(broker):
    with publishing(broker.port) as publisher, Subscriber(broker.port) as viewer:
        publisher.on_estimate(estimate(**TURN | {"expression": "", "reason": "unsure"}))
        viewer.wait(TOPICS.turn)
    assert viewer.of(TOPICS.emotion) == viewer.of(TOPICS.turn_emotion) == []
    assert json.loads(viewer.of(TOPICS.turn)[0])["reason"] == "unsure"


@pytest.mark.parametrize("words", [False, True])
def test_words_are_published_only_if_asked_for(broker, words):
    publication = Publication("robot1", TOPICS, words=words)
    with publishing(broker.port, publication) as publisher, Subscriber(broker.port) as viewer:
        publisher.on_estimate(estimate(**TURN, words=WORDS))
        viewer.wait(TOPICS.turn)
    everything = "".join(text for _, text, _ in viewer.messages)
    assert ("secret" in everything) is words
    assert CONFIG not in {topic for topic, _, _ in viewer.messages}  # no discovery_prefix


def test_words_of_speech_recognition_stay_here(broker, tmp_path):
    pytest.importorskip("faster_whisper")
    from tiny_whisper import make_tiny_whisper

    model = make_tiny_whisper(tmp_path / "whisper", "Hello there.")
    with Subscriber(broker.port) as viewer:
        code, out, _ = run(
            *LISTEN, "--input", ONE_TURN, "--mqtt", f"localhost:{broker.port}",
            "--asr", "faster_whisper", "--asr-model", model,
        )  # fmt: skip
        viewer.wait(TOPICS.availability, "offline")
    assert code == 0 and '"Hello"' in out
    assert viewer.of(TOPICS.turn) and not any("Hello" in text for _, text, _ in viewer.messages)


def test_home_assistant_gets_the_state_when_it_has_started(broker):
    with publishing(broker.port) as publisher, Subscriber(broker.port) as viewer:
        publisher.on_estimate(estimate(expression="fear"))
        viewer.wait(TOPICS.emotion)
        viewer.publish("homeassistant/status", "online")
        viewer.wait(TOPICS.emotion, count=2)
        first, second = viewer.of(TOPICS.emotion)
    assert first == second and json.loads(first)["emotion"] == "fear"


def test_the_broker_tells_that_a_program_was_killed(broker, tmp_path):
    with Subscriber(broker.port) as viewer:
        process = listen_for_long(tmp_path, "--mqtt", f"localhost:{broker.port}")
        viewer.wait(TOPICS.estimate)
        assert viewer.of(TOPICS.availability) == ["online"]
        process.kill()
        process.communicate()
        viewer.wait(TOPICS.availability, "offline")


def test_ctrl_c_says_that_nobody_speaks_and_the_program_has_gone(broker, tmp_path):
    with Subscriber(broker.port) as viewer:
        process = listen_for_long(tmp_path, "--mqtt", f"localhost:{broker.port}")
        viewer.wait(TOPICS.speaking, "ON")
        viewer.wait(TOPICS.estimate)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
        viewer.wait(TOPICS.availability, "offline")
    assert process.returncode == 0
    assert viewer.of(TOPICS.speaking)[-1] == "OFF"


@pytest.fixture
def storing(tmp_path):
    """A broker that keeps messages for clients which it knows, even when it is started again."""
    settings = ["persistence true", f"persistence_location {tmp_path}/", "allow_anonymous true"]
    with Mosquitto(tmp_path, *settings) as broker:
        yield broker


def turns_of(viewer):
    """Turns of the estimates so far; around a broken connection, some may come twice."""
    return list(dict.fromkeys(json.loads(text)["turn"] for text in viewer.of(TOPICS.estimate)))


def test_estimates_of_the_time_without_a_broker_follow_when_it_is_back(storing, told, caplog):
    with Subscriber(storing.port, client_id="viewer") as viewer:
        with publishing(storing.port) as publisher:
            publisher.on_estimate(estimate(turn=1))
            viewer.wait(TOPICS.estimate)
            storing.stop()
            told(f"localhost:{storing.port}: the connection is lost; recognition goes on")
            publisher.on_estimate(estimate(turn=2, expression="sad"))
            publisher.on_estimate(estimate(turn=3, expression="fear"))
            storing.start()
            wait_for(lambda: 3 in turns_of(viewer))
            publisher.on_estimate(estimate(turn=4, expression="angry"))
            wait_for(lambda: 4 in turns_of(viewer))
        viewer.wait(TOPICS.availability, "offline")
    problems = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(problems) == 1, problems
    assert turns_of(viewer) == [1, 2, 3, 4]
    states = [json.loads(text)["emotion"] for text in viewer.of(TOPICS.emotion)]
    assert "sad" not in states and states[-1] == "angry"


def test_what_waits_is_bounded_and_the_newest_is_kept(storing, told, monkeypatch):
    monkeypatch.setattr(mqtt, "MAX_WAITING", 3)
    with Subscriber(storing.port, client_id="viewer") as viewer:
        storing.stop()
        with publishing(storing.port) as publisher:
            told("Connection refused")
            for turn in range(1, 9):
                publisher.on_estimate(estimate(turn=turn))
            storing.start()
            told("5 messages were left out")
            viewer.wait(TOPICS.estimate, count=3)
    assert turns_of(viewer) == [6, 7, 8]


def test_a_broker_that_is_not_there_is_one_line_and_recognition_goes_on():
    port = free_port()
    code, out, err = run(*LISTEN, "--input", RECORDING, "--mqtt", f"localhost:{port}")
    assert code == 0
    assert [json.loads(line)["trigger"] for line in out.splitlines()][-1] == "utterance"
    lines = [
        line for line in err.splitlines() if "MQTT broker" in line and "publishing" not in line
    ]
    assert len(lines) == 2, err
    assert lines[0] == (
        f"ser-stream: MQTT broker localhost:{port}: Connection refused; recognition goes on, and "
        "so do attempts to connect"
    )
    assert re.search(r"\d+ messages were not delivered", lines[1])


def test_a_name_that_does_not_exist_is_one_line(told):
    publication = Publication("robot1", TOPICS)
    broker = Broker("no.such.host.invalid")
    with MqttPublisher(broker, publication, BASIC_EMOTIONS, "default") as publisher:
        line = told("no.such.host.invalid:1883: ")
        publisher.on_estimate(estimate())
    assert "recognition goes on" in line


def test_a_broker_that_accepts_and_says_nothing_holds_nothing_up(told):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with publishing(silent.getsockname()[1]) as publisher:
            for turn in range(100):
                publisher.on_estimate(estimate(turn=turn))
        told("100 messages were not delivered")


def protected(tmp_path):
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd", path=PATH)
    subprocess.run([program, "-b", "-c", passwords, "robot", "right one"], check=True)
    return Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}")


def test_a_password_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "password"
    file.write_text("right one\n")
    with protected(tmp_path) as broker:
        address = f"localhost:{broker.port}"
        for more, env in (
            (["--mqtt-password-file", file], None),
            ([], os.environ | {"SER_STREAM_MQTT_PASSWORD": "right one"}),
        ):
            with Subscriber(broker.port, "robot", "right one") as viewer:
                process = start(*LISTEN, "--input", RECORDING, "--mqtt", address,
                                "--mqtt-user", "robot", *more, env=env)  # fmt: skip
                _, err = process.communicate(timeout=TIMEOUT_S)
                viewer.wait(TOPICS.availability, "offline")
                assert viewer.of(TOPICS.turn)
            assert "right one" not in err and "connected" in err


@pytest.mark.parametrize("password", ["wrong one", None])
def test_a_wrong_password_is_one_line_that_does_not_show_it(tmp_path, told, caplog, password):
    with (
        protected(tmp_path) as broker,
        publishing(broker.port, user="robot", password=password) as publisher,
    ):
        line = told("Not authorized|Bad user name or password")
        publisher.on_estimate(estimate())
    assert line.startswith(f"MQTT broker localhost:{broker.port}: ")
    assert ("it may want --mqtt-user and a password" in line) is (password is None)
    assert "wrong one" not in caplog.text
    assert "wrong one" not in repr(Broker(password="wrong one"))


def test_tls_with_an_authority_of_ones_own(tmp_path, told):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl, which makes the certificates")
    ca, certificate, key = make_certificates(tmp_path)
    settings = [f"certfile {certificate}", f"keyfile {key}", "allow_anonymous true"]
    with Mosquitto(tmp_path, *settings) as broker:
        with (
            Subscriber(broker.port, ca_file=ca) as viewer,
            publishing(broker.port, tls=True, ca_file=ca) as publisher,
        ):
            publisher.on_estimate(estimate())
            viewer.wait(TOPICS.estimate)
        with publishing(broker.port, tls=True):
            assert "its certificate is not accepted: " in told("certificate")
        with publishing(broker.port):
            told("it has closed the connection at once; it may want --mqtt-tls")
        other = Broker("127.0.0.1", broker.port, tls=True, ca_file=ca)
        publication = Publication("robot1", TOPICS)
        with MqttPublisher(other, publication, BASIC_EMOTIONS, "default"):
            assert "mismatch" in told("127.0.0.1:.*certificate")


def test_tls_with_a_broker_that_has_none_is_one_line(broker, told):
    with publishing(broker.port, tls=True):
        told("no TLS connection|closed|Connection reset|ended")


def test_two_programs_of_one_name_are_told_so(broker, told):
    with publishing(broker.port), publishing(broker.port):
        told("another program may have the client id robot1: --mqtt-client-id")


def test_a_file_that_holds_no_certificate_is_named(tmp_path):
    for path, reason in ((tmp_path / "missing.pem", "No such file"), (RECORDING, "no certificate")):
        with (
            pytest.raises(InputError, match=f"--mqtt-ca-file: found {path}: {reason}"),
            publishing(1, tls=True, ca_file=path),
        ):
            pass


def test_a_broker_that_confirms_nothing_any_more_is_named_at_the_end(told, monkeypatch):
    """It accepts the connection, and then hangs."""
    monkeypatch.setattr(mqtt, "CLOSE_WITHIN", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            connection, _ = server.accept()
            connection.recv(1024)
            connection.sendall(b"\x20\x02\x00\x00")  # CONNACK, accepted
            stopped.wait(60)
            connection.close()

        stopped = threading.Event()
        threading.Thread(target=accept, daemon=True).start()
        with publishing(server.getsockname()[1]) as publisher:
            assert told("connected")
            publisher.on_estimate(estimate(**TURN))
        stopped.set()
    assert told("has not confirmed the last messages")
