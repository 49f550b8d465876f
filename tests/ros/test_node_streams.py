"""Several robots in one process of the node, each with audio and topics of its own."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest
import soundfile

from paths import SPOKEN
from ros_graph import (
    AudioPublisher,
    audio_kinds,
    node,
    play_together,
    set_parameter,
    stamp_s,
    types,
)
from ser_stream import Recognizer

pytestmark = pytest.mark.ros

RATE_HZ = 16_000


def sentence(name):
    """A test recording, and enough silence to end its last turn; (n,)."""
    samples, _ = soundfile.read(SPOKEN / name, dtype="float32")
    return np.pad(samples, (0, RATE_HZ))


def serving(tmp_path, *streams, **parameters):
    """Run the node on the streams."""
    return node(
        tmp_path,
        source="topic",
        audio_type=audio_kinds()[-1],
        model="tiny",
        streams=list(streams),
        **parameters,
    )


def robot(observer, name, samples):
    return AudioPublisher(observer, samples, topic=f"/{name}/audio")


def details_of(observer, name):
    return observer.subscribe(f"/{name}/emotion/details", types()[2])


def has_utterance(details):
    return any(json.loads(message.data)["trigger"] == "utterance" for message in details)


def assert_heard(details, samples):
    """The estimates are those of a recogniser that hears this sound alone."""
    recognizer = Recognizer("tiny")
    expected = recognizer.push((samples * 32767).astype(np.int16), RATE_HZ) + recognizer.finish()
    found = [json.loads(message.data) for message in details]
    assert [o["trigger"] for o in found] == [e.trigger for e in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["scores"] == pytest.approx(other.scores, abs=1e-3)


def status(reports, name):
    """Level, message and values of the newest diagnostic status whose name has this part."""
    for report in reversed(reports):
        for found in report.status:
            if name in found.name:
                return found.level[0], found.message, {v.key: v.value for v in found.values}
    return None, "", {}


def test_robots_are_heard_at_the_same_time_and_one_joins_and_leaves(observer, tmp_path):
    happy, angry, neutral = map(sentence, ("2-happy.flac", "4-angry.flac", "1-neutral.flac"))
    expression, *_, diagnostics = types()
    details = {name: details_of(observer, name) for name in ("robot1", "robot2", "robot3")}
    utterances = observer.subscribe("/robot1/emotion/utterance", expression)
    reports = observer.subscribe("/diagnostics", diagnostics)
    first, second = robot(observer, "robot1", happy), robot(observer, "robot2", angry)
    with serving(tmp_path, "robot1", "/*/audio") as process:
        play_together(first, second)
        observer.wait(lambda: all(has_utterance(details[name]) for name in ("robot1", "robot2")))
        third = robot(observer, "robot3", neutral)
        play_together(first, third)
        observer.wait(lambda: has_utterance(details["robot3"]))
        assert {"robot1/ser_stream", "robot2/ser_stream", "robot3/ser_stream", "ser_stream"} == {
            found.name.partition(":")[0] for report in reports for found in report.status
        }
        third.leave()
        observer.wait(lambda: observer.node.count_publishers("/robot3/emotion") == 0)
        observer.wait(lambda: status(reports, "ser_stream: streams")[2]["streams open"] == "2")
        assert observer.node.count_publishers("/robot1/emotion") == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert_heard(details["robot2"], angry)
    assert_heard(details["robot3"], neutral)
    # The second turn of a stream depends on the first, and on how long the pause was.
    assert_heard([m for m in details["robot1"] if json.loads(m.data)["turn"] == 1], happy)
    assert has_utterance([m for m in details["robot1"] if json.loads(m.data)["turn"] == 2])
    objects = [json.loads(message.data) for message in details["robot1"]]
    ends = [o["end_s"] for o in objects if o["trigger"] == "utterance" and o["expression"]]
    assert [stamp_s(message) for message in utterances] == pytest.approx(ends, abs=0.01)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_robot_that_speaks_is_not_heard_and_one_beyond_the_limit_is_refused(observer, tmp_path):
    from std_msgs.msg import Bool

    details = {name: details_of(observer, name) for name in ("robot1", "robot2", "robot3")}
    reports = observer.subscribe("/diagnostics", types()[-1])
    speaks = observer.node.create_publisher(Bool, "/robot1/robot_speaking", 10)
    happy = sentence("2-happy.flac")
    players = [robot(observer, name, happy) for name in ("robot1", "robot2")]
    with serving(tmp_path, "/*/audio", max_streams=2) as process:
        observer.wait(lambda: speaks.get_subscription_count() > 0)
        speaks.publish(Bool(data=True))
        for player in players:
            player.wait_for_subscriber()
        extra = robot(observer, "robot3", happy)
        observer.wait(lambda: "accepts 2" in status(reports, "ser_stream: streams")[1])
        assert status(reports, "ser_stream: streams")[0] == 2
        play_together(*players)
        observer.wait(lambda: has_utterance(details["robot2"]))
        observer.wait(lambda: "does not listen" in status(reports, "robot1/ser_stream")[1])
        assert extra.publisher.get_subscription_count() == 0
        assert details["robot1"] == details["robot3"] == []
        refused = set_parameter(observer, "hop", 0.2)
        assert not refused.successful
        assert "several streams" in refused.reason
        assert set_parameter(observer, "enabled", False).successful
        assert process.poll() is None
    assert_heard(details["robot2"], happy)


def test_every_lifecycle_transition_works_twice_with_streams(observer, tmp_path):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert observer.call(ChangeState, "ser_stream/change_state", request).success

    details = details_of(observer, "robot1")
    happy = sentence("2-happy.flac")
    player = robot(observer, "robot1", happy)
    with serving(tmp_path, "robot1", autostart=False):
        for _ in range(2):
            details.clear()
            change(Transition.TRANSITION_CONFIGURE)
            change(Transition.TRANSITION_ACTIVATE)
            player.play()
            observer.wait(lambda: has_utterance(details))
            assert_heard(details, happy)
            change(Transition.TRANSITION_DEACTIVATE)
            observer.wait(lambda: observer.node.count_publishers("/robot1/emotion") == 0)
            change(Transition.TRANSITION_CLEANUP)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "microphone"}, "source: found 'microphone'; accepted with streams (robot1) is"),
        ({"source": "topic", "asr": "pocketsphinx"}, "asr: found 'pocketsphinx'; accepted with"),
        ({"source": "topic", "voice_id": "anna"}, "voice_id: found 'anna'; accepted with streams"),
    ],
)
def test_parameters_that_do_not_fit_are_named_in_one_line(observer, tmp_path, wrong, message):
    with node(tmp_path, **({"streams": "robot1", "model": "tiny"} | wrong)) as process:
        observer.wait(lambda: "[ERROR]" in (tmp_path / "log").read_text())
        assert process.poll() is None
    log = (tmp_path / "log").read_text()
    (line,) = [line for line in log.splitlines() if "[ERROR]" in line]
    assert message in line
    assert "Traceback" not in log


def test_a_robot_whose_publishers_cannot_be_created_is_refused_and_the_others_go_on(
    observer, tmp_path
):
    details = details_of(observer, "robot1")
    reports = observer.subscribe("/diagnostics", types()[-1])
    happy = sentence("2-happy.flac")
    player = robot(observer, "robot1", happy)
    wrong = {"qos_overrides./robot2/emotion/scores.publisher.depth": "many"}
    with serving(tmp_path, "robot1", "robot2", **wrong) as process:
        player.play()
        observer.wait(lambda: has_utterance(details))
        level, message, values = status(reports, "ser_stream: streams")
        assert (level, values["streams open"]) == (2, "1")
        assert "not served: /robot2/audio: InvalidParameterTypeException: Trying to set" in message
        assert observer.node.count_publishers("/robot2/emotion") == 0
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert_heard(details, happy)
    log = (tmp_path / "log").read_text()
    assert log.count("/robot2/audio: not served: ") == 1
    assert "Traceback" not in log
