"""The example clients of the service, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import soundfile

from paths import ROOT, SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from service import TIMEOUT_S, Client, running, same_estimates, samples_of

EXAMPLES = ROOT / "ser_stream" / "examples"
RECORDING = SPOKEN / "3-sad.flac"
MAX_LINES = 40


@pytest.fixture(scope="module")
def url():
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "speech.wav"
    soundfile.write(path, samples_of(RECORDING), 16_000, subtype="PCM_16")
    return path


def node():
    """The command that runs JavaScript with WebSockets; skip the test where there is none."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for options in ([], ["--experimental-websocket"]):
        command = ["node", *options]
        if subprocess.run([*command, "-e", "WebSocket"], capture_output=True).returncode == 0:
            return command
    pytest.skip("this node has no WebSocket: version 22 or newer has")


def check_printed(command, url):
    """Check that a client prints the estimates that the test's own client gets."""
    with Client(url) as client:
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        client.end()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert {message.pop("type") for message in printed} == {"estimate"}
    same_estimates(printed, client.of("estimate"))


def test_the_client_in_python(url, wav):
    socket = url.replace("http", "ws", 1) + "/v1/stream"
    check_printed([sys.executable, EXAMPLES / "serve_client.py", wav, socket], url)


def test_the_client_in_javascript(url, wav):
    socket = url.replace("http", "ws", 1) + "/v1/stream"
    check_printed([*node(), EXAMPLES / "serve_client.mjs", wav, socket], url)


def test_the_client_in_javascript_says_why_it_is_refused(tmp_path, url):
    path = tmp_path / "slow.wav"
    soundfile.write(path, samples_of(RECORDING)[:1_000], 1_000, subtype="PCM_16")
    socket = url.replace("http", "ws", 1) + "/v1/stream"
    command = [*node(), EXAMPLES / "serve_client.mjs", path, socket]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1
    assert "rate: found 1000" in done.stderr


@pytest.mark.parametrize("name", ["serve_client.py", "serve_client.mjs"])
def test_the_clients_are_short(name):
    code = [line for line in (EXAMPLES / name).read_text().splitlines() if line.strip()]
    assert len(code) <= MAX_LINES
