"""A command after each turn, by real processes."""

from __future__ import annotations

import json
import logging
import re
import signal
import sys
import threading
import time

import numpy as np
import pytest
import soundfile

from command import run, start
from estimates import estimate
from paths import SPOKEN
from ser_stream.errors import InputError
from ser_stream.outputs import turn_command
from ser_stream.outputs.turn_command import TurnCommand, split
from waiting import is_running, wait_for

RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""
LISTEN = ("listen", "--model", "tiny", "--json")
TIMEOUT_S = 120.0


def turn(number=1, **changes):
    return estimate(turn=number, trigger="utterance", **changes)


def script(folder, code):
    """The command that runs a Python program, as a user writes it."""
    path = folder / "my program.py"
    path.write_text(code)
    return f"{sys.executable} '{path}'"


@pytest.fixture
def messages(caplog):
    """A function that returns what was logged."""
    caplog.set_level(logging.INFO, "ser_stream")
    return lambda: caplog.messages


def test_the_command_gets_each_turn_as_json_and_as_variables(tmp_path):
    out_path = tmp_path / "out"
    command = script(
        tmp_path,
        f"""
import json, os, sys
turn = json.load(sys.stdin)
found = {{k: v for k, v in os.environ.items() if k.startswith("SER_STREAM_")}}
print(json.dumps([turn, found, sys.argv[1:]]), file=open({str(out_path)!r}, "a"))
""",
    )
    arguments = ["--on-turn", command + " 'two words' $HOME", "--input", RECORDING]
    code, out, err = run(*LISTEN, *arguments)
    assert code == 0, err
    found = [json.loads(line) for line in out_path.read_text().splitlines()]
    printed = [json.loads(line) for line in out.splitlines()]
    assert [turn for turn, _, _ in found] == [e for e in printed if e["trigger"] == "utterance"]
    assert len(found) == 2
    for turn, variables, words in found:
        assert words == ["two words", "$HOME"]  # no shell has read them
        assert variables["SER_STREAM_EXPRESSION"] == turn["expression"]
        assert variables["SER_STREAM_REASON"] == turn["reason"]
        assert float(variables["SER_STREAM_CONFIDENCE"]) == turn["confidence"]
        assert float(variables["SER_STREAM_VALENCE"]) == turn["valence"]
        assert float(variables["SER_STREAM_AROUSAL"]) == turn["arousal"]
        assert variables["SER_STREAM_TURN"] == str(turn["turn"])
        assert variables["SER_STREAM_SOURCE"] == str(RECORDING)
    assert "heard " in err


def test_the_source_is_named_where_there_are_several(messages):
    with TurnCommand(["/bin/cat"], TIMEOUT_S, live=False, with_source=True) as command:
        command.on_source("two.wav")
        command.on_estimate(turn())
    (line,) = [line for line in messages() if line.startswith("on-turn: ")]
    assert json.loads(line.removeprefix("on-turn: "))["source"] == "two.wav"


def test_what_the_command_prints_goes_to_standard_error(tmp_path):
    code, out, err = run(*LISTEN, "--input", RECORDING, "--on-turn",
                         "sh -c 'echo turn $SER_STREAM_TURN; echo oh >&2'")  # fmt: skip
    assert code == 0
    assert all(line.startswith("{") for line in out.splitlines())
    lines = [line for line in err.splitlines() if "on-turn" in line]
    assert sorted(lines) == [
        "ser-stream: on-turn: oh", "ser-stream: on-turn: oh",
        "ser-stream: on-turn: turn 1", "ser-stream: on-turn: turn 2",
    ]  # fmt: skip


def test_a_flood_of_output_is_cut(messages):
    with TurnCommand(split("sh -c 'yes | head -100000'"), TIMEOUT_S, live=False) as command:
        command.on_estimate(turn())
    assert len(messages()) == turn_command.MAX_LINES + 1
    assert messages()[-1] == "on-turn: (further output of this turn's command is left out)"


def test_only_the_decisive_estimates_of_whole_turns_run_it(tmp_path):
    path = tmp_path / "out"
    with TurnCommand(
        split(f"sh -c 'echo $SER_STREAM_TURN >>{path}'"), TIMEOUT_S, live=False
    ) as command:
        command.on_estimate(estimate(turn=1))
        command.on_estimate(turn(2, decisive=False))
        command.on_estimate(turn(3))
        command.on_estimate(turn(4, late=True, decisive=False))
        command.on_estimate(turn(5, expression="", reason="unsure"))
    assert path.read_text().split() == ["3", "5"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("sh -c 'exit 3'", "the command's exit code is 3"),
        ("sh -c 'kill -SEGV $$'", "the command was killed by signal 11"),
        ("false", "the command's exit code is 1"),
    ],
)
def test_a_failure_is_one_line_and_the_next_turn_runs(messages, command, reason):
    with TurnCommand(split(command), TIMEOUT_S, live=False) as running:
        running.on_estimate(turn(1))
        running.on_estimate(turn(2))
    assert messages() == [f"--on-turn: turn 1: {reason}", f"--on-turn: turn 2: {reason}"]


