"""Speech recognition that cannot be used, dies or is late, from end to end.

A recording is an error with exit code 2; live recognition goes on, and says so in JSON and status.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import threading
import time

import pytest

from asr_doubles import PATIENCE_S, Gate
from command import estimates
from ros_graph import asr_processes
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.worker import AsrWorker
from ser_stream.audio.recording import Recording
from ser_stream.cli import main
from ser_stream.commands.listening import Listening
from ser_stream.commands.tally import Tally
from ser_stream.errors import InputError
from ser_stream.outputs.base import Output
from ser_stream.stream import live_words
from ser_stream.stream.recognizer import Recognizer
from sources import Hurried

LISTEN = ("listen", "--json", "--model", "tiny", "--input")


@pytest.fixture(scope="module")
def unusable(tmp_path_factory):
    """Options of models and grammars that cannot be used -> what the error says."""
    whisper = pytest.importorskip("tiny_whisper").make_tiny_whisper
    folder = tmp_path_factory.mktemp("unusable")
    english = whisper(folder / "english", "Hello there.")
    for name in ("model.bin", "tokenizer.json"):
        damaged = whisper(folder / name, "Hello there.")
        (damaged / name).write_bytes((damaged / name).read_bytes()[:100])
    (folder / "empty").mkdir()
    (folder / "unknown.txt").write_text("xylofonova melodie")
    (folder / "broken.jsgf").write_text("#JSGF V1.0;\ngrammar broken;\npublic <a> = (hello;")
    faster = ("--asr", "faster_whisper", "--asr-model")
    sphinx = ("--asr", "pocketsphinx")
    return {
        "no model": ((*faster, folder / "none"), "accepted are a folder"),
        "no files": ((*faster, folder / "empty"), "model.bin, config.json, tokenizer.json missing"),
        "damaged weights": ((*faster, folder / "model.bin"), "cannot be used on device"),
        "damaged tokenizer": ((*faster, folder / "tokenizer.json"), "cannot be used on device"),
        "language": ((*faster, english, "--language", "de"), "asr language: found 'de'"),
        "no language": ((*sphinx, "--language", "de"), "pocketsphinx has only en"),
        "no grammar": ((*sphinx, "--grammar", folder / "none.txt"), "no such file"),
        "no word": (
            (*sphinx, "--grammar", folder / "unknown.txt"),
            "not in the English dictionary",
        ),
        "no JSGF": ((*sphinx, "--grammar", folder / "broken.jsgf"), "asr grammar"),
    }


KINDS = (
    "no model", "no files", "damaged weights", "damaged tokenizer", "language", "no language",
    "no grammar", "no word", "no JSGF",
)  # fmt: skip


@pytest.mark.parametrize("command", ["listen", "listen --realtime", "transcribe"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_an_error_of_one_line_and_exit_code_2(
    capfd, unusable, speech_path, command, kind
):
    options, reason = unusable[kind]
    arguments = {
        "listen": [*LISTEN, speech_path, speech_path],
        "listen --realtime": [*LISTEN, speech_path, "--realtime"],
        "transcribe": ["transcribe", speech_path],
    }
    assert main([*map(str, [*arguments[command], *options])]) == 2
    out, err = capfd.readouterr()
    (line,) = [line for line in err.splitlines() if reason in line]
    assert line.startswith("ser-stream: error: ")
    assert (out, "Traceback" in err) == ("", False)


@pytest.mark.parametrize(
    "kind", ["no files", "language", "no language", "no grammar", "no word", "no JSGF"]
)
def test_live_recognition_goes_on_and_says_so_in_json_and_status(
    capfd, monkeypatch, unusable, speech_path, kind
):
    options, reason = unusable[kind]
    monkeypatch.setattr(
        "ser_stream.audio.microphone.Microphone", lambda device, channel: Patient(speech_path)
    )
    statuses = Statuses(monkeypatch, until=lambda status: status.asr.state == "unusable")
    assert main(["listen", "--json", "--model", "tiny", *map(str, options)]) == 0
    out, err = capfd.readouterr()
    found = estimates(out)
    assert found[-1]["trigger"] == "utterance" and found[-1]["words"] == []
    assert all(reason in estimate["asr_error"] for estimate in found)
    assert reason in statuses.last.asr.reason
    (line,) = [line for line in err.splitlines() if reason in line]
    assert line.endswith("goes on with sound alone, and tries it again")


class Patient(Hurried):
    """A microphone whose sound begins when the test says so."""

    begin = threading.Event()

    def blocks(self):
        assert self.begin.wait(PATIENCE_S)
        yield from super().blocks()


class Statuses:
    """Looks at what the outputs of the program are told, and lets the sound begin."""

    def __init__(self, monkeypatch, until):
        self.last = None
        Patient.begin.clear()

        def on_status(output, status):
            if status.asr is not None and until(status):
                self.last = status
                Patient.begin.set()

        monkeypatch.setattr("ser_stream.outputs.json_lines.JsonLines.on_status", on_status)


def test_a_recording_whose_recogniser_dies_gives_its_emotions_and_then_an_error(
    tiny_model, two_turns_path, monkeypatch
):
    hurried = functools.partial(AsrWorker, backoff_s=0.01)
    monkeypatch.setattr("ser_stream.stream.word_recognition.AsrWorker", hurried)
    found = []
    asr = AsrSettings("fake_recognizers:DiesAtSound")
    missing = pytest.raises(InputError, match=r"exit code 3; the words of 2 of 2 turns are missing")
    with Recognizer(tiny_model, asr=asr) as recognizer, missing:
        for estimate in recognizer.stream(two_turns_path):
            found.append(estimate)
    turns = [e for e in found if e.trigger == "utterance"]
    assert turns and all("exit code 3" in turn.asr_error for turn in turns)
    assert "exit code 3" in json.loads(turns[0].to_json())["asr_error"]


def test_words_that_come_after_the_estimate_of_their_turn_are_delivered_as_late(
    tiny_model, two_turns_path, tmp_path, monkeypatch
):
    """The recogniser of the test answers only when the first turn's estimate has been published."""
    monkeypatch.setattr(live_words, "MAX_TURN_WAIT", 0.1)
    gate = Gate(tmp_path)
    events = []

    class UntilTold(Hurried):
        """Its sound goes on after the first turn when the late words have been delivered."""

        told = threading.Event()

        def blocks(self):
            for number, block in enumerate(super().blocks()):
                if number == 95:  # in the pause between the two turns
                    assert self.told.wait(PATIENCE_S)
                yield block

    def on_speech(speech):
        events.append(speech)
        if speech.final:
            UntilTold.told.set()

    def answer():
        gate.begun()
        released.wait(PATIENCE_S)
        gate.go_on()

    released = threading.Event()
    monkeypatch.setattr(AsrWorker, "_is_time_for", lambda worker, request: False)  # whole turns
    with Recognizer(tiny_model, asr=gate.settings) as recognizer:
        recognizer.wait_for_words()
        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        for estimate in recognizer.stream(UntilTold(two_turns_path), on_speech):
            events.append(estimate)
            if estimate.trigger == "utterance":
                released.set()
            if getattr(estimate, "late", False):
                break
    turn = next(e for e in events if getattr(e, "trigger", "") == "utterance")
    *_, speech, late = events
    assert (turn.words, turn.late, turn.decisive) == ((), False, True)
    assert (speech.final, speech.late, speech.text) == (True, True, "w0 w1")
    assert (late.turn, late.late, late.decisive, late.scores) == (1, True, False, turn.scores)
    assert [word["text"] for word in late.words] == ["w0", "w1"]
    assert json.loads(late.to_json())["late"] is True and "late" not in json.loads(turn.to_json())


