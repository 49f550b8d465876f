"""Progress of long commands on standard error."""

import itertools

import pytest

from ser_stream import progress as module
from ser_stream.progress import Steps, progress


@pytest.fixture
def clock(monkeypatch):
    """Time that advances by four seconds whenever it is read."""
    seconds = itertools.count(0.0, 4.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))


def test_a_pipe_gets_plain_lines_and_no_bars(clock, capsys):
    assert list(progress(range(6), "features")) == list(range(6))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["features: 3 of 6, 12 s remaining", "features: 6 of 6, 0 s remaining"]


def test_a_loop_of_unknown_length_prints_the_number_of_items_done(clock, capsys):
    assert list(progress(iter("abc"), "clips")) == ["a", "b", "c"]
    assert capsys.readouterr().err == "clips: 3\n"


def test_a_short_loop_prints_nothing(capsys):
    assert list(progress([1, 2], "features")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_other_processes_than_the_first_print_nothing(clock, capsys):
    assert list(progress(range(6), "features", show=False)) == list(range(6))
    Steps(2, show=False).start("training")
    assert capsys.readouterr().err == ""


def test_steps_are_numbered_and_say_how_long_they_took(clock, capsys):
    steps = Steps(3)
    for description in ("reading", "training", "scoring"):
        steps.start(description)
    assert capsys.readouterr().err.splitlines() == [
        "step 1 of 3: reading",
        "step 2 of 3: training (4 s so far)",
        "step 3 of 3: scoring (8 s so far)",
    ]


def test_equal_steps_print_an_estimate_of_the_remaining_time(clock, capsys):
    folds = Steps(3, "fold", alike=True)
    for name in ("a", "b", "c"):
        folds.start(name)
    assert capsys.readouterr().err.splitlines() == [
        "fold 1 of 3: a",
        "fold 2 of 3: b (about 8 s remaining)",
        "fold 3 of 3: c (about 4 s remaining)",
    ]
