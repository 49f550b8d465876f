"""Speech recognition in a separate process, with fake recognisers that fail on demand."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from asr_doubles import PATIENCE_S, Gate, waiting_for
from fake_recognizers import FakeRecognizer
from paths import ROOT
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.worker import AsrStatus, AsrWorker
from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.errors import InputError
from shared_fixtures import SPOKEN
from tiny_whisper import make_tiny_whisper

FAKE = AsrSettings("fake_recognizers:FakeRecognizer")
NO_ANSWER = (
    "no answer within 0.5 s: killed; if it is too slow for this computer: use a faster recogniser"
)


def said(sequence):
    return " ".join(word.text for word in sequence)


def sound(seconds, first=0.0):
    samples = np.zeros(round(16_000 * seconds), np.float32)
    samples[0] = first
    return samples


def final(worker, seconds=2.0, first=0.0, turn_id="turn"):
    """Submit a final request and return its result."""
    worker.submit(sound(seconds, first), 0.0, turn_id, final=True)
    return next_result(worker)


def next_result(worker):
    (result,) = worker.poll(PATIENCE_S)
    return result


# The process


@pytest.fixture
def worker():
    with AsrWorker(FAKE, deadline_s=0.5, backoff_s=0.01) as worker:
        yield worker


def test_partial_results_become_stable_and_the_final_one_ends_the_turn(worker):
    results = []
    for seconds in (1.0, 2.0, 3.0):
        worker.submit(sound(seconds), 5.0, 1, final=False)
        results.append(next_result(worker))
    worker.submit(sound(3.4), 5.0, 1, final=True)
    results.append(next_result(worker))
    assert [said(r.words) for r in results] == ["w0", "w0 w1", "w0 w1 w2", "w0 w1 w2"]
    assert [r.stable for r in results] == [0, 1, 2, 3]
    assert [r.final for r in results] == [False, False, False, True]
    assert {r.turn_id for r in results} == {1}
    assert results[0].words[0].start_s == 5.0
    assert worker.status == AsrStatus("ready", "", worker.status.rtf, 0, 0)
    assert 0 < worker.status.rtf < 0.5


def test_the_next_turn_starts_without_earlier_words(worker):
    worker.submit(sound(2.0), 0.0, 1, final=False)
    next_result(worker)
    worker.submit(sound(2.0), 9.0, 2, final=False)
    result = next_result(worker)
    assert (result.turn_id, result.stable, result.words[0].start_s) == (2, 0, 9.0)


def test_partial_requests_that_bring_too_little_are_left_out(worker):
    for seconds in (0.4, 1.0, 1.1, 1.4):  # with steps of 0.5 s, only the second counts
        worker.submit(sound(seconds), 0.0, 1, final=False)
    assert said(next_result(worker).words) == "w0"
    assert final(worker).final  # and there was no other result before this one
    assert worker.status.skipped == 0


def test_a_process_that_is_killed_in_mid_utterance_is_started_again(tmp_path):
    gate = Gate(tmp_path)
    with AsrWorker(gate.settings, backoff_s=0.01) as worker:
        worker.submit(sound(2.0), 0.0, 1, final=True)
        gate.begun()
        pid = worker.pid
        os.kill(pid, signal.SIGKILL)
        failed = next_result(worker)
        assert (failed.words, failed.final) == ((), True)
        assert failed.error == worker.status.reason == "the process was killed by signal 9"
        worker.submit(sound(2.0), 0.0, 2, final=True)
        gate.begun()
        gate.go_on()
        assert said(next_result(worker).words) == "w0 w1"
        assert worker.pid not in (pid, None)
        assert worker.status.restarts == 1


def test_a_process_that_is_killed_while_it_waits_is_started_again(worker):
    final(worker)
    with waiting_for(worker.pid) as ended:
        os.kill(worker.pid, signal.SIGKILL)
        assert ended()
    assert said(final(worker).words) == "w0 w1"


@pytest.mark.parametrize(
    ("first", "error"),
    [
        (FakeRecognizer.RAISE, "ZeroDivisionError: raised for the test"),
        (FakeRecognizer.HANG, NO_ANSWER),
    ],
)
def test_a_failure_in_mid_utterance_is_logged_and_later_results_arrive(worker, first, error):
    worker.submit(sound(1.0), 0.0, 1, final=False)
    next_result(worker)
    failed = final(worker, seconds=0.1, first=first)
    assert (failed.words, failed.final, failed.error) == ((), True, error)
    assert worker.status.reason == error
    assert said(final(worker).words) == "w0 w1"
    assert (worker.status.state, worker.status.reason, worker.status.restarts) == ("ready", "", 1)


def test_a_process_that_does_not_read_its_requests_is_killed(worker, monkeypatch):
    monkeypatch.setattr("ser_stream.asr.worker.SOUND_FACTOR", 0.0)
    final(worker)
    os.kill(worker.pid, signal.SIGSTOP)
    failed = final(worker, seconds=30.0)  # 1.9 MB: more than fits into the pipe
    assert failed.error == NO_ANSWER
    assert said(final(worker).words) == "w0 w1"


def test_pauses_between_failures_grow_and_the_reason_is_said_once(caplog):
    caplog.set_level(logging.DEBUG, "ser_stream.asr")
    with AsrWorker(FAKE, deadline_s=5, backoff_s=0.01) as worker:
        for _ in range(3):
            assert final(worker, first=FakeRecognizer.RAISE).error
        assert said(final(worker).words) == "w0 w1"
    records = [r for r in caplog.records if r.name == "ser_stream.asr"]
    assert [r.args[1] for r in records] == pytest.approx([0.01, 0.02, 0.04])
    assert [r.levelname for r in records] == ["WARNING", "DEBUG", "DEBUG"]


def test_a_model_that_is_missing_at_first_is_tried_again(tmp_path):
    settings = AsrSettings("fake_recognizers:fake_without_model", model=str(tmp_path / "model"))
    with AsrWorker(settings, backoff_s=0.01) as worker:
        assert said(final(worker).words) == "w0 w1"  # it waited until there was one
        assert worker.status.restarts == 1


def test_settings_that_cannot_be_used_are_refused_at_once():
    with pytest.raises(InputError, match="accepted are none, pocketsphinx"):
        AsrWorker(AsrSettings("vosk"))
    with pytest.raises(ValueError, match="nothing to run"):
        AsrWorker(AsrSettings())


# Newest wins


def test_the_newest_waiting_request_wins_unless_the_other_is_final(tmp_path):
    gate = Gate(tmp_path)
    with AsrWorker(gate.settings) as worker:
        worker.submit(sound(1.0), 0.0, 1, final=False)
        gate.begun()
        for seconds in (2.0, 3.0, 4.0):
            worker.submit(sound(seconds), 0.0, 1, final=False)  # the first two are replaced
        gate.go_on()
        gate.begun()
        assert said(next_result(worker).words) == "w0"
        worker.submit(sound(5.0), 0.0, 1, final=True)
        worker.submit(sound(1.0), 9.0, 2, final=False)  # waits for no final one: left out
        gate.go_on()
        gate.begun()
        assert said(next_result(worker).words) == "w0 w1 w2 w3"
        assert worker.status.skipped == 3
        worker.submit(sound(1.0), 9.0, 2, final=True)
        worker.submit(sound(1.0), 19.0, 3, final=True)  # two turns late: the older is given up
        late = next_result(worker)
        assert (late.turn_id, late.final) == (2, True)
        assert late.error == "recognition is late: a newer turn has ended"
        gate.go_on()
        gate.begun()
        gate.go_on()
        found = [next_result(worker), next_result(worker)]
        assert [(r.turn_id, r.final, r.error) for r in found] == [(1, True, ""), (3, True, "")]


def test_submit_and_poll_do_not_wait_for_a_process_that_is_busy(tmp_path):
    gate = Gate(tmp_path)
    with AsrWorker(gate.settings) as worker:
        worker.submit(sound(1.0), 0.0, 1, final=True)
        gate.begun()
        for turn in range(2, 50):
            worker.submit(sound(30.0), 0.0, turn, final=True)
        assert len(worker.poll()) == 47  # all but the one in work, and the newest, are given up
        assert worker.poll() == []
        assert worker.status.skipped == 47


# Falling behind


def logged(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "ser_stream.asr"]


def test_slower_than_speech_is_said_once_until_it_keeps_up_with_the_remedy(
    tmp_path, caplog, monkeypatch
):
    caplog.set_level(logging.INFO, "ser_stream.asr")
    monkeypatch.setattr("ser_stream.asr.pace.MIN_SOUND_S", 0.0)
    gate = Gate(tmp_path)

    def recognised(worker, seconds, held_s=0.0):
        worker.submit(sound(seconds), 0.0, 1, final=True)
        gate.begun()
        time.sleep(held_s)  # it takes at least so long
        gate.go_on()
        next_result(worker)

    with AsrWorker(gate.settings) as worker:
        for _ in range(2):
            recognised(worker, seconds=0.001, held_s=0.01)
            assert worker.status.state == "slow"
        assert worker.status.reason.startswith("slower than speech: ")
        assert worker.status.reason.endswith(" s for each second of it; use a faster recogniser")
        recognised(worker, seconds=600.0)
        assert (worker.status.state, worker.status.reason) == ("ready", "")
        for _ in range(10):  # the long one leaves the average
            recognised(worker, seconds=0.001, held_s=0.01)
    messages = [(message[:38], "faster recogniser" in message) for message in logged(caplog)]
    slow = ("speech recognition: slower than speech", True)
    assert messages == [slow, ("speech recognition keeps up again", False), slow]


def test_a_dropped_turn_is_said_once_until_three_turns_in_a_row_are_recognised(tmp_path, caplog):
    caplog.set_level(logging.INFO, "ser_stream.asr")
    gate = Gate(tmp_path)

    def answered(worker, n_results):
        gate.go_on()
        results = worker.poll(PATIENCE_S)
        while len(results) < n_results:
            results += worker.poll(PATIENCE_S)

    with AsrWorker(gate.settings) as worker:
        for _ in range(2):  # the second time, it has not kept up yet
            worker.submit(sound(20.0), 0.0, 1, final=True)
            gate.begun()
            for turn in (2, 3, 4):
                worker.submit(sound(20.0), 0.0, turn, final=True)
            answered(worker, n_results=3)  # 1, and 2 and 3, which were dropped
            assert worker.status.state == "slow"
            gate.begun()
            answered(worker, n_results=1)
        assert worker.status.state == "slow"
        worker.submit(sound(20.0), 0.0, 5, final=True)
        gate.begun()
        answered(worker, n_results=1)
        assert worker.status.state == "ready"
    assert logged(caplog) == [
        "speech recognition: the words of a turn were dropped, because the next one had ended; "
        "use a faster recogniser",
        "speech recognition keeps up again",
    ]


# The end


@pytest.mark.parametrize("first", [0.0, FakeRecognizer.HANG])
def test_close_always_ends_the_process(first):
    worker = AsrWorker(FAKE)
    final(worker)
    with waiting_for(worker.pid) as ended:
        worker.submit(sound(1.0, first), 0.0, 1, final=True)
        worker.close()
        assert ended()
    assert (worker.status.state, worker.pid) == ("closed", None)
    worker.submit(sound(1.0), 0.0, 2, final=True)
    worker.close()
    polled = time.monotonic()
    worker.poll(PATIENCE_S)
    assert time.monotonic() - polled < PATIENCE_S / 2  # it does not wait
    assert "ser_stream-asr" not in {thread.name for thread in threading.enumerate()}


def test_close_does_not_wait_for_a_process_that_only_starts():
    for _ in range(3):
        worker = AsrWorker(FAKE)
        worker.close()
        assert worker.pid is None


@pytest.mark.parametrize("busy", [False, True])
def test_the_process_ends_with_a_parent_that_is_killed(busy):
    code = (
        "import threading, numpy as np\n"
        "from ser_stream.asr.base import AsrSettings\n"
        "from ser_stream.asr.worker import AsrWorker\n"
        f"worker = AsrWorker(AsrSettings({FAKE.backend!r}))\n"
        "worker.submit(np.zeros(16000), 0.0, 1, final=True)\n"
        f"worker.poll({PATIENCE_S})\n"
        f"if {busy}: worker.submit(np.full(16000, {FakeRecognizer.HANG}), 0.0, 2, final=True)\n"
        "print(worker.pid, flush=True)\n"
        "threading.Event().wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])},
        stdout=subprocess.PIPE,
        text=True,
    )
    with waiting_for(int(parent.stdout.readline())) as ended:
        parent.kill()
        assert ended()
    parent.wait()
    parent.stdout.close()


# The real recognisers


def test_pocketsphinx_follows_a_turn_in_a_process_that_has_no_torch(tmp_path):
    import torch  # noqa: F401 - the parent has it loaded, with its threads

    grammar = tmp_path / "demo.txt"
    grammar.write_text("He is gone now. I sit here, and nobody calls.")
    samples = read_samples(SPOKEN / "3-sad.flac")
    start, end = speech_span(samples)
    results = []
    with AsrWorker(AsrSettings("pocketsphinx", grammar=str(grammar))) as worker:
        # On a busy machine, partial requests are answered late or not at all.
        for position in (*range(start + 8000, end, 8000), end):
            worker.submit(samples[start:position], start / 16_000, 1, final=position == end)
            results += worker.poll(0.1)
        while not results or not results[-1].final:
            results.append(next_result(worker))
        maps = Path(f"/proc/{worker.pid}/maps").read_text()
    assert said(results[-1].words) == "he is gone now i sit here and nobody calls"
    assert "libtorch" not in maps
    assert "pocketsphinx" in maps
    assert [r.final for r in results] == [False] * (len(results) - 1) + [True]


def test_faster_whisper_runs_in_the_process(tmp_path):
    folder = make_tiny_whisper(tmp_path / "whisper", "Hello there.")
    settings = AsrSettings("faster_whisper", str(folder), device="cpu")
    with AsrWorker(settings, deadline_s=PATIENCE_S) as worker:
        result = final(worker)
    assert (said(result.words), result.language) == ("Hello there.", "en")
