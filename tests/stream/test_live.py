"""The queue between the thread that captures sound and the one that scores it."""

from ser_stream.stream.live import WindowQueue
from ser_stream.stream.session import TurnProgress
from streams import stream


def test_a_newer_window_replaces_a_waiting_window_but_never_a_turn_end(speech):
    dropped = []
    queue = WindowQueue(dropped.append)
    *windows, end = stream(speech)[0]
    for part in [*windows, end, windows[0], windows[1]]:
        queue.put(part)
    queue.end()
    assert list(queue.take_all(lambda: None)) == [end, windows[1]]
    assert dropped == [*windows, windows[0]]


def test_take_all_yields_none_when_woken_and_after_the_timeout(speech):
    patience = [0.01]
    queue = WindowQueue()
    windows = queue.take_all(lambda: patience[0])
    assert next(windows) is None  # the wait was over
    patience[0] = None
    queue.wake()
    assert next(windows) is None
    window = stream(speech)[0][0]
    queue.put(window)
    assert next(windows) is window
    patience[0] = 0.01
    queue.end()
    assert next(windows) is None  # something else is still awaited
    patience[0] = None
    assert list(windows) == []


def test_a_turn_in_progress_is_taken_where_no_window_waits_and_the_newest_wins(speech):
    window = stream(speech)[0][0]
    first, second, third = (TurnProgress(window.features, n, 0.0) for n in (10, 20, 30))
    queue = WindowQueue()
    taken = queue.take_all(lambda: None)
    queue.put_progress(first)
    queue.put(window)  # makes what was to be computed ahead of it superfluous
    queue.put_progress(second)
    assert next(taken) is window
    queue.put_progress(third)
    assert next(taken) is third
    queue.end()
    assert list(taken) == []
