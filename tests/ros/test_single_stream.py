"""The node with one stream, in a graph without ROS; the recogniser and its networks are real."""

from __future__ import annotations

import logging

import pytest
import soundfile

from fake_graph import FakeGraph, wait
from ser_stream.errors import InputError
from ser_stream.ros.health import ERROR, OK
from ser_stream.ros.parameters import PARAMETERS
from ser_stream.ros.single_stream import SingleStream

RATE_HZ = 16_000
NODE = "/robot1/ser_stream"
MISSING = "No such file or directory; accepted with source file is a recording's path"
TEXT_TOPIC, SPEECH_TOPIC = "emotion/multimodal", "speech"


@pytest.fixture
def graph():
    return FakeGraph()


@pytest.fixture
def configure(graph):
    """Return a stream with these parameters, which is closed at the end, and their values."""
    streams = []

    def configured(**parameters):
        values = {parameter.name: parameter.default for parameter in PARAMETERS}
        values |= {"model": "tiny"} | parameters
        stream = SingleStream(graph, values.__getitem__, NODE, pytest.fail)
        streams.append(stream)
        return stream, values

    yield configured
    for stream in streams:
        stream.stop()
        stream.close()


@pytest.fixture
def change():
    """Set a parameter as the node does."""

    def changed(configured, **parameters):
        stream, values = configured
        stream.change(parameters)
        values |= parameters

    return changed


@pytest.fixture
def short_path(tmp_path, speech):
    """A recording of 1.6 s, in which someone speaks to the end."""
    path = tmp_path / "short.wav"
    soundfile.write(path, speech[round(0.8 * RATE_HZ) : round(2.4 * RATE_HZ)], RATE_HZ)
    return path


def flags(graph, topic):
    return [message["data"] for message in graph.received(topic)]


def reports(graph):
    """Level, message and values of the reports on speech emotion."""
    return graph.reports("robot1/ser_stream: speech emotion")


# Topics


def test_topics_of_words_are_there_only_if_speech_recognition_was_opened(
    graph, configure, tiny_can, grammar
):
    pytest.importorskip("pocketsphinx")
    asr = dict(asr="pocketsphinx", asr_grammar=str(grammar))
    configure()[0].close()
    assert not {SPEECH_TOPIC, TEXT_TOPIC} & graph.opened
    with_asr, _ = configure(**asr, voice_id="anna")
    assert {SPEECH_TOPIC, "/humans/voices/anna/speech"} < graph.opened
    assert TEXT_TOPIC not in graph.opened
    with_asr.close()
    assert graph.opened == set()
    configure(**asr, text_model=str(tiny_can))
    assert {SPEECH_TOPIC, TEXT_TOPIC} < graph.opened


def test_without_the_grammar_there_are_no_topics_of_words(graph, configure, tiny_can):
    configure(asr="pocketsphinx", asr_grammar="none.txt", text_model=str(tiny_can), voice_id="anna")
    assert "emotion" in graph.opened
    assert not {SPEECH_TOPIC, TEXT_TOPIC, "/humans/voices/anna/speech"} & graph.opened


def test_estimates_have_the_frame_of_the_audio_messages(graph, configure, speech):
    stream, _ = configure(source="topic")
    stream.start()
    graph.play("audio", speech, start_s=2000.0, frame_id="head_mic")
    wait(stream, lambda: graph.received("emotion/details"))
    assert graph.received("emotion/scores")[0]["header"]["frame_id"] == "head_mic"


# Recordings


def test_the_end_of_a_recording_is_logged_and_is_no_error(graph, configure, short_path, caplog):
    caplog.set_level(logging.INFO)
    stream, _ = configure(source="file", file=str(short_path))
    stream.start()
    wait(stream, lambda: flags(graph, "listening")[-1] is False)
    n_estimates = len(graph.received("emotion/details"))
    assert n_estimates >= 1
    (line,) = [r for r in caplog.records if "ended after" in r.getMessage()]
    assert (line.levelname, line.getMessage()) == (
        "INFO", f"{short_path}: ended after 1.6 s, {n_estimates} estimates",
    )  # fmt: skip
    n_reports = len(graph.received("/diagnostics"))
    wait(stream, lambda: len(graph.received("/diagnostics")) >= n_reports + 5)
    assert {report[:2] for report in reports(graph)[-4:]} == {(OK, "the recording has ended")}
    assert ERROR not in {report[0] for report in reports(graph)}
    assert flags(graph, "is_speaking") == [False, True, False]
    assert flags(graph, "listening") == [False, True, False]


