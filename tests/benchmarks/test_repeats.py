"""What repetitions leave behind, measured of faults that do and do not leave something."""

import json
import subprocess
import sys

from benchmarks.measuring import child_environment
from paths import ROOT

PROGRAM = """
import contextlib, json, os
from benchmarks import repeats
kept = []
def leak():
    kept.append((bytearray(b"x" * 1_000_000), os.open("/dev/null", os.O_RDONLY)))
def give_back():
    bytearray(b"x" * 1_000_000)
repeats.FAULTS = {"x": lambda folder: contextlib.nullcontext(REPEAT)}
print(json.dumps(repeats.repeat_fault("x", 40)))
"""


def measured(name):
    """Measure in a process of its own: this one has freed memory that could be used again."""
    command = [sys.executable, "-c", PROGRAM.replace("REPEAT", name)]
    done = subprocess.run(
        command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_memory_and_files_that_stay_are_seen():
    found = measured("leak")
    assert 900 < found["kb_each"] < 1100
    assert found["last"]["files"] - found["first"]["files"] == 40


def test_what_is_given_back_does_not_count():
    found = measured("give_back")
    assert abs(found["kb_each"]) < 100
    assert found["last"]["files"] == found["first"]["files"]
