"""When inference is regarded as hung."""

from __future__ import annotations

import pytest

from ser_stream.stream.status import StreamStatus
from ser_stream.stream.watchdog import (
    CAPTURE_TIMEOUT_S,
    INFERENCE_TIMEOUT_S,
    CaptureWatchdog,
    InferenceWatchdog,
)


class Watched:
    """A watchdog that looks at inference at chosen times."""

    def __init__(self):
        self.now_s = 100.0
        self.watchdog = InferenceWatchdog(clock=lambda: self.now_s)

    def look(self, after_s, inference_s):
        self.now_s += after_s
        return self.watchdog.update(inference_s)


@pytest.fixture
def watched():
    return Watched()


def test_it_hangs_after_the_timeout_and_that_is_said_once(watched, caplog):
    found = [watched.look(0.5, n / 2) for n in range(1, 24)]
    assert found.index(True) == 2 * INFERENCE_TIMEOUT_S  # the first look beyond it
    assert sum(found) == 1
    assert watched.watchdog.message == "inference hangs: no result for 12 s"
    assert caplog.messages == ["inference: no result for 3 s; after 10 s this process ends"]


def test_a_result_ends_it(watched):
    for n in range(1, 24):
        watched.look(0.5, n / 2)
    assert not watched.look(0.1, 0.0) and watched.watchdog.message == ""
    for n in range(1, 24):
        watched.look(0.5, n / 2)
    assert not watched.look(0.1, 0.2) and watched.watchdog.message == ""


def test_time_in_which_the_process_was_stopped_does_not_count(watched):
    """As by a debugger, or Ctrl-Z: all threads stood still."""
    assert not watched.look(0.1, 2.0)
    assert not watched.look(3600.0, 3602.0)
    assert not watched.look(0.5, 3602.5)
    found = [watched.look(0.5, 3602.5 + n / 2) for n in range(1, 24)]
    assert sum(found) == 1


def test_many_short_windows_are_no_hang(watched):
    assert not any(watched.look(0.1, 0.05) for _ in range(1000))


def test_capture_is_alive_while_sound_comes_or_its_absence_is_reported():
    now_s = [100.0]
    watchdog = CaptureWatchdog(clock=lambda: now_s[0])

    def alive(after_s, position_s, source=""):
        now_s[0] += after_s
        return watchdog.update(StreamStatus(position_s, source=source))

    assert alive(CAPTURE_TIMEOUT_S, 0.0)
    assert alive(0.1, 0.032)
    assert not alive(CAPTURE_TIMEOUT_S + 0.1, 0.032)
    assert alive(0.1, 0.032, source="microphone: unplugged")
    assert alive(3600.0, 0.032, source="microphone: unplugged")
    assert alive(0.1, 0.064)
