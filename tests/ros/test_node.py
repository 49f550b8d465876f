"""The node in a real ROS graph: in a process of its own, observed through rclpy.

Needs ROS 2, and uses the middleware that RMW_IMPLEMENTATION names.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from ros_graph import (
    ENVIRONMENT,
    AudioPublisher,
    asr_processes,
    audio_kinds,
    diagnosis,
    node,
    set_parameter,
    stamp_s,
    types,
)
from shared_fixtures import deciding
from supervisor import supervisor

pytestmark = pytest.mark.ros


def test_a_recording_is_published_on_all_topics(observer, tmp_path, tiny_model, speech_path):
    expression, classification, string, boolean, diagnostics = types()
    emotions = observer.subscribe("emotion", expression)
    utterances = observer.subscribe("emotion/utterance", expression)
    scores = observer.subscribe("emotion/scores", classification)
    windows = observer.subscribe("emotion/window", diagnostics)
    details = observer.subscribe("emotion/details", string)
    speaking = observer.subscribe("is_speaking", boolean, latched=True)
    listening = observer.subscribe("listening", boolean, latched=True)
    reports = observer.subscribe("/diagnostics", diagnostics)
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)):
        # On a busy machine the first False may be followed by True before we are discovered.
        observer.wait(lambda: [m.data for m in speaking][-2:] == [True, False])
        observer.wait(lambda: utterances and reports)
        observer.wait(lambda: len(details) == len(windows) == len(scores) + 1)
        observer.wait(lambda: diagnosis(reports) == (0, "the recording has ended"))
        late = observer.subscribe("/listening", boolean, latched=True)
        observer.wait(lambda: late)
        for topic in ("speech", "emotion/multimodal"):  # there is no speech recognition
            assert observer.node.count_publishers(topic) == 0
    assert [m.data for m in late] == [False]
    assert [m.data for m in listening] in ([False, True, False], [True, False])
    assert f"{speech_path}: ended after 5.0 s, {len(details)} estimates" in (
        (tmp_path / "log").read_text()
    )
    for found in map(json.loads, (message.data for message in details)):
        (window,) = (w for w in windows if w.header.stamp.nanosec == found["stamp"]["nanosec"])
        about, each = ({v.key: v.value for v in status.values} for status in window.status)
        assert float(about["end"]) - float(about["start"]) == pytest.approx(
            found["end_s"] - found["start_s"], abs=1e-3
        )
        assert {name: float(score) for name, score in each.items()} == found["hri_scores"]
    stamps = [stamp_s(message) for message in emotions]
    assert np.all(np.diff(stamps) > 0)
    assert abs(time.time() - stamps[-1]) < 60
    objects = [json.loads(message.data) for message in details]
    assert [o["trigger"] for o in objects][-1] == "utterance"
    assert len(emotions) == sum(o["trigger"] == "interval" for o in objects)
    assert {r.class_id for r in scores[0].results} >= {"scared", "disgusted", "surprised"}
    assert sum(r.score for r in scores[0].results) == pytest.approx(1.0)
    assert [m.data for m in speaking] in ([False, True, False], [True, False])


def test_every_lifecycle_transition_works_twice(observer, tmp_path, tiny_model, speech_path):
    from lifecycle_msgs.msg import State, Transition
    from lifecycle_msgs.srv import ChangeState, GetState

    expression, *_ = types()
    utterances = observer.subscribe("emotion/utterance", expression)

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert observer.call(ChangeState, "ser_stream/change_state", request).success

    def state():
        return observer.call(GetState, "ser_stream/get_state", GetState.Request()).current_state.id

    parameters = dict(source="file", file=str(speech_path), model=str(tiny_model), autostart=False)
    with node(tmp_path, **parameters):
        for round_number in (1, 2):
            assert state() == State.PRIMARY_STATE_UNCONFIGURED
            assert observer.node.count_publishers("emotion") == 0
            change(Transition.TRANSITION_CONFIGURE)
            assert state() == State.PRIMARY_STATE_INACTIVE
            change(Transition.TRANSITION_ACTIVATE)
            assert state() == State.PRIMARY_STATE_ACTIVE
            observer.wait(lambda n=round_number: len(utterances) == n)
            change(Transition.TRANSITION_DEACTIVATE)
            change(Transition.TRANSITION_CLEANUP)
            observer.wait(lambda: observer.node.count_publishers("emotion") == 0)


TRANSITIONS = {
    "unconfigured": ("configure", "shutdown"),
    "inactive": ("activate", "cleanup", "shutdown"),
    "active": ("deactivate", "shutdown"),
    "finalized": (),
}
"""Label of a state -> labels of the transitions that are possible in it."""

IDS = {
    "unconfigured": {1: "configure", 5: "shutdown"},
    "inactive": {2: "cleanup", 3: "activate", 6: "shutdown"},
    "active": {4: "deactivate", 7: "shutdown"},
    "finalized": {},
}
"""The same, with the ids of the transitions."""


class Lifecycle:
    """Requests transitions of the node by its services, as a lifecycle manager does."""

    def __init__(self, observer):
        self._observer = observer

    def state(self):
        from lifecycle_msgs.srv import GetState

        request = GetState.Request()
        return self._observer.call(GetState, "ser_stream/get_state", request).current_state.label

    def change(self, label="", number=0):
        """Request a transition by its label or its id; return whether it succeeded."""
        return self.change_all((label, number))[0]

    def change_all(self, *transitions):
        """Request transitions, label and id, without waiting for each other.

        ROS keeps ten requests of a service that have not been answered, and drops older ones.
        """
        assert len(transitions) <= 10
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        client = self._observer.node.create_client(ChangeState, "ser_stream/change_state")
        self._observer.wait(client.service_is_ready)
        requests = [
            ChangeState.Request(transition=Transition(label=label, id=number))
            for label, number in transitions
        ]
        futures = [client.call_async(request) for request in requests]
        self._observer.wait(lambda: all(future.done() for future in futures))
        self._observer.node.destroy_client(client)
        return [future.result().success for future in futures]


@pytest.fixture
def lifecycle(observer):
    return Lifecycle(observer)


def recorded(tiny_model, speech_path):
    return dict(source="file", file=str(speech_path), model=str(tiny_model))


def test_transitions_that_are_not_possible_are_refused_in_every_state(
    lifecycle, tmp_path, tiny_model, speech_path
):
    n_refused = 0
    with node(tmp_path, autostart=False, **recorded(tiny_model, speech_path)) as process:
        for label in ("", "configure", "activate", "shutdown"):
            assert not label or lifecycle.change(label)
            state = lifecycle.state()
            labels = {"configure", "cleanup", "activate", "deactivate", "shutdown", "nonsense"}
            wrong = [(wrong, 0) for wrong in labels.difference(TRANSITIONS[state])]
            wrong += [("", number) for number in (*range(9), 99) if number not in IDS[state]]
            results = [lifecycle.change_all(*wrong[i : i + 10]) for i in range(0, len(wrong), 10)]
            assert not any(itertools.chain(*results))
            assert lifecycle.state() == state
            n_refused += len(wrong)
        assert state == "finalized"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    log = (tmp_path / "log").read_text()
    assert len(re.findall(r"\[WARN\].*: transition .* is not possible while", log)) == n_refused
    assert "Traceback" not in log


def test_a_manager_that_configures_the_node_after_autostart_is_told_that_it_failed(
    observer, lifecycle, tmp_path, tiny_model, speech_path
):
    utterances = observer.subscribe("emotion/utterance", types()[0])
    with node(tmp_path, **recorded(tiny_model, speech_path)):
        assert not lifecycle.change(number=1)
        assert lifecycle.state() == "active"
        observer.wait(lambda: utterances)
    assert (
        "[WARN]" in (tmp_path / "log").read_text()
        and "transition configure (id 1, from unconfigured) is not possible while active; possible "
        "are: deactivate (id 4), shutdown (id 7)"
        in (tmp_path / "log").read_text()
    )


def test_transitions_in_quick_succession_are_answered_in_their_order(
    lifecycle, tmp_path, tiny_model, speech_path
):
    up, down = ("configure", "activate"), ("deactivate", "cleanup")
    with node(tmp_path, autostart=False, **recorded(tiny_model, speech_path)):
        labels = [*up, *down, "cleanup", *up, "configure", "deactivate"]
        results = lifecycle.change_all(*((label, 0) for label in labels))
        assert results == [True] * 4 + [False] + [True] * 2 + [False, True]
        assert lifecycle.state() == "inactive"


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "active"])
def test_after_shutdown_the_node_is_finalized_until_a_signal_ends_it(
    observer, lifecycle, tmp_path, tiny_model, speech_path, state
):
    before = {"unconfigured": [], "inactive": ["configure"], "active": ["configure", "activate"]}
    with node(tmp_path, autostart=False, **recorded(tiny_model, speech_path)) as process:
        for label in before[state]:
            assert lifecycle.change(label)
        assert lifecycle.state() == state
        assert lifecycle.change("shutdown")
        assert lifecycle.state() == "finalized"
        observer.wait(lambda: observer.node.count_publishers("emotion") == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_ros2_lifecycle_set_works_and_says_what_is_possible(
    observer, tmp_path, tiny_model, speech_path
):
    if shutil.which("ros2") is None:
        pytest.skip("not installed: ros2")

    def ros2_lifecycle(*arguments):
        command = ["ros2", "lifecycle", *arguments]
        return subprocess.run(
            command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=60
        )

    with node(tmp_path, **recorded(tiny_model, speech_path)) as process:
        observer.wait(lambda: "active: " in (tmp_path / "log").read_text())
        refused = ros2_lifecycle("set", "/ser_stream", "configure")
        assert refused.returncode != 0
        assert "Unknown transition requested" in refused.stdout + refused.stderr
        for label, state in (("deactivate", "inactive"), ("cleanup", "unconfigured")):
            assert "Transitioning successful" in ros2_lifecycle("set", "/ser_stream", label).stdout
            assert state in ros2_lifecycle("get", "/ser_stream").stdout
        assert process.poll() is None


def test_activation_logs_the_topic_and_the_sound_that_arrives(observer, tmp_path):
    kind = audio_kinds()[-1]
    publisher = AudioPublisher(observer, np.zeros((1600, 2)), rate_hz=48_000, topic="/robot1/mic")
    parameters = dict(source="topic", audio_type=kind, model="tiny", audio_channels=2)
    log = tmp_path / "log"
    with node(tmp_path, "audio:=mic", "__ns:=/robot1", audio_rate=48_000, **parameters):
        observer.wait(lambda: "active: " in log.read_text())
        assert "sound arrives" not in log.read_text()
        publisher.play()
        observer.wait(lambda: "sound arrives" in log.read_text())
    assert f"active: source topic, /robot1/mic ({kind}), no message yet, " in log.read_text()
    assert "model tiny, engine onnx" in log.read_text()
    assert "topic audio: sound arrives: 48000 Hz, 2 channels" in log.read_text()


def test_parameters_can_be_changed_while_the_node_runs_and_bad_values_are_refused(
    observer, tmp_path, tiny_model, speech_path
):
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)):
        for name, value in (("hop", 0.2), ("smoothing", 0.5), ("min_confidence", 0.9)):
            assert set_parameter(observer, name, value).successful
        for name, value, reason in (
            ("hop", 0.33, "nearest are 0.2, 0.3, 0.4 s"),
            ("min_speech", 99.0, "min_speech out of range Min: 0.1, Max: 10.0, value: 99.0"),
            ("min_speech", 1, "min_speech: found 1 (integer); accepted are numbers with a decimal"),
        ):
            refused = set_parameter(observer, name, value)
            assert not refused.successful
            assert reason in refused.reason


def test_robots_in_different_namespaces_are_separate(observer, tmp_path, tiny_model, speech_path):
    expression, *_, diagnostics = types()
    first = observer.subscribe("/first/emotion/utterance", expression)
    second = observer.subscribe("/second/emotion/utterance", expression)
    reports = observer.subscribe("/diagnostics", diagnostics)
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    parameters = dict(source="file", file=str(speech_path), model=str(tiny_model))
    with node(tmp_path / "1", "__ns:=/first", **parameters):
        observer.wait(lambda: first)
        assert second == []
        with node(tmp_path / "2", "__ns:=/second", **parameters):
            observer.wait(lambda: second)
    assert len(first) == 1
    names = {status.name for report in reports for status in report.status}
    assert names == {f"{name}/ser_stream: speech emotion" for name in ("first", "second")}


def test_a_missing_model_is_logged_and_the_node_stays_unconfigured(observer, tmp_path):
    from lifecycle_msgs.srv import GetState

    with node(tmp_path, model="nonsense") as process:
        state = observer.call(GetState, "ser_stream/get_state", GetState.Request())
        assert state.current_state.label == "unconfigured"
        assert process.poll() is None
    log = (tmp_path / "log").read_text()
    assert "'nonsense': no such folder" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_speech_listening_and_the_process_with_code_0(
    observer, tmp_path, tiny_model, speech_path, number
):
    expression, _, _, boolean, _ = types()
    emotions = observer.subscribe("emotion", expression)
    flags = [observer.subscribe(t, boolean, latched=True) for t in ("is_speaking", "listening")]
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)) as process:
        observer.wait(lambda: emotions and all(flag and flag[-1].data for flag in flags))
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        observer.wait(lambda: not any(flag[-1].data for flag in flags))
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_systemd_is_told_that_the_node_is_ready_and_alive_and_ends(
    observer, tmp_path, tiny_model, speech_path
):
    with supervisor(tmp_path / "notify") as (environment, received):
        recording = {"source": "file", "file": str(speech_path), "model": str(tiny_model)}
        with node(tmp_path, environment=environment, **recording):
            observer.wait(lambda: received.count("WATCHDOG=1") > 3)
    assert (received[0], received[-1]) == ("READY=1", "STOPPING=1")
    assert "STATUS=active, model tiny" in received


def test_a_voice_id_adds_ros4hri_topics(observer, tmp_path, tiny_model, speech_path):
    from hri_msgs.msg import IdsList

    expression, *_ = types()
    expressions = observer.subscribe("/humans/voices/anna/expression", expression)
    parameters = dict(source="file", file=str(speech_path), model=str(tiny_model), voice_id="anna")
    with node(tmp_path, **parameters):
        observer.wait(lambda: expressions)
        late = observer.subscribe("/humans/voices/tracked", IdsList, latched=True)
        observer.wait(lambda: late)
    assert late[0].ids == ["anna"]


def asr_diagnosis(messages):
    """Levels and messages of the reports on speech recognition, in order."""
    return [
        (status.level[0], status.message)
        for report in messages
        for status in report.status
        if "speech recognition" in status.name
    ]


def test_words_and_multimodal_estimates_are_published_and_a_killed_recogniser_restarts(
    observer, tmp_path, tiny_model, tiny_can, grammar, two_turns_and_silence_path
):
    from hri_msgs.msg import LiveSpeech

    expression, _, string, _, diagnostics = types()
    speech = observer.subscribe("speech", LiveSpeech)
    multimodal = observer.subscribe("emotion/multimodal", expression)
    utterances = observer.subscribe("emotion/utterance", expression)
    emotions = observer.subscribe("emotion", expression)
    details = observer.subscribe("emotion/details", string)
    reports = observer.subscribe("/diagnostics", diagnostics)
    parameters = dict(
        source="file", file=str(two_turns_and_silence_path), model=str(tiny_model),
        asr="pocketsphinx", asr_grammar=str(grammar), text_model=str(tiny_can),
    )  # fmt: skip
    with node(tmp_path, **parameters) as process:
        observer.wait(lambda: len(utterances) == 2)
        observer.wait(lambda: "i sit here and nobody calls" in [m.final for m in speech])
        observer.spin(1.0)
        objects = [json.loads(message.data) for message in details]
        second = [o for o in objects if o["modality"] == "audio+text"]
        n_late = sum(o["trigger"] == "utterance" for o in second if o not in deciding(objects))
        n_intervals = sum(o["trigger"] == "interval" for o in second)
        assert len(multimodal) == n_intervals + n_late >= 1
        assert len(emotions) == sum(
            (o["modality"], o["trigger"]) == ("audio", "interval") for o in objects
        )
        assert [message.confidence for message in utterances] == pytest.approx(
            [o["confidence"] for o in deciding(objects)], abs=1e-3
        )
        observer.wait(lambda: (0, "ready") in asr_diagnosis(reports))
        (pid,) = asr_processes(process.pid)
        os.kill(pid, signal.SIGKILL)
        observer.wait(lambda: asr_diagnosis(reports)[-1][0] == 2)
        assert "the process was killed by signal 9" in asr_diagnosis(reports)[-1][1]
        observer.wait(lambda: asr_diagnosis(reports)[-1][0] < 2)  # OK, or slow on a busy machine
        assert process.poll() is None
    assert asr_processes(process.pid) == []
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"asr": "pocketsphinx", "text_model": "nonsense"}, "text_model: model 'nonsense'"),
        ({"asr": "pocketsphinx", "asr_grammar": "none.txt"}, "asr grammar none.txt: no such file"),
        ({"text_model": "nonsense"}, "text_model: found 'nonsense', but asr is none"),
    ],
)
def test_without_speech_recognition_the_node_continues_with_audio_alone(
    observer, tmp_path, tiny_model, speech_path, wrong, message
):
    expression, *_ = types()
    utterances = observer.subscribe("emotion/utterance", expression)
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model), **wrong):
        observer.wait(lambda: utterances)
    log = (tmp_path / "log").read_text()
    (line,) = [line for line in log.splitlines() if "goes on with sound alone" in line]
    assert message in line
    assert "Traceback" not in log


def test_an_activation_that_fails_leaves_the_node_inactive_and_nothing_listens(
    observer, lifecycle, tmp_path, tiny_model
):
    """The topic of the bond gets a name that rcl refuses, in place of a policy that forbids it."""
    pytest.importorskip("bond")
    kind = audio_kinds()[-1]
    boolean = types()[3]
    listening = observer.subscribe("listening", boolean, latched=True)
    log = tmp_path / "log"
    parameters = dict(source="topic", audio_type=kind, model=str(tiny_model), bond_timeout=1.0)
    with node(tmp_path, f"bond:=/{'b' * 300}", **parameters) as process:
        observer.wait(lambda: "on_activate: " in log.read_text())
        for n_failed in (1, 2):
            assert log.read_text().count("on_activate: ") == n_failed
            assert lifecycle.state() == "inactive"
            observer.wait(lambda: observer.node.count_subscribers("audio") == 0)
            assert observer.node.count_subscribers("robot_speaking") == 0
            observer.wait(lambda: listening and not listening[-1].data)
            assert lifecycle.change("activate") is False
        assert process.poll() is None
    assert "Traceback" not in log.read_text()
