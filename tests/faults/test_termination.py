"""Every end of `ser-stream` runs the same shutdown, in bounded time: signals, lost readers, errors.

The processes, signals, pipes, sound server and DDS are real.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from asr_doubles import waiting_for
from command import start
from dds_flags import Flags
from paths import ROOT, SPOKEN
from pulse import PulseServer
from ser_stream import termination
from ser_stream.standard_streams import StandardOutput

PATIENCE_S = 60.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMES = [number.name for number in SIGNALS]


def ended(process):
    """Wait for a process's end; return its exit code, the rest of stdout, and stderr's lines."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err
    return process.returncode, out, err.splitlines()


@pytest.fixture(scope="module")
def microphone():
    """A sound server whose only sink is a microphone to others."""
    with PulseServer() as server:
        server.add_sink("ears")
        yield server


@pytest.mark.microphone
@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_the_turn_in_progress_is_ended_and_estimated(microphone, number):
    process = start("listen", "--json", "--model", "tiny", env=microphone.env)
    while "connected" not in process.stderr.readline():
        assert process.poll() is None
    player = subprocess.Popen(["paplay", SPOKEN / "4-angry.flac"], env=microphone.env)
    assert json.loads(process.stdout.readline())["trigger"] == "interval"  # someone speaks
    process.send_signal(number)
    code, out, err = ended(process)
    player.kill()
    player.wait()
    assert code == 0
    assert json.loads(out.splitlines()[-1])["trigger"] == "utterance"
    assert err[-1].startswith("heard ")


@pytest.mark.microphone
def test_a_signal_while_the_sound_server_does_not_respond_is_no_error(microphone):
    """Exit code 2 would say that the microphone cannot be used."""
    with microphone.stopped():
        process = start("listen", "--json", "--model", "tiny", env=microphone.env)
        while "does not respond" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        code, _, err = ended(process)
    assert (code, [line for line in err if "error" in line]) == (0, [])


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_recordings_that_were_not_read_to_the_end_are_no_success(number, speech_path):
    process = start("listen", "--json", "--input", *[speech_path] * 500)
    process.stdout.readline()
    process.send_signal(number)
    code, out, err = ended(process)
    assert code == 128 + number
    assert all(map(json.loads, out.splitlines()))  # whole lines only
    assert err[-1].startswith("heard ")


def test_signals_that_are_ignored_stay_ignored(speech_path):
    """`nohup` ignores SIGHUP, and a shell SIGINT in the background."""

    def ignore():
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    arguments = ["listen", "--json", "--realtime", "--input", *[speech_path] * 9]
    process = start(*arguments, preexec_fn=ignore)
    process.stdout.readline()
    for number in (signal.SIGHUP, signal.SIGINT):
        process.send_signal(number)
    assert process.stdout.readline()  # it goes on
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0


def test_signals_together_are_one_request(speech_path):
    """A terminal that closes sends SIGHUP more than once; some supervisors send several."""
    process = start("listen", "--json", "--realtime", "--input", speech_path)
    process.stdout.readline()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    code, _, err = ended(process)
    assert (code, err[-1][:6]) == (0, "heard ")


