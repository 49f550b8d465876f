"""`/v1/watch`: viewers."""

from __future__ import annotations

import time

import pytest

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from ser_stream.serving.limits import Limits
from service import HELLO, TIMEOUT_S, Client, running, same_estimates, samples_of

RECORDING = SPOKEN / "3-sad.flac"


@pytest.fixture(scope="module")
def url():
    with running(Limits(max_viewers=3)) as url:
        yield url


def test_viewers_get_what_the_client_gets(url):
    with Client(url, HELLO | {"name": "a/b c"}) as client:
        client.until("ready")
        viewers = [Client(url, None, "/v1/watch?stream=a%2Fb%20c"), Client(url, None, "/v1/watch")]
        for viewer in viewers:
            assert viewer.until("ready")["stream"] == "a/b c"
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
        for viewer in viewers:
            assert viewer.end() == 1000
            same_estimates(viewer.of("estimate"), client.of("estimate"))
            assert viewer.of("speaking") == client.of("speaking")
            assert viewer.statuses


def test_a_viewer_who_reads_nothing_delays_nobody():
    with running(Limits(unread_by_viewer=2)) as url, Client(url) as client:
        client.until("ready")
        lazy = Client(url, None, "/v1/watch")
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
        assert len(client.of("estimate")) > 5
        assert lazy.end() == 1000


def test_viewers_send_nothing(url):
    with Client(url, HELLO | {"name": "quiet"}) as client:
        client.until("ready")
        with Client(url, {"type": "mute", "muted": True}, "/v1/watch?stream=quiet") as viewer:
            assert viewer.end() == 4400
        client.send({"type": "mute", "muted": False})
        assert client.until("muted")["muted"] is False


def test_a_stream_that_is_not_open_cannot_be_watched(url):
    with Client(url, HELLO | {"name": "one"}) as one, Client(url, HELLO | {"name": "two"}) as two:
        one.until("ready"), two.until("ready")
        for path in ("/v1/watch?stream=three", "/v1/watch"):
            with Client(url, None, path) as viewer:
                assert viewer.end() == 4404
                assert viewer.of("error")[0]["message"].endswith("one, two")


def test_more_viewers_than_accepted_are_refused_until_one_leaves(url):
    path = "/v1/watch?stream=popular"
    with Client(url, HELLO | {"name": "popular"}) as client:
        client.until("ready")
        viewers = [Client(url, None, path) for _ in range(3)]
        for viewer in viewers:
            viewer.until("ready")
        with Client(url, None, path) as viewer:
            assert viewer.end() == 1013
        with viewers.pop():
            pass
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            with Client(url, None, path) as viewer:
                if viewer.receive()["type"] == "ready":
                    return
    raise AssertionError("there is no room for another viewer")
