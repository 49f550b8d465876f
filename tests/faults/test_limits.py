"""Files and arguments beyond all limits, as whole processes meet them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from command import estimates, run
from ending import run_apart
from paths import ROOT, SPOKEN
from ser_stream.data.feature_cache import load_or_compute

AFTER_2038 = 4_102_444_800
"""2100-01-01 in seconds since the epoch; 32 bits with a sign end in 2038."""
RECORDING = SPOKEN / "2-happy.flac"
MODEL = ROOT / "ser_stream" / "weights" / "tiny"

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
"""Nine to the power of nine texts, in 500 bytes."""


def refused(*arguments):
    """Return the only line that a command prints, which ends with code 2."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and len(err) < 2100
    (line,) = err.splitlines()
    return line


@pytest.mark.parametrize(
    "text", [BOMB, "kind: speech\nepochs: " + "9" * 5000], ids=["bomb", "digits"]
)
def test_a_hostile_recipe_is_refused_by_one_short_line(tmp_path, text):
    pytest.importorskip("torch")
    (tmp_path / "a.yaml").write_text(text)
    line = refused("train", tmp_path / "a.yaml", "--corpora", tmp_path)
    assert line.startswith(f"ser-stream: error: recipe {tmp_path}/a.yaml: not YAML, line 2: found ")


def test_a_grammar_that_crashes_its_parser_does_not_end_the_program_with_it(tmp_path):
    pytest.importorskip("pocketsphinx")
    grammar = tmp_path / "a.arpa"
    grammar.write_text("\\data\\\nngram 1=-3\n\n\\1-grams:\n-1.0 hello -0.3\n\n\\end\\\n")
    arguments = ("--input", RECORDING, "--asr", "pocketsphinx", "--grammar", grammar)
    assert f"error: asr grammar {grammar}: PocketSphinx ends" in refused("listen", *arguments)


def test_files_with_dates_after_2038_are_used(tmp_path):
    model = shutil.copytree(MODEL, tmp_path / "model")
    recording = shutil.copy(RECORDING, tmp_path)
    for path in [*model.rglob("*"), recording]:
        os.utime(path, (AFTER_2038, AFTER_2038))
    code, out, _ = run("listen", "--json", "--model", model, "--input", recording)
    assert code == 0 and estimates(out)[-1]["trigger"] == "utterance"


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is missing")
def test_a_clock_after_2038_changes_nothing(tmp_path):
    def recognised(*clock):
        done = subprocess.run(
            [*clock, sys.executable, "-m", "ser_stream.cli", "listen", "--json",
             "--model", "tiny", "--input", RECORDING],
            env=os.environ | {"PYTHONPATH": str(ROOT), "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return [{**estimate, "latency_ms": 0} for estimate in estimates(done.stdout)]

    assert recognised("faketime", "-f", "@2100-01-01 00:00:00") == recognised()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_of_voices_is_left_where_training_is_ended_while_it_writes(tmp_path, ending):
    cache = tmp_path / "cache"
    save = np.save

    def save_half(file, array):
        save(file, array[: len(array) // 2])
        file.flush()
        os.kill(os.getpid(), ending)

    def compute():
        yield np.ones((1000, 40)), 1000

    def interrupted():
        np.save = save_half
        load_or_compute(cache, ["key"], compute)

    assert run_apart(interrupted) == (ending, "")
    assert list(cache.iterdir()) == []
    assert len(load_or_compute(cache, ["key"], compute)) == 1