def writes_into_a_full_pipe(process):
    """Whether a thread of the process waits for somebody to read."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/wchan")
    return any("pipe_write" in thread.read_text() for thread in threads)


def stuck_listener(speech_path, *options, env=None):
    """A process that hangs because nobody reads its standard output."""
    process = start("listen", "--json", *options, "--input", *[speech_path] * 9, env=env)
    fcntl.fcntl(process.stdout, 1031, 4096)  # F_SETPIPE_SZ
    waiting, since, deadline = 0, time.monotonic(), time.monotonic() + PATIENCE_S
    # Where the kernel does not say what a thread waits for, nothing written for a while will do.
    while not (writes_into_a_full_pipe(process) or (waiting and time.monotonic() > since + 10)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
        before = waiting
        waiting = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))[0]
        since = time.monotonic() if waiting > before else since
    return process


def test_a_process_that_hangs_ends_nevertheless(speech_path):
    process = stuck_listener(speech_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    assert "heard " in process.stderr.read()  # by the exception, which runs the clean-up
    process.stdout.close()


def test_a_later_second_signal_ends_at_once(speech_path):
    process = stuck_listener(speech_path)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.5 * termination.SAME_REQUEST)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    process.stdout.close()


@pytest.fixture(scope="module")
def flags():
    pytest.importorskip("cyclonedds")
    return Flags()


def lose_reader(process):
    process.stdout.close()


def signal_twice(process):
    """End a process that hangs without waiting for its clean-up."""
    process.send_signal(signal.SIGTERM)
    time.sleep(1.5 * termination.SAME_REQUEST)
    process.send_signal(signal.SIGTERM)


ENDS = {
    **{name: (lambda process, n=number: process.send_signal(n)) for name, number in
       zip(NAMES, SIGNALS, strict=True)},
    "lost reader": lose_reader,
    "end of input": lambda process: None,
}  # fmt: skip


@pytest.mark.dds
@pytest.mark.parametrize("end", ENDS)
def test_nobody_speaks_after_the_end(flags, speech_path, end):
    robot = end.replace(" ", "_")
    flags.subscribe(robot)
    command = ["listen", "--dds", "--namespace", robot, "--json", "--realtime", "--model", "tiny"]
    process = start(*command, "--input", speech_path, env=flags.env)
    flags.wait_for(robot, "is_speaking", [True])
    ENDS[end](process)
    flags.wait_for(robot, "is_speaking", [True, False])
    flags.wait_for(robot, "listening", [True, False])
    assert process.wait(timeout=PATIENCE_S) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.dds
def test_nobody_speaks_after_a_process_that_hangs(flags, speech_path):
    flags.subscribe("hanging")
    options = ("--dds", "--namespace", "hanging", "--realtime", "--hop", "0.1")
    process = stuck_listener(speech_path, *options, env=flags.env)
    flags.wait_for("hanging", "listening", [True])
    signal_twice(process)
    flags.wait_for("hanging", "listening", [True, False])
    flags.wait_for("hanging", "is_speaking", [False])
    assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    process.stdout.close()


@pytest.mark.dds
@pytest.mark.parametrize("method", ["on_estimate", "on_status"])
def test_nobody_speaks_after_an_error(flags, speech_path, method):
    """Of an output: in the main thread, and in the one that reports the status."""
    flags.subscribe(method)
    program = (
        "import sys\n"
        "from ser_stream.cli import main\n"
        "from ser_stream.outputs.json_lines import JsonLines\n"
        "def fail(self, found):\n"
        "    if getattr(found, 'speaking', True):\n"
        "        raise RuntimeError('the output is broken')\n"
        f"JsonLines.{method} = fail\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = ["listen", "--dds", "--namespace", method, "--json", "--realtime", "--input"]
    process = subprocess.run(
        [sys.executable, "-c", program, *command, speech_path],
        env=flags.env | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert process.returncode == 1
    assert "RuntimeError: the output is broken" in process.stderr
    flags.wait_for(method, "listening", [True, False])
    flags.wait_for(method, "is_speaking", [False])


def child_of(process):
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for task in os.listdir(f"/proc/{process.pid}/task"):
            children = f"/proc/{process.pid}/task/{task}/children"
            with open(children) as file:
                if pids := file.read().split():
                    return int(pids[0])
        time.sleep(0.02)
    raise AssertionError("no child")


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_speech_recognition_ends_too(number, speech_path):
    """Also where all processes get the signal: from a terminal, or a supervisor of a group."""
    options = ["--asr", "pocketsphinx", "--grammar", "demo", "--realtime", "--json"]
    process = start("listen", *options, "--input", speech_path, start_new_session=True)
    process.stdout.readline()
    with waiting_for(child_of(process)) as child_has_ended:
        os.killpg(process.pid, number)
        code, _, err = ended(process)
        assert code == 0
        assert child_has_ended()
    assert not [line for line in err if "killed by signal" in line]  # it did not fail


def test_a_descriptor_that_was_closed_is_no_reader_that_has_left():
    """As at the end of the output to it, where the watching thread is late on a busy computer."""
    looks = threading.Semaphore(0)

    class Closed(StandardOutput):
        def fileno(self):
            looks.release()
            return 1_000_000

    output = Closed()
    with termination.Termination(output) as ending, ending.calling(lambda: None):
        for _ in range(3):  # what the thread found before has been acted on
            assert looks.acquire(timeout=PATIENCE_S)
        assert output.loss is None


class InDel:
    """A signal comes where Python prints an exception and goes on."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def in_c_code():
    """A signal comes where C code prints an exception and goes on, as at numpy's import."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except termination.Terminated as error:
        sys.excepthook(type(error), error, error.__traceback__)  # as PyErr_Print


@pytest.mark.parametrize("interrupted", [InDel, in_c_code])
def test_a_signal_where_it_can_raise_nothing_ends_the_command_all_the_same(capfd, interrupted):
    with termination.Termination(StandardOutput()) as ending:
        with pytest.raises(termination.Terminated), ending.raising():
            interrupted()
            threading.Event().wait(PATIENCE_S)
        assert ending.raised.exit_code == 128 + signal.SIGTERM
    assert "Traceback" not in capfd.readouterr().err


def test_a_signal_before_the_command_begins_ends_it():
    with termination.Termination(StandardOutput()) as ending:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(termination.Terminated), ending.raising():
            raise AssertionError


def test_other_commands_end_by_the_same_signals(corpora, recipe_path, tmp_path):
    output, number = tmp_path / "out", signal.SIGTERM
    process = start("train", recipe_path, "--corpora", corpora, "--output", output)
    assert "step 1" in process.stderr.readline()
    process.send_signal(number)
    code, out, _ = ended(process)
    assert (code, out) == (128 + number, "")
    assert not list(output.rglob("*.tmp"))


def test_handlers_of_programs_that_use_the_package_are_untouched(speech_path):
    program = (
        "import signal, ser_stream\n"
        "kept = [signal.getsignal(n) for n in (1, 2, 15)]\n"
        f"assert list(ser_stream.Recognizer('tiny').stream({str(speech_path)!r}))\n"
        "assert kept == [signal.getsignal(n) for n in (1, 2, 15)]\n"
        "from ser_stream.cli import main\n"
        "assert main(['models']) == 0\n"
        "assert kept == [signal.getsignal(n) for n in (1, 2, 15)]\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, stdout=-3)
