"""The example without a framework, in a process of its own; a local server stands in for an LLM."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from chat_server import ANSWER, chat_server
from paths import ROOT, SPOKEN
from ser_stream import InputError
from ser_stream.examples.llm_chat import Chat

pytest.importorskip("pocketsphinx")

RECORDING = ROOT / "ser_stream" / "demo" / "4-angry.flac"


def chat(*options, **variables):
    command = [sys.executable, "-m", "ser_stream.examples.llm_chat", *map(str, options)]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=300, env=environment
    )


def test_the_llm_reads_words_headed_by_how_they_sounded():
    with chat_server() as server:
        # A proxy that does not exist: what is said to this computer goes to no other one.
        done = chat("--input", RECORDING, "--url", server.url, http_proxy="http://127.0.0.1:9")
        assert done.returncode == 0, done.stderr
        heard = re.fullmatch(
            rf"you: (\(The user sounded angry, \d\d% sure\.\) .+)\nllm: {ANSWER}\n", done.stdout
        )
        assert heard, done.stdout
        assert server.messages("user") == [heard[1]]
        assert "how the user's voice sounded" in server.messages("system")[0]
        assert "Authorization" not in server.headers


def test_a_conversation_keeps_what_was_said(monkeypatch):
    monkeypatch.setenv("LLM_API_KEY", "secret")
    with chat_server() as server:
        conversation = Chat(server.url + "/", "m")
        assert [conversation.ask("Hello."), conversation.ask("And?")] == [ANSWER, ANSWER]
        assert server.messages("user") == ["Hello.", "And?"]
        assert server.messages("assistant") == [ANSWER]
        assert server.headers["Authorization"] == "Bearer secret"


def test_a_server_that_cannot_be_used_is_one_clear_line():
    with chat_server() as server:
        with pytest.raises(InputError, match=r"/v2/chat/completions gave no answer \(HTTP Error"):
            Chat(server.url.replace("v1", "v2"), "m").ask("Hello.")
        closed = server.url
    done = chat("--input", RECORDING, "--url", closed)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith("llm_chat: error: --url: http://127.0.0.1:")
    assert "needed is a server with the API of OpenAI" in line and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--url", "ftp://x"], "--url: found ftp://x; accepted are http:// and https://"),
        (["--input", SPOKEN / "missing.wav"], "missing.wav"),
    ],
)
def test_options_that_cannot_be_used_are_one_clear_line(options, message):
    done = chat(*options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
