"""Calls that hang, in the thread of PortAudio; PortAudio itself is tested with the microphone."""

from __future__ import annotations

import os
import threading

import pytest

from ser_stream.audio import portaudio
from ser_stream.audio.portaudio import run_call, start_call
from ser_stream.errors import InputError

PATIENCE_S = 60.0


@pytest.fixture
def hanging(monkeypatch):
    """A call that returns its result when the test lets it go on."""
    monkeypatch.setattr(portaudio, "SLOW_S", 0.0)
    monkeypatch.setattr(portaudio, "GIVE_UP_S", 0.2)
    go_on = threading.Event()

    def call():
        assert go_on.wait(PATIENCE_S)
        return "a stream"

    yield call, go_on
    go_on.set()


def test_calls_run_one_after_another_in_one_thread():
    threads = [run_call(threading.current_thread) for _ in range(2)]
    assert threads[0] is threads[1] is not threading.current_thread()
    assert run_call(lambda: run_call(threading.current_thread)) is threads[0]


def test_what_a_call_raises_is_raised_again():
    with pytest.raises(ZeroDivisionError):
        run_call(lambda: 1 / 0)


def test_a_call_that_hangs_is_reported_and_given_up_and_its_late_result_is_discarded(hanging):
    call, go_on = hanging
    said, discarded = [], threading.Event()
    with pytest.raises(InputError, match="the sound server does not respond; is it stopped"):
        run_call(call, on_slow=said.append, discard=lambda stream: discarded.set())
    assert said == ["the sound server does not respond: no answer for 0 s"]
    go_on.set()
    assert discarded.wait(PATIENCE_S)


def test_a_call_behind_one_that_hangs_waits_for_it(hanging):
    call, go_on = hanging
    first = start_call(call)
    with pytest.raises(InputError):
        run_call(lambda: "the next", on_slow=lambda line: None)
    go_on.set()
    assert first.wait(PATIENCE_S) and first.result() == "a stream"


def test_a_call_that_was_given_up_while_it_waited_is_left_out(hanging, monkeypatch):
    call, go_on = hanging
    start_call(call)
    ran = []
    with pytest.raises(InputError):
        run_call(lambda: ran.append("given up"), on_slow=lambda line: None)
    monkeypatch.setattr(portaudio, "SLOW_S", PATIENCE_S)
    go_on.set()
    run_call(lambda: ran.append("the next"))
    assert ran == ["the next"]


def test_a_call_that_hangs_when_its_wait_is_interrupted_does_not_keep_standard_error(
    hanging, capfd, monkeypatch
):
    begun = threading.Event()

    def call():
        begun.set()
        return hanging[0]()

    def interrupted(*_):
        assert begun.wait(PATIENCE_S)
        raise KeyboardInterrupt

    monkeypatch.setattr(portaudio.PortAudioCall, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_call(call)
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"


def test_the_end_of_the_stream_ends_the_wait(hanging, monkeypatch):
    monkeypatch.setattr(portaudio, "GIVE_UP_S", PATIENCE_S)
    ended = threading.Event()
    with pytest.raises(InputError):
        run_call(hanging[0], on_slow=lambda line: ended.set(), ended=ended)
