"""One stream of the node, in a graph without ROS. In a real graph it is tested in test_node.py."""

from __future__ import annotations

import logging

import pytest

from fake_graph import FakeGraph
from ser_stream.errors import InputError
from ser_stream.ros.parameters import PARAMETERS
from ser_stream.ros.single_stream import SingleStream


@pytest.fixture
def opened():
    """Configure a stream with these parameters; it is closed at the end."""
    streams = []

    def configure(**changes):
        values = {parameter.name: parameter.default for parameter in PARAMETERS}
        values |= {"model": "tiny", "engine": "onnx"} | changes
        streams.append(SingleStream(FakeGraph(), values.__getitem__, "/ser_stream", print))
        return streams[-1]

    yield configure
    for stream in streams:
        stream.stop()
        stream.close()


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
def test_activation_logs_the_source_the_model_and_the_engine(opened, caplog, changes, line):
    caplog.set_level(logging.INFO, "ser_stream.ros")
    opened(**changes).start()
    (found,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("active")]
    assert found == f"active: {line}, model tiny, engine onnx"


def test_activation_logs_the_rate_and_the_channels_of_a_recording(opened, caplog, speech_path):
    caplog.set_level(logging.INFO, "ser_stream.ros")
    opened(source="file", file=str(speech_path)).start()
    known = f"active: source file, {speech_path}, 16000 Hz, 1 channel, model tiny, engine onnx"
    assert known in caplog.messages


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"source": "file"}, "file: found ''; accepted with source file is a recording's path"),
        ({"source": "file", "file": "none.wav"}, "file: none.wav: No such file or directory"),
        ({"source": "topic", "audio_type": "AudioStamped"}, "audio_type: found AudioStamped"),
        ({"model": "nonsense"}, "'nonsense': no such folder"),
        ({"engine": "onnx", "torch_device": "cuda"}, "torch_device: found 'cuda'; engine onnx"),
    ],
)
def test_what_cannot_be_used_is_an_error_on_configure(opened, changes, error):
    with pytest.raises(InputError, match=error):
        opened(**changes)
