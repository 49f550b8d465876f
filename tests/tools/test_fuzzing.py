"""What is said of inputs that make the process which reads them fail."""

from __future__ import annotations

import pytest

import fuzzing
from paths import ROOT

SCRIPT = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT / "tools")!r})
from fuzzing import work
from ser_stream.errors import InputError

def read(request):
    if request == "prints":
        print("from Python", flush=True)
        os.write(2, b"from C")
    elif request == "ends":
        os._exit(7)
    elif request == "hangs":
        time.sleep(3600)
    elif request == "raises":
        raise ZeroDivisionError("no")
    elif request == "refuses":
        raise InputError("one line")
    return {{"accepted": True}}

work(read, 4 << 30)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "reader.py"
    path.write_text(SCRIPT)
    return str(path)


def test_each_way_to_fail_is_told_from_the_others(script):
    with fuzzing.Worker(script) as worker:
        found = {name: worker.ask(name) for name in ("prints", "raises", "refuses", "ends", "good")}
    assert found["prints"]["printed"] == "from Python\nfrom C"
    assert {
        name: each["printed"] for name, each in found.items() if name != "prints"
    } == dict.fromkeys(("raises", "refuses", "ends", "good"), "")
    assert fuzzing.outcome_of(found["raises"]) == "ZeroDivisionError"
    assert fuzzing.outcome_of(found["refuses"]) == fuzzing.REFUSED
    assert fuzzing.outcome_of(found["ends"]) == "process ended"
    assert fuzzing.outcome_of(found["good"]) == fuzzing.ACCEPTED  # by the process after that


def test_an_input_that_takes_too_long_counts_as_hung(script):
    with fuzzing.Worker(script, hangs_after_s=0.5) as worker:
        assert fuzzing.outcome_of(worker.ask("hangs")) == "hung"


def test_outcomes_that_are_not_right_are_named_and_decide_the_exit_code(capsys):
    def run(cases, first):
        outcomes = fuzzing.Outcomes((fuzzing.REFUSED,), "inputs")
        outcomes.add("case 1", "a kind", fuzzing.REFUSED, {"peak_mb": 3.0})
        outcomes.add("case 2", "a kind", "hung", {"failed": "hung", "peak_mb": 2.0})
        return outcomes

    assert fuzzing.main("A program.", run, (fuzzing.REFUSED,), "inputs", []) == 1
    out, err = capsys.readouterr()
    assert "| a kind | 2 | 1 | 1 |" in out and "3 MB" in out
    assert err.startswith("case 2: hung: ")
