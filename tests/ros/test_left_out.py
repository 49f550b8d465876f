"""Messages that could not be used."""

from __future__ import annotations

import time

from ser_stream.errors import InputError
from ser_stream.ros.left_out import BRIEF_S, LOG_PERIOD_S, LeftOut


def test_brief_errors_are_logged_at_most_every_ten_seconds(caplog):
    left_out = LeftOut("topic audio")
    now = time.monotonic()
    for number in range(4):
        left_out.add(InputError(f"error {number}"))
        assert left_out.error == f"error {number}"
        left_out.end(now + (LOG_PERIOD_S + 1 if number == 3 else 0))
        assert left_out.error == ""
    # The fourth ends an error that others have seen, since it lasted ten seconds.
    assert [record.getMessage() for record in caplog.records] == [
        "topic audio: left out a message: error 0"
    ]
    assert left_out.count == 4


def test_errors_that_were_not_logged_are_counted_in_the_next_line(caplog, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    left_out = LeftOut("topic audio")
    for clock[0] in (100.0, 101.0, 102.0, 100.0 + LOG_PERIOD_S):
        left_out.add(InputError(f"error at {clock[0]:g}"))
        left_out.end(clock[0] + BRIEF_S / 2)
    assert [record.getMessage() for record in caplog.records] == [
        "topic audio: left out a message: error at 100",
        "topic audio: left out 3 messages: error at 110",
    ]
