"""`ser-stream serve` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request

import pytest

from command import run, start
from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from service import HELLO, TIMEOUT_S, Client, samples_of


def serving(*arguments, env=None):
    """Start the service; return its process and its URL."""
    process = start("serve", "--model", "tiny", "--port", 0, *arguments, env=env)
    for line in process.stderr:
        if found := re.search(r"serving tiny .* at (http://\S+)/ ", line):
            return process, found[1]
    raise AssertionError(f"exit code {process.wait()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_service_after_the_last_turn(number):
    process, url = serving()
    with Client(url) as client:
        client.send_sound(samples_of(SPOKEN / "2-happy.flac")[:48_000])
        client.until("estimate")
        process.send_signal(number)
        assert client.end() == 1001
    assert client.of("estimate")[-1]["trigger"] == "utterance"
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_recording_of_this_machine_is_served():
    process, url = serving("--source", SPOKEN / "3-sad.flac", "--max-streams", 2)
    try:
        with Client(url, None, "/v1/watch?stream=3-sad.flac") as viewer:
            assert viewer.until("ready")["model"] == "tiny"
        with urllib.request.urlopen(f"{url}/health", timeout=TIMEOUT_S) as answer:
            assert json.load(answer)["max_streams"] == 2
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def test_the_token_of_the_environment_is_required():
    token = "a-token.of_24~characters"
    process, url = serving(env=os.environ | {"SER_STREAM_TOKEN": token})
    try:
        with Client(url, HELLO) as client:
            assert client.end() == 4401
        with Client(url, HELLO, additional_headers={"Authorization": f"Bearer {token}"}) as client:
            assert client.until("ready")
    finally:
        process.terminate()
        assert token not in process.communicate(timeout=TIMEOUT_S)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "other machines reach it, so a token is needed"),
        (["--token-file", "missing"], "--token-file missing: No such file or directory"),
        (["--max-streams", 0], "--max-streams: found 0; accepted are whole numbers from 1 on"),
        (["--source", "missing.wav"], "missing.wav: No such file or directory"),
        (["--max-words", 2], "--max-words: goes with --asr"),
        (["--grammar", "demo"], "--grammar: goes with --asr"),
        (
            ["--asr", "pocketsphinx", "--grammar", "missing.jsgf"],
            "asr grammar missing.jsgf: no such file; accepted are demo, robot-commands",
        ),
        (["--asr", "pocketsphinx", "--text-model", "missing"], "text_model: "),
        (["--device", "USB"], "--device: goes with --source microphone"),
        (["--allow-origin", "robot"], "--allow-origin: found 'robot'; accepted are origins"),
        (["--port", 99_999], "--port 99999: "),
        (["--key", "key.pem"], "--certificate and --key: found one of them"),
        (["--certificate", __file__, "--key", __file__], "--certificate, --key: "),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_line(arguments, message):
    code, out, err = run("serve", "--model", "tiny", *arguments)
    lines = [line for line in err.splitlines() if "non-commercial" not in line]
    assert (code, out, len(lines)) == (2, "", 1)
    assert lines[0].startswith("ser-stream: error: ") and message in lines[0]
