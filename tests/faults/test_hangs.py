"""Inference that hangs, fails or falls behind, and a sound server that stops responding."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from command import estimates
from faulty import HangingNetwork
from paths import ROOT
from ser_stream.engines.choose import open_network
from ser_stream.stream import opening
from ser_stream.stream.recognizer import Recognizer

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
    paths = [str(ROOT), str(ROOT / "tests" / "support")]
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=(env or os.environ) | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
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
