"""The live page of `ser-stream listen`, as viewers and a real browser see it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import urllib.request

import pytest

from command import start
from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from websockets.sync.client import connect

from browser import browser, eventually, text_of
from pulse import PulseServer
from ser_stream.audio.recording import Recording
from ser_stream.commands.listening import Listening
from ser_stream.commands.tally import Tally
from ser_stream.outputs.base import Output
from ser_stream.serving.access import Access
from ser_stream.serving.listen_page import ListenPage
from ser_stream.serving.picture import COLUMN_BYTES
from ser_stream.sessions.read import read_session
from ser_stream.stream.recognizer import Recognizer
from ser_stream.words import Speech, Word
from service import HELLO, TIMEOUT_S, Client, same_estimates

RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""
TOKEN = "a-token.of_24~characters"


class Kept(Output):
    """Keeps the estimates, as another output of the same listener."""

    def __init__(self):
        self.estimates = []

    def on_estimate(self, estimate):
        self.estimates.append(json.loads(estimate.to_json()))


class Listener:
    """A context manager: `ser-stream listen --page` in this process; `run` begins to listen."""

    def __init__(self, access=None):
        self.recognizer = Recognizer("tiny")
        self.page = ListenPage(self.recognizer, "my voice", "mix", access or Access())
        self.url = self.page.url.partition("/?")[0]
        self.kept = Kept()
        self._listening = Listening(
            self.recognizer, [self.kept, self.page], Tally(failed=False), live=True
        )
        self._thread = None

    def __enter__(self):
        return self

    def run(self):
        sources = [self.page.shown(Recording(RECORDING, realtime=True))]

        def listen():
            self._listening.run(sources)
            self.page.__exit__(None, None, None)

        self._thread = threading.Thread(target=listen, daemon=True)
        self._thread.start()

    def __exit__(self, *_):
        self._listening.stop()
        if self._thread is None:
            self.page.__exit__(None, None, None)
        else:
            self._thread.join(TIMEOUT_S)
            assert not self._thread.is_alive()
        self.recognizer.close()


def watch(url):
    """A viewer, who may have to wait for the server."""
    while True:
        viewer = Client(url, None, "/v1/watch?stream=my%20voice")
        if viewer.receive() is not None and viewer.messages[0]["type"] == "ready":
            return viewer


def test_a_viewer_gets_the_estimates_of_the_other_outputs_up_to_the_last_one():
    with Listener() as listener, watch(listener.url) as viewer:
        assert viewer.messages[0]["model"] == "tiny"
        listener.run()
        assert viewer.end() == 1000
    same_estimates(viewer.of("estimate"), listener.kept.estimates)
    assert [found["trigger"] for found in listener.kept.estimates].count("utterance") == 2
    speaking = [found["speaking"] for found in viewer.of("speaking")]
    # It is looked at ten times a second: the short pause may pass unseen.
    assert speaking in ([True, False, True, False], [True, False])
    assert viewer.statuses[-1]["windows"] == len(listener.kept.estimates)


def test_a_viewer_gets_the_words():
    speech = Speech((Word("gone", 1.0, 1.4),), 1, True, start_s=0.9, end_s=1.5, latency_ms=9)
    with Listener() as listener, watch(listener.url) as viewer:
        listener.page.on_speech(speech)
        listener.page.__exit__(None, None, None)
        assert viewer.end() == 1000
    (found,) = viewer.of("speech")
    assert [word["text"] for word in found["words"]] == ["gone"]


def test_a_viewer_is_sent_a_picture_of_the_sound():
    with Listener() as listener, watch(listener.url):
        listener.run()
        address = listener.url.replace("http", "ws", 1) + "/v1/watch?picture=1"
        with connect(address, open_timeout=TIMEOUT_S) as viewer:
            columns = []
            while len(columns) < 100:  # 2 s
                message = viewer.recv(timeout=TIMEOUT_S)
                if isinstance(message, bytes):
                    assert len(message) % COLUMN_BYTES == 0
                    columns += [
                        message[at : at + COLUMN_BYTES]
                        for at in range(0, len(message), COLUMN_BYTES)
                    ]
    heights = [max(column[2:]) for column in columns]
    assert max(heights) > min(heights) + 30  # speech, and pauses


def test_nobody_can_send_sound_to_it():
    with Listener() as listener, watch(listener.url):
        with Client(listener.url, HELLO | {"name": "another"}) as client:
            assert client.end() == 1013
        with Client(listener.url, HELLO | {"name": "my voice"}) as client:
            assert client.end() == 4409


def test_the_token_of_the_environment_protects_it():
    with Listener(Access(TOKEN)) as listener:
        with Client(listener.url, None, "/v1/watch") as viewer:
            assert viewer.end() == 4401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(f"{listener.url}/v1/streams", headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            assert [each["name"] for each in json.load(answer)["streams"]] == ["my voice"]


def listen(*arguments):
    """Start `ser-stream listen --page` on the recording; return its process and the page's URL."""
    # Without a display: no browser of whoever runs the tests is opened.
    env = {name: text for name, text in os.environ.items() if "DISPLAY" not in name}
    process = start("listen", "--model", "tiny", "--json", "--realtime", "--page",
                    "--input", RECORDING, *arguments, env=env)  # fmt: skip
    for line in process.stderr:
        if found := re.search(r"browser: (http://127.0.0.1:\d+)/\?watch=3-sad.flac$", line):
            return process, found[1]
    raise AssertionError(f"exit code {process.wait()}")


