"""What repetitions leave behind, measured of faults that do and do not leave something."""

import contextlib
import os

from benchmarks import repeats


def measured(monkeypatch, repeat, times=40):
    monkeypatch.setattr(repeats, "FAULTS", {"x": lambda folder: contextlib.nullcontext(repeat)})
    return repeats.repeat_fault("x", times)


def test_memory_and_files_that_stay_are_seen(monkeypatch, tmp_path):
    kept = []

    def leak():
        kept.append((bytearray(b"x" * 1_000_000), os.open(tmp_path / "file", os.O_CREAT)))

    found = measured(monkeypatch, leak)
    assert 900 < found["kb_each"] < 1100
    assert found["last"]["files"] - found["first"]["files"] == 40


def test_what_is_given_back_does_not_count(monkeypatch):
    found = measured(monkeypatch, lambda: bytearray(100_000))
    assert abs(found["kb_each"]) < 100
    assert found["last"]["files"] == found["first"]["files"]