def test_a_recording_that_breaks_off_is_an_error(graph, configure, speech_path, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    broken = tmp_path / "broken.flac"
    broken.write_bytes(speech_path.read_bytes()[:20_000])
    stream, _ = configure(source="file", file=str(broken))
    stream.start()
    wait(stream, lambda: flags(graph, "listening")[-1] is False)
    wait(stream, lambda: reports(graph) and reports(graph)[-1][0] == ERROR)
    assert "breaks off" in reports(graph)[-1][1]
    assert "ended after" not in caplog.text


def test_a_recording_can_be_played_again(graph, configure, short_path, caplog):
    caplog.set_level(logging.INFO)
    stream, _ = configure(source="file", file=str(short_path))
    for _ in range(2):
        stream.start()
        wait(stream, lambda: flags(graph, "listening")[-1] is False)
        stream.stop()
    assert flags(graph, "listening") == [False, True, False, True, False]
    assert caplog.text.count("ended after") == 2


# Listening


def test_listening_is_false_before_activation_and_after_it(graph, configure):
    stream, _ = configure(source="topic")
    assert flags(graph, "listening") == [False]
    stream.start()
    assert flags(graph, "listening") == [False, True]
    stream.stop()
    assert flags(graph, "listening") == [False, True, False]


def test_listening_stays_true_while_the_robot_speaks(graph, configure, speech):
    stream, _ = configure(source="topic")
    stream.start()
    graph.say("robot_speaking", True)
    graph.play("audio", speech, start_s=2000.0)
    wait(stream, lambda: any("does not listen" in message for _, message, _ in reports(graph)))
    assert flags(graph, "listening") == [False, True]
    assert graph.received("emotion/details") == []


def test_enabled_decides_on_listening_in_any_state(graph, configure, change):
    stream, _ = configured = configure(source="topic", enabled=False)
    stream.start()
    assert flags(graph, "listening") == [False]
    change(configured, enabled=True)
    change(configured, enabled=True)
    assert flags(graph, "listening") == [False, True]
    change(configured, enabled=False)
    stream.stop()
    change(configured, enabled=True)
    assert flags(graph, "listening") == [False, True, False]
    stream.start()
    assert flags(graph, "listening") == [False, True, False, True]


def test_after_listening_has_become_false_no_estimate_follows(graph, configure, change, speech):
    stream, _ = configured = configure(source="topic")
    stream.start()
    graph.play("audio", speech[: 2 * RATE_HZ], start_s=2000.0)
    wait(stream, lambda: graph.received("emotion/details"))
    change(configured, enabled=False)
    published = len(graph.received("emotion/details"))
    graph.play("audio", speech, start_s=2002.0)
    stream.stop()  # it waits for the last estimate
    assert len(graph.received("emotion/details")) == published


def test_a_stream_that_fails_ends_listening_before_the_process_ends(graph, speech):
    reasons = []
    values = {parameter.name: parameter.default for parameter in PARAMETERS}
    values |= {"model": "tiny", "source": "topic"}
    stream = SingleStream(graph, values.__getitem__, NODE, reasons.append)
    stream.start()
    graph.opened.remove("emotion/details")  # publishing fails
    graph.play("audio", speech, start_s=2000.0)
    wait(stream, lambda: reasons)
    assert reasons[0].startswith("recognition failed: ")
    assert flags(graph, "listening")[-1] is False
    graph.opened.add("emotion/details")
    stream.stop()
    stream.close()


# Activation and configuration


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "source microphone, the system's default device, not opened yet"),
        ({"device": "USB"}, "source microphone, USB, not opened yet"),
        (
            {"source": "topic"},
            "source topic, /audio (AudioDataStamped), no message yet, 16000 Hz, 1 channel, S16LE "
            "until audio_info announces another format",
        ),
    ],
)
def test_activation_logs_the_source_the_model_and_the_engine(configure, caplog, changes, line):
    caplog.set_level(logging.INFO, "ser_stream.ros")
    configure(engine="onnx", **changes)[0].start()
    (found,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("active")]
    assert found == f"active: {line}, model tiny, engine onnx"


def test_activation_logs_the_rate_and_the_channels_of_a_recording(configure, caplog, speech_path):
    caplog.set_level(logging.INFO, "ser_stream.ros")
    configure(engine="onnx", source="file", file=str(speech_path))[0].start()
    known = f"active: source file, {speech_path}, 16000 Hz, 1 channel, model tiny, engine onnx"
    assert known in caplog.messages


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"source": "file"}, "file: found ''; accepted with source file is a recording's path"),
        ({"source": "file", "file": "none.wav"}, f"file: none.wav: {MISSING}"),
        ({"source": "topic", "audio_type": "AudioStamped"}, "audio_type: found AudioStamped"),
        ({"model": "nonsense"}, "'nonsense': no such folder"),
        ({"engine": "onnx", "torch_device": "cuda"}, "torch_device: found 'cuda'; engine onnx"),
    ],
)
def test_what_cannot_be_used_is_an_error_on_configure(configure, changes, error):
    with pytest.raises(InputError, match=error):
        configure(**changes)


def test_a_file_that_has_vanished_since_configure_is_named_on_activate(
    graph, configure, short_path
):
    stream, _ = configure(source="file", file=str(short_path))
    short_path.unlink()
    with pytest.raises(InputError, match=f"^file: {short_path}: {MISSING}$"):
        stream.start()
    assert graph.subscribed == set()
    assert flags(graph, "listening") == [False]


class ForbiddingGraph(FakeGraph):
    """A graph in which a topic may not be subscribed to, as with SROS2, while `forbids` is true."""

    forbids = True

    def subscribe_to_flag(self, topic, on_flag):
        if self.forbids:
            raise RuntimeError("error not set")
        return super().subscribe_to_flag(topic, on_flag)


def test_an_activation_that_fails_leaves_nothing_open_and_can_be_repeated(speech):
    graph = ForbiddingGraph()
    values = {parameter.name: parameter.default for parameter in PARAMETERS}
    values |= {"model": "tiny", "source": "topic"}
    stream = SingleStream(graph, values.__getitem__, NODE, pytest.fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="error not set"):
            stream.start()
        assert graph.subscribed == set()
        assert flags(graph, "listening") == [False]
    graph.forbids = False
    stream.start()
    graph.play("audio", speech, start_s=2000.0)
    wait(stream, lambda: graph.received("emotion/details"))
    stream.stop()
    stream.close()
