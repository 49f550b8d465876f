"""Sessions that the node records, in a graph without ROS; recogniser and files are real."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest
import soundfile

from fake_graph import FakeGraph, wait
from ser_stream.errors import InputError
from ser_stream.ros.parameters import PARAMETERS
from ser_stream.ros.single_stream import SingleStream
from ser_stream.sessions.read import read_session


@pytest.fixture
def graph():
    return FakeGraph()


@pytest.fixture
def configure(graph, speech_path, tmp_path):
    """Return a stream that plays a recording, and its parameters; it is closed at the end."""
    streams = []

    def configured(**parameters):
        values = {parameter.name: parameter.default for parameter in PARAMETERS}
        values |= {"model": "tiny", "source": "file", "file": str(speech_path)}
        values |= {"record": str(tmp_path / "sessions")} | parameters
        streams.append(SingleStream(graph, values.__getitem__, "/ser_stream", pytest.fail))
        return streams[-1], values

    yield configured
    for stream in streams:
        stream.stop()
        stream.close()


def played(graph, stream):
    """Play the recording to its end."""
    stream.start()
    wait(stream, lambda: graph.received("listening")[-1]["data"] is False)
    stream.stop()


def folders(tmp_path):
    return sorted((tmp_path / "sessions").iterdir())


def test_each_activation_is_a_session_that_holds_what_was_published(graph, configure, tmp_path):
    stream, _ = configure(record_audio=True)
    played(graph, stream)
    published = [m["data"] for m in graph.received("emotion/details")]
    played(graph, stream)
    first, second = folders(tmp_path)
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    (part,) = read_session(first).parts
    assert [e.expression for e in part.estimates] == [
        json.loads(text)["expression"] for text in published
    ]
    sound, _ = soundfile.read(first / "audio-1.flac", dtype="float32")
    assert np.abs(sound).max() > 0.01
    assert '"event": "end"' in (second / "events.jsonl").read_text().splitlines()[-1]


def test_sound_is_recorded_only_where_that_was_asked_for(graph, configure, tmp_path):
    stream, _ = configure()
    played(graph, stream)
    (folder,) = folders(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"README.txt", "events.jsonl"}


def test_who_has_objected_is_not_recorded(graph, configure, tmp_path):
    """While `enabled` is false, sound is ignored, and the file holds silence in its place."""
    stream, _ = configure(record_audio=True, enabled=False)
    played(graph, stream)
    (folder,) = folders(tmp_path)
    (part,) = read_session(folder).parts
    assert part.estimates == []
    sound = folder / "audio-1.flac"
    assert not sound.exists() or not np.any(soundfile.read(sound)[0])


def test_nothing_is_stored_without_the_parameter(graph, configure, tmp_path):
    stream, _ = configure(record="")
    played(graph, stream)
    assert not (tmp_path / "sessions").exists()


def test_the_folder_is_named_in_the_log(graph, configure, tmp_path, caplog):
    caplog.set_level("INFO")
    stream, _ = configure()
    stream.start()
    (folder,) = folders(tmp_path)
    assert f"recording emotions, words and status in {folder}, no sound: personal data" in (
        caplog.text
    )


def test_a_folder_that_cannot_be_made_is_named_on_activate_and_nothing_is_open(
    graph, configure, tmp_path
):
    (tmp_path / "file").touch()
    stream, values = configure(record=str(tmp_path / "file" / "sessions"))
    with pytest.raises(InputError, match=r"^record: found .*file/sessions, where nothing can be"):
        stream.start()
    values["record"] = ""
    played(graph, stream)


def test_sound_without_a_folder_is_an_error_on_configure(configure):
    with pytest.raises(InputError, match=r"^record_audio: found true without record; name the"):
        configure(record="", record_audio=True)


def test_what_is_heard_before_an_objection_but_judged_after_it_is_not_recorded(
    graph, configure, tmp_path, speech
):
    """As on the topics: the turn in progress ends, and its estimate is withheld."""
    stream, values = configure(source="topic", file="")
    stream.start()
    graph.play("audio", speech[:32_000], start_s=2000.0)
    wait(stream, lambda: graph.received("emotion/details"))
    stream.change({"enabled": False})
    values["enabled"] = False
    published = len(graph.received("emotion/details"))
    graph.play("audio", speech, start_s=2002.0)
    stream.stop()  # it waits for the last estimate
    (folder,) = folders(tmp_path)
    (part,) = read_session(folder).parts
    assert len(part.estimates) == published
