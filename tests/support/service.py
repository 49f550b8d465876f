"""`ser-stream serve` as clients see it: a real server on a port of the system, and real clients."""

from __future__ import annotations

import contextlib
import json
import threading

import numpy as np
import soundfile
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ser_stream.serving.access import Access
from ser_stream.serving.limits import Limits
from ser_stream.serving.server import Address, Server
from ser_stream.stream.pool import StreamPool

TIMEOUT_S = 120.0
HELLO = {"type": "hello", "rate": 16_000, "live": False}


@contextlib.contextmanager
def running(
    limits=None, access=None, local=None, pool=None, address=None, model="tiny", words=None
):
    """Serve in this process, on loopback; yields the URL, which begins with http."""
    limits = limits or Limits()
    with contextlib.ExitStack() as stack:
        pool = pool or stack.enter_context(StreamPool(model, limits.max_streams))
        server = Server(pool, address or Address(port=0), access or Access(), limits, local, words)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.stop()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


class Client:
    """A client of /v1/stream or /v1/watch; a context manager.

    Attributes:
        messages: what was received so far, but status messages.
        statuses: the status messages.
        code, reason: of the end of the connection.
    """

    def __init__(self, url, hello=HELLO, path="/v1/stream", **options):
        self._opened = contextlib.ExitStack()
        address = url.replace("http", "ws", 1) + path
        self._socket = self._opened.enter_context(
            connect(address, open_timeout=TIMEOUT_S, ping_interval=None, **options)
        )
        self.messages, self.statuses = [], []
        self.code, self.reason = None, ""
        if hello is not None:
            self.send(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._opened.close()

    def send(self, message):
        """Send bytes or texts as they are, and everything else as JSON; `end` tells of an end."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        with contextlib.suppress(ConnectionClosed):
            self._socket.send(text)

    def send_sound(self, samples, length=1_600, kind="<i2"):
        """Send samples of full scale 1 in blocks of `length`."""
        pcm = np.round(np.asarray(samples) * 32_768).clip(-32_768, 32_767).astype(kind)
        for start in range(0, len(pcm), length):
            self.send(pcm[start : start + length].tobytes())

    def receive(self):
        """Return the next message that is no status, None at the end of the connection."""
        while (message := self.receive_any()) is not None and message["type"] == "status":
            pass
        return message

    def receive_any(self):
        """Return the next message, None at the end of the connection."""
        try:
            message = json.loads(self._socket.recv(timeout=TIMEOUT_S))
        except ConnectionClosed as end:
            self.code = end.rcvd.code if end.rcvd else 1006
            self.reason = end.rcvd.reason if end.rcvd else ""
            return None
        (self.statuses if message["type"] == "status" else self.messages).append(message)
        return message

    def until(self, kind):
        """Receive messages up to the next one of a type, and return it."""
        while (message := self.receive()) is not None:
            if message["type"] == kind:
                return message
        raise AssertionError(f"no {kind}; the end: {self.code} {self.reason}")

    def end(self):
        """Receive messages to the end of the connection; return its code."""
        while self.receive() is not None:
            pass
        return self.code

    def of(self, kind):
        """The messages of one type, without the type."""
        return [
            {name: value for name, value in message.items() if name != "type"}
            for message in self.messages
            if message["type"] == kind
        ]


def samples_of(path):
    """16-bit samples of a recording, full scale 1, which travel without loss."""
    return soundfile.read(path, dtype="float32")[0]


def same_estimates(found, expected):
    """Check that estimates are the same but for the time that they took."""
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for name in set(theirs) - {"latency_ms"}:
            if isinstance(theirs[name], dict):
                assert set(ours[name]) == set(theirs[name])
                for label, score in theirs[name].items():
                    assert abs(ours[name][label] - score) <= 2e-4
            elif isinstance(theirs[name], float):
                assert abs(ours[name] - theirs[name]) <= 2e-3
            else:
                assert ours[name] == theirs[name]
