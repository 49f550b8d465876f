"""A source of the service's own machine."""

from __future__ import annotations

import pytest

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from ser_stream.audio.recording import Recording
from ser_stream.serving.local_source import LocalSource
from service import Client, running


def test_a_recording_is_served_at_its_own_speed_and_watched():
    local = LocalSource(Recording(SPOKEN / "2-happy.flac", realtime=True), "2-happy.flac")
    with running(local=local) as url, Client(url, None, "/v1/watch") as viewer:
        assert viewer.until("ready")["stream"] == "2-happy.flac"
        assert viewer.end() == 1000
    assert viewer.of("estimate")[-1]["trigger"] == "utterance"
    assert [found["speaking"] for found in viewer.of("speaking")] == [True, False]


def test_the_name_of_a_local_source_is_taken():
    local = LocalSource(Recording(SPOKEN / "2-happy.flac", realtime=True), "robot")
    hello = {"type": "hello", "rate": 16_000, "name": "robot"}
    with running(local=local) as url, Client(url, hello) as client:
        assert client.end() == 4409
