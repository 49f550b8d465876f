"""`ser-stream listen --page`."""

from __future__ import annotations

import os
import re
import signal
import urllib.request

import pytest

from command import run, start

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from service import TIMEOUT_S, Client

WITHOUT_DISPLAY = {
    name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")
}


def test_the_page_of_a_microphone_is_served_although_the_microphone_is_missing():
    options = ("--page", "--model", "tiny", "--device", "no such microphone")
    process = start("listen", *options, env=WITHOUT_DISPLAY)
    for line in process.stderr:
        if found := re.search(r"the page is (http://127\.0\.0\.1:\d+)/\?watch=microphone;", line):
            break
    try:
        with urllib.request.urlopen(f"{found[1]}/", timeout=TIMEOUT_S) as answer:
            assert b"<title>ser_stream" in answer.read()
        with Client(found[1], None, "/v1/watch?stream=microphone") as viewer:
            assert viewer.until("ready")["stream"] == "microphone"
            while not viewer.statuses or not viewer.statuses[-1]["source"]:
                viewer.receive_any()  # why there is no sound
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0


@pytest.mark.parametrize("option", [["--json"], ["--input", "a.wav"], ["--record", "x"], ["--dds"]])
def test_options_that_do_not_go_with_the_page_are_one_line(option):
    code, out, err = run("listen", "--page", *option)
    assert (code, out) == (2, "")
    assert err.startswith(f"ser-stream: error: --page: does not go with {option[0]}; the page ")
    assert len(err.splitlines()) == 1
