"""The Pipecat example, in a process of its own; a local server stands in for the LLM."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("pipecat", reason="pipecat-ai is not installed: make test-agents")
pytest.importorskip("pocketsphinx")

from chat_server import ANSWER, chat_server
from paths import ROOT

pytestmark = pytest.mark.pipecat

RECORDING = ROOT / "ser_stream" / "demo" / "4-angry.flac"


def test_the_llm_reads_how_the_user_sounded():
    with chat_server() as server:
        command = [sys.executable, "-m", "ser_stream.examples.pipecat_bot", RECORDING]
        done = subprocess.run(
            [*command, "--url", server.url], capture_output=True, text=True, cwd=ROOT, timeout=300
        )
        assert done.returncode == 0, done.stderr
        said = server.messages("user")
        assert re.match(r"\(\[emotion \w+=0\.\d\d(, \w+=0\.\d\d)*\]\) \w+", said[0])
        assert "how the user's voice sounded" in server.messages("system")[0]
        assert f"user: {said[0]}\n" in done.stdout
        assert f"assistant: {ANSWER}\n" in done.stdout
