"""Inference that hangs, fails or falls behind, and a sound server that stops responding."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import gc
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import command
import waiting
from command import estimates
from faulty import FaultyNetwork, HangingNetwork
from paths import ROOT
from pulse import PulseServer
from ros_graph import ENVIRONMENT
from ser_stream import cli
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.stream import guarded, opening
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.waiting import MAX_WAITING_TURNS
from sources import Hurried
from supervisor import supervisor

PATIENCE_S = 120.0
"""For what is certain to come; only a failing test waits so long."""

PROGRAM = """
import sys
from faulty import HangingNetwork, FaultyNetwork
from ser_stream import cli
from ser_stream.engines.choose import open_network
from ser_stream.stream import opening, session, watchdog

def open_double(*arguments):
    network, info = open_network(*arguments)
    return {double}, info

opening.open_network = open_double
session.LATE_S, watchdog.INFERENCE_TIMEOUT_S = 0.5, 2.0
sys.exit(cli.main(sys.argv[1:]))
"""
HANGS = "HangingNetwork(network, after=4)"  # two calls warm the network up
FAILS = "FaultyNetwork(network, scores=lambda n: n >= 3, error=RuntimeError('GPU is lost'))"


def start(program, *arguments, env=None):
    env = env or os.environ
    paths = [str(ROOT), str(ROOT / "tests" / "support"), env.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=env | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Inference that hangs


@pytest.mark.parametrize("options", [("--realtime",), ()])
def test_inference_that_hangs_is_said_and_ends_the_process_for_its_supervisor(speech_path, options):
    arguments = ("listen", "--model", "tiny", "--json", "--input", speech_path, *options)
    process = start(PROGRAM.format(double=HANGS), *arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, err
    assert len(estimates(out)) == 2
    assert "ser-stream: inference: no result for 1 s; after 2 s this process ends\n" in err
    assert err.splitlines()[-1] == (
        "ser-stream: error: inference hangs: no result for 2 s: the process ends with exit code 1; "
        "start it again"
    )
    assert "Traceback" not in err


def test_the_command_of_a_turn_ends_with_the_process_that_hangs(two_turns_path, tmp_path):
    path = tmp_path / "process"
    program = PROGRAM.format(double=HANGS.replace("4", "7")).replace("2.0", "10.0")
    process = start(program, "listen", "--model", "tiny", "--json", "--input", two_turns_path,
                    "--on-turn", f"sh -c 'echo $$ >{path}; sleep 1000'")  # fmt: skip
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, err
    waiting.wait_for(lambda: not waiting.is_running(path.read_text().strip()))


def test_a_recording_whose_network_fails_gives_the_other_estimates_one_line_and_code_2(speech_path):
    arguments = ("listen", "--model", "tiny", "--json", "--input", speech_path)
    process = start(PROGRAM.format(double=FAILS), *arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    assert estimates(out)
    (line,) = [line for line in err.splitlines() if "error:" in line]
    assert "GPU is lost" in line or "the model failed in" in line
    assert "Traceback" not in err


def test_the_status_says_that_there_is_no_result(monkeypatch, speech_path):
    opened = []

    def open_hanging(*arguments):
        network, info = open_network(*arguments)
        opened.append(HangingNetwork(network, after=3))
        return opened[-1], info

    monkeypatch.setattr(opening, "open_network", open_hanging)
    monkeypatch.setattr("ser_stream.stream.session.LATE_S", 0.0)
    recognizer = Recognizer("tiny", engine="onnx")
    found = []
    listening = threading.Thread(target=lambda: found.extend(recognizer.stream(speech_path)))
    listening.start()
    assert opened[0].hangs.wait(PATIENCE_S)
    assert recognizer.status.inference.startswith("no result for ")
    assert recognizer.status.scoring_s > 0
    opened[0].go_on.set()
    listening.join(PATIENCE_S)
    assert found[-1].trigger == "utterance" and recognizer.status.scoring_s == 0


def test_a_live_stream_whose_network_cannot_be_revived_ends_with_code_1(
    capfd, monkeypatch, speech_path
):
    def open_failing(*arguments):
        network, info = open_network(*arguments)
        return FaultyNetwork(network, encodes=lambda n: n >= 4, error=RuntimeError("lost")), info

    microphone = "ser_stream.audio.microphone.Microphone"
    monkeypatch.setattr(microphone, lambda device, channel: Hurried(speech_path))
    monkeypatch.setattr(guarded, "FAILURES_BEFORE_RELOAD", 1)
    monkeypatch.setattr(guarded.GuardedNetwork, "_reload", lambda network: None)
    monkeypatch.setattr(opening, "open_network", open_failing)
    assert cli.main(["listen", "--json", "--model", "tiny", "--engine", "onnx"]) == 1
    err = capfd.readouterr().err
    (line,) = [line for line in err.splitlines() if "error:" in line]
    assert "model tiny: RuntimeError: lost; 2 estimates in a row were withheld" in line


@pytest.mark.ros
def test_inference_that_hangs_ends_the_node(speech_path):
    program = PROGRAM.format(double=HANGS).replace("cli.main(sys.argv[1:])", "main.main()")
    parameters = {"source": "file", "file": speech_path, "model": "tiny"}
    arguments = [each for item in parameters.items() for each in ("-p", "{}:={}".format(*item))]
    program = program.replace("from ser_stream import cli", "from ser_stream.ros import main")
    process = start(program, "--ros-args", *arguments, env=os.environ | ENVIRONMENT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, err
    assert "inference hangs: no result for 2 s: ending" in out + err


# Inference that falls behind


class SlowNetwork:
    """A real network whose `score` waits for the test, for each window anew."""

    def __init__(self, network, warm_up):
        self._network = network
        self._warm_up = warm_up
        self.asked, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __getattr__(self, name):
        return getattr(self._network, name)

    def score(self, steps, offset):
        if self._warm_up > 0:
            self._warm_up -= 1
        else:
            self.asked.release()
            assert self.go_on.acquire(timeout=PATIENCE_S)
        return self._network.score(steps, offset)


def test_turns_that_wait_for_a_slow_network_are_few_and_dropped_ones_are_counted_and_reported(
    monkeypatch, speech_path, caplog
):
    """Five turns are spoken while the first window is scored."""
    opened = []

    def open_slow(*arguments):
        network, info = open_network(*arguments)
        opened.append(SlowNetwork(network, warm_up=2))
        return opened[-1], info

    monkeypatch.setattr(opening, "open_network", open_slow)
    recognizer = Recognizer("tiny", engine="onnx")
    source, found = Repeated(speech_path, times=5), []
    listening = threading.Thread(target=lambda: found.extend(recognizer.stream(source)))
    listening.start()
    assert opened[0].asked.acquire(timeout=PATIENCE_S)
    assert source.over.wait(PATIENCE_S)
    status = recognizer.status
    assert (status.dropped_turns, status.windows) == (5 - MAX_WAITING_TURNS, 0)
    assert status.inference.startswith(
        "falls behind: slower than sound; use the model small or tiny"
    )
    opened[0].go_on.release(100)
    listening.join(PATIENCE_S)
    assert [e.turn for e in found if e.trigger == "utterance"] == [4, 5]
    lines = [record.getMessage() for record in caplog.records if "falls behind" in record.message]
    assert len(lines) == 1 and lines[0].startswith("hurried: inference falls behind")


class Repeated(Hurried):
    """A live source that delivers a recording several times, as fast as it can be taken."""

    def __init__(self, path, times):
        super().__init__(path)
        self._times = times
        self.over = threading.Event()

    def blocks(self):
        start_s = 0.0
        for _ in range(self._times):
            for block in super().blocks():
                yield dataclasses.replace(block, time_s=start_s + block.time_s)
            start_s += block.time_s
        self.over.set()


# A sound server that stops responding


@pytest.mark.microphone
def test_a_sound_server_that_stops_is_reported_and_goes_on_when_it_is_back(speech_path):
    with PulseServer() as server:
        server.add_sink("ears")
        process = start_listening(server)
        with ended(process), server.stopped():
            wait_for(process, "no sound for 3 s; the sound server may not respond")
            server.go_on()
            wait_for(process, "connected")
            server.play(speech_path)
            assert any('"utterance"' in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0


@pytest.mark.microphone
def test_listening_ends_although_the_sound_server_does_not_respond():
    with PulseServer() as server:
        server.add_sink("ears")
        process = start_listening(server)
        with ended(process), server.stopped():
            wait_for(process, "no sound for 3 s")
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
            assert process.stderr.read().splitlines()[-1].startswith("heard ")


@pytest.mark.microphone
@pytest.mark.parametrize("name", ["listen", "devices"])
def test_a_sound_server_that_does_not_respond_at_the_start_is_an_error(name):
    program = (
        "import sys\nfrom ser_stream import cli\nfrom ser_stream.audio import portaudio\n"
        "portaudio.SLOW_S, portaudio.GIVE_UP_S = 1.0, 2.0\nsys.exit(cli.main(sys.argv[1:]))"
    )
    with PulseServer() as server, server.stopped():
        process = start(program, name, env=server.env)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    assert "the sound server does not respond: no answer for 1 s" in err
    assert "ser-stream: error: PortAudio: the sound server does not respond; is it stopped?" in err
    assert "Traceback" not in err


def start_listening(server):
    process = command.start("listen", "--json", "--model", "tiny", env=server.env)
    wait_for(process, "connected")
    return process


def wait_for(process, text):
    """Read what the program logs up to a line with that text."""
    assert any(text in line for line in process.stderr), f"{text!r} was not logged"


@contextlib.contextmanager
def ended(process):
    """End the program with the context, also where a test fails or waits for too long."""
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


# A second stream


def ways(path):
    """Ways to use a recogniser: each begins a stream and returns a function that ends it."""

    def push(recognizer):
        recognizer.push(np.zeros(16_000, np.float32), 16_000)
        return recognizer.finish

    def stream(recognizer):
        found = recognizer.stream(path)
        next(found)
        return found.close

    def astream(recognizer):
        loop = asyncio.new_event_loop()
        found = recognizer.astream(path)
        try:
            loop.run_until_complete(anext(found))
        except BaseException:
            loop.close()
            raise
        return lambda: (loop.run_until_complete(found.aclose()), loop.close())

    return {"push": push, "stream": stream, "astream": astream}


@pytest.mark.parametrize("thread", ["same thread", "another thread"])
@pytest.mark.parametrize("second", ["push", "stream", "astream"])
@pytest.mark.parametrize("first", ["push", "stream", "astream"])
def test_a_second_stream_of_one_recogniser_is_refused(
    tiny_model, speech_path, first, second, thread
):
    begin = ways(speech_path)
    recognizer = Recognizer(tiny_model)
    end = begin[first](recognizer)

    def attempt():
        with pytest.raises(InputError, match="this recogniser is listening to "):
            begin[second](recognizer)

    if (first, second) == ("push", "push"):  # the same stream goes on
        begin[second](recognizer)
    elif thread == "same thread":
        attempt()
    else:
        with concurrent.futures.ThreadPoolExecutor(1) as others:
            others.submit(attempt).result(PATIENCE_S)
    end()
    begin[second](recognizer)()  # and now there is none


def test_a_generator_that_was_not_started_or_was_abandoned_holds_nothing(tiny_model, speech_path):
    recognizer = Recognizer(tiny_model)
    not_started = recognizer.stream(speech_path)
    abandoned = recognizer.stream(speech_path)
    next(abandoned)
    with pytest.raises(InputError, match="end that stream first"):
        next(recognizer.stream(speech_path))
    del abandoned
    gc.collect()
    expected = [e.scores for e in recognizer.stream(speech_path)]
    assert [e.scores for e in not_started] == expected


def test_a_push_from_another_thread_during_a_push_is_refused(monkeypatch, speech):
    opened = []

    def open_hanging(*arguments):
        network, info = open_network(*arguments)
        opened.append(HangingNetwork(network, after=2))
        return opened[-1], info

    monkeypatch.setattr(opening, "open_network", open_hanging)
    recognizer = Recognizer("tiny", engine="onnx")
    pushing = threading.Thread(target=recognizer.push, args=(speech, 16_000))
    pushing.start()
    assert opened[0].hangs.wait(PATIENCE_S)
    for call in (lambda: recognizer.push(speech, 16_000), recognizer.finish):
        with pytest.raises(InputError, match="another thread is pushing"):
            call()
    opened[0].go_on.set()
    pushing.join(PATIENCE_S)
    assert recognizer.status.windows > 0
    recognizer.finish()
    assert recognizer.push(speech, 16_000)[-1].trigger == "utterance"


# systemd


def test_a_supervisor_is_told_that_the_program_is_ready_and_alive_and_ends(speech_path, tmp_path):
    arguments = ("listen", "--model", "tiny", "--json", "--input", speech_path, "--realtime")
    with supervisor(tmp_path / "notify") as (variables, received):
        process = command.start(*arguments, env=os.environ | variables)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert (received[0], received[-1]) == ("READY=1", "STOPPING=1")
    assert received.count("WATCHDOG=1") > 10
    assert any(message.startswith(f"STATUS={speech_path}: listening, ") for message in received)


def test_where_inference_hangs_the_heartbeats_end(speech_path, tmp_path):
    arguments = ("listen", "--model", "tiny", "--json", "--input", speech_path)
    with supervisor(tmp_path / "notify") as (variables, received):
        process = start(PROGRAM.format(double=HANGS), *arguments, env=os.environ | variables)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert any("no result for " in message for message in received)
    assert received.count("WATCHDOG=1") > 0 and received[-1] != "STOPPING=1"