def test_a_program_that_vanishes_is_one_line(messages, tmp_path):
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    with TurnCommand(split(str(path)), TIMEOUT_S, live=False) as command:
        path.unlink()
        command.on_estimate(turn(1))
    assert messages() == ["--on-turn: turn 1: No such file or directory"]


def test_a_command_that_does_not_read_its_input_is_no_failure(messages):
    words = tuple({"text": "x" * 1000, "start_s": 0.0, "end_s": 0.1} for _ in range(500))
    with TurnCommand(split("true"), TIMEOUT_S, live=False) as command:
        command.on_estimate(turn(words=words))
    assert messages() == []


def test_a_command_that_hangs_is_ended_with_all_that_it_has_started(messages, tmp_path):
    path = tmp_path / "processes"
    hang = f"trap '' TERM; sleep 1000 & echo $$ $! >{path}; wait; sleep 1000"
    with TurnCommand(split(f'sh -c "{hang}"'), 0.5, live=False) as command:
        command.on_estimate(turn(1))
    assert messages()[-1] == "--on-turn: turn 1: the command took longer than 0.5 s, and was ended"
    numbers = path.read_text().split()
    assert len(numbers) == 2
    wait_for(lambda: not any(map(is_running, numbers)))


def test_nothing_is_left_of_a_command_that_has_ended(tmp_path):
    path = tmp_path / "process"
    with TurnCommand(
        split(f"sh -c 'sleep 1000 & echo $! >{path}'"), TIMEOUT_S, live=False
    ) as command:
        command.on_estimate(turn(1))
    wait_for(lambda: not is_running(path.read_text().strip()))


@pytest.fixture
def gated(tmp_path):
    """A command that notes its turn when the file `gate` has gone."""
    gate, started, path = (tmp_path / name for name in ("gate", "started", "out"))
    gate.touch()
    loop = f"while [ -e {gate} ]; do sleep 0.02; done"
    words = split(f"sh -c 'touch {started}; {loop}; echo $SER_STREAM_TURN >>{path}'")
    return words, gate, started, lambda: list(map(int, path.read_text().split()))


def test_live_turns_never_wait_and_the_newest_run(messages, gated):
    words, gate, started, turns = gated
    with TurnCommand(words, TIMEOUT_S, live=True) as command:
        command.on_estimate(turn(1))
        wait_for(started.exists)
        for number in range(2, 22):
            command.on_estimate(turn(number))
        gate.unlink()
    assert turns() == [1, *range(22 - turn_command.MAX_WAITING, 22)]
    assert messages() == [
        "--on-turn: turn 2: left out, since the command is slower than speech",
        f"--on-turn: the command did not run for {20 - turn_command.MAX_WAITING} turns",
    ]


def test_recordings_wait_for_the_command(messages, gated):
    words, gate, started, turns = gated
    with TurnCommand(words, TIMEOUT_S, live=False) as command:
        given = threading.Thread(
            target=lambda: [command.on_estimate(turn(number)) for number in range(1, 22)]
        )
        given.start()
        wait_for(started.exists)
        assert given.is_alive()
        gate.unlink()
        given.join(TIMEOUT_S)
    assert turns() == list(range(1, 22)) and messages() == []


def test_a_program_that_ends_does_not_wait_for_the_command_of_a_recording(gated):
    words, _, started, _ = gated
    ending = threading.Event()
    with TurnCommand(words, TIMEOUT_S, live=False, ending=ending.is_set) as command:
        given = threading.Thread(
            target=lambda: [command.on_estimate(turn(number)) for number in range(1, 22)]
        )
        given.start()
        wait_for(started.exists)
        ending.set()
        given.join(TIMEOUT_S)
        assert not given.is_alive()
    assert command.left_out == 20


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_ends_the_program_and_the_command(tmp_path, signals):
    path = tmp_path / "process"
    samples, rate = soundfile.read(RECORDING)
    long = tmp_path / "long.flac"
    soundfile.write(long, np.tile(samples, 75), rate)
    process = start(*LISTEN, "--realtime", "--input", long, "--on-turn",
                    f"sh -c 'echo $$ >{path}; sleep 1000'")  # fmt: skip
    wait_for(lambda: path.exists() and path.read_text())
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        if signals == 2:
            time.sleep(1.5)  # longer apart than signals of one request
    _, err = process.communicate(timeout=TIMEOUT_S)
    if signals == 1:
        assert process.returncode == 0
        assert re.search(r"--on-turn: turn \d+: the command was ended together with the pro", err)
    wait_for(lambda: not is_running(path.read_text().strip()))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program x", "found 'no-such-program'; accepted is a program on the PATH"),
        ("", "found ''; accepted is a program"),
        ("sh -c 'echo", "No closing quotation"),
        (str(RECORDING), "accepted is a program on the PATH, or the path of one that may be"),
    ],
)
def test_a_command_that_cannot_run_is_an_error_before_anything_is_heard(command, message):
    with pytest.raises(InputError, match=re.escape(message)):
        split(command)
    code, out, err = run(*LISTEN, "--input", RECORDING, "--on-turn", command)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert err.startswith("ser-stream: error: --on-turn: found ") and message in err