def test_words_and_a_recorded_session_go_together_with_the_page(tmp_path):
    pytest.importorskip("faster_whisper")
    from tiny_whisper import make_tiny_whisper

    model = make_tiny_whisper(tmp_path / "whisper", "Hello there.")
    process, url = listen("--asr", "faster_whisper", "--asr-model", model,
                          "--record", tmp_path / "sessions", "--record-audio")  # fmt: skip
    with Client(url, None, "/v1/watch") as viewer:
        assert viewer.until("ready")
        assert viewer.end() == 1000
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    printed = [json.loads(line) for line in out.splitlines()]
    shown = viewer.of("estimate")
    assert printed[-len(shown) :] == shown
    (folder,) = (tmp_path / "sessions").iterdir()
    part = read_session(folder).parts[0]
    assert len(part.estimates) == len(printed) and len(part.samples()) > 16_000


@pytest.mark.microphone
def test_the_microphone_is_shown_until_ctrl_c():
    with PulseServer() as server:
        server.add_sink("ears")
        process = start("listen", "--model", "tiny", "--json", "--page", env=server.env)
        url = ""
        for line in process.stderr:
            if found := re.search(r"browser: (http://\S+)/\?watch=microphone$", line):
                url = found[1]
            if ": connected" in line:
                break
        with Client(url, None, "/v1/watch?stream=microphone") as viewer:
            viewer.until("ready")
            server.play(RECORDING)
            while viewer.until("estimate")["trigger"] != "utterance":
                pass
            process.send_signal(signal.SIGINT)
            assert viewer.end() == 1000
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    printed = [json.loads(line) for line in out.splitlines()]
    shown = viewer.of("estimate")
    assert printed[-len(shown) :] == shown
    assert viewer.of("speaking")[-1]["speaking"] is False


def test_a_browser_shows_the_turns_of_the_terminal():
    shows = "return document.querySelectorAll('#turns li').length >= 2"
    with Listener() as listener, browser() as driver:
        driver.get(listener.page.url)
        connected = "return document.querySelector('#connection').dataset.state === 'on'"
        eventually(driver, connected)
        listener.run()
        eventually(driver, shows)
        turns = [e for e in listener.kept.estimates if e["trigger"] == "utterance"]
        text = text_of(driver, "#turns")
        assert all(turn["expression"] in text for turn in turns)