def test_a_recogniser_that_is_killed_is_reported_on_the_estimates_until_it_is_back(
    tiny_model, two_turns_path, monkeypatch
):
    slowly = functools.partial(AsrWorker, backoff_s=3600.0)
    monkeypatch.setattr("ser_stream.stream.word_recognition.AsrWorker", slowly)
    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        recognizer.wait_for_words()
        kill_recogniser(recognizer)
        found = list(recognizer.stream(Hurried(two_turns_path)))
    assert found and {e.asr_error for e in found} == {"the process was killed by signal 9"}


def test_a_recogniser_that_is_killed_between_two_turns_takes_no_words_of_a_recording(
    tiny_model, two_turns_path
):
    class Kills(Output):
        def __init__(self):
            self.turns = []

        def on_estimate(self, estimate):
            if estimate.trigger == "utterance":
                self.turns.append(estimate)
            if len(self.turns) == 1 and estimate is self.turns[0]:
                kill_recogniser(recognizer)

    output, tally = Kills(), Tally(failed=False)
    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        recognizer.wait_for_words()
        listening = Listening(recognizer, [output], tally, live=False)
        listening.run([Recording(two_turns_path)])
        assert recognizer.status.asr.restarts == 1
    assert [bool(turn.words) for turn in output.turns] == [True, True]
    assert tally.exit_code == 0


def test_a_recogniser_that_fails_at_one_turn_gives_the_words_of_the_others(
    tiny_model, two_turns_path, tmp_path, monkeypatch
):
    hurried = functools.partial(AsrWorker, backoff_s=0.01)
    monkeypatch.setattr("ser_stream.stream.word_recognition.AsrWorker", hurried)
    (tmp_path / "raise").touch()
    found = []
    asr = AsrSettings("fake_recognizers:FailsOnce", model=str(tmp_path))
    missing = pytest.raises(
        InputError, match=r"for the test; the words of 1 of 2 turns are missing"
    )
    with Recognizer(tiny_model, asr=asr) as recognizer, missing:
        for estimate in recognizer.stream(two_turns_path):
            found.append(estimate)
    turns = [estimate for estimate in found if estimate.trigger == "utterance"]
    assert [(bool(turn.words), bool(turn.asr_error)) for turn in turns] == [
        (False, True),
        (True, False),
    ]


def test_a_recogniser_that_died_at_a_recording_is_waited_for_before_the_next(
    tiny_model, two_turns_path
):
    asr = AsrSettings("fake_recognizers:DiesAtSound")
    with Recognizer(tiny_model, asr=asr) as recognizer:
        for _ in range(2):
            found = []
            with pytest.raises(InputError, match="the words of 2 of 2 turns are missing"):
                for estimate in recognizer.stream(two_turns_path):
                    found.append(estimate)
            assert found


def kill_recogniser(recognizer):
    """Returns when the recogniser's status says so."""
    (pid,) = asr_processes(os.getpid())
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while not recognizer.status.asr.error:
        assert time.monotonic() < deadline
        time.sleep(0.02)
