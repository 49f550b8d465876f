"""What becomes of a stream's progress."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from ser_stream.serving.picture import COLUMN_BYTES
from ser_stream.serving.protocol import Hello
from ser_stream.serving.served import ServedStream
from ser_stream.stream.pooled import Progress


class Loop:
    """An event loop whose calls are done at once."""

    def call_soon_threadsafe(self, call, *arguments):
        call(*arguments)


class Box:
    """A mailbox that keeps everything."""

    def __init__(self):
        self.messages = []

    def put(self, message, passing=False):
        self.messages.append(message)


@pytest.mark.parametrize(
    ("live", "waiting_s", "pictures"), [(True, 0.0, True), (True, 1.0, False), (False, 1.0, True)]
)
def test_no_picture_is_made_of_live_sound_where_recognition_is_behind(live, waiting_s, pictures):
    client = Box()
    hello = Hello(rate=16_000, live=live, picture=True)
    served = ServedStream(Loop(), client, hello, count=lambda estimate: None)
    served.on_progress("a", Progress(1.0, False, waiting_s, np.zeros(16_000, np.float32)))
    assert bool(client.messages) == pictures
    assert all(len(message) % COLUMN_BYTES == 0 for message in client.messages)
