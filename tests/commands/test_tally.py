"""The closing line of `ser-stream listen`."""

from __future__ import annotations

from ser_stream.commands.tally import Tally
from ser_stream.stream.status import StreamStatus


def test_losses_are_listed_where_there_are_any():
    tally = Tally(failed=False)
    tally.estimates = 3
    tally.add(StreamStatus(9.0, gaps=1))
    assert tally.line() == "heard 9.0 s: 0 utterances, 3 estimates, 0 windows skipped, 1 gap"
    tally.add(StreamStatus(1.0, bad_samples=48, dropped_blocks=1, overflows=2, reconnects=1))
    assert tally.line() == (
        "heard 10.0 s: 0 utterances, 3 estimates, 0 windows skipped, 1 gap, 48 samples replaced by "
        "silence (NaN, infinite or absurdly large), 1 block dropped (the computer is too slow), "
        "2 overflows of the microphone, 1 reconnect of the microphone"
    )
