"""The browser that `ser-stream listen --page` opens, and what goes together with it."""

from __future__ import annotations

import os
import re

import pytest

from command import run
from paths import SPOKEN
from ser_stream.commands.page import has_browser

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

RECORDING = SPOKEN / "2-happy.flac"
LISTEN = ("listen", "--model", "tiny", "--json")
WITHOUT = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "BROWSER")


def environment(**more):
    return {name: text for name, text in os.environ.items() if name not in WITHOUT} | more


@pytest.mark.parametrize(
    ("found", "system", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "1 2 3 4"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_TTY": "/dev/ttys001"}, "darwin", False),
    ],
)
def test_a_browser_is_opened_only_before_the_eyes_of_the_user(found, system, expected):
    assert has_browser(found, system) is expected


def test_the_browser_of_the_user_is_opened_and_what_it_prints_is_not_ours(tmp_path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho noise; echo noise >&2\necho "$1" >{opened}\n')
    browser.chmod(0o755)
    env = environment(DISPLAY=":99", BROWSER=str(browser))
    code, out, err = run(*LISTEN, "--page", "--realtime", "--input", RECORDING, env=env)
    assert code == 0
    (url,) = re.findall(r"live page: (\S+)\n", err)
    assert "noise" not in out + err
    assert opened.read_text().strip() == url


def test_without_a_display_the_address_is_printed_alone():
    code, out, err = run(*LISTEN, "--page", "--realtime", "--input", RECORDING, env=environment())
    assert code == 0 and out
    assert re.search(
        r"live page, to be opened in a browser: http://127.0.0.1:\d+/\?watch=2-happy.flac\n", err
    )


@pytest.mark.parametrize(
    "arguments", [("--input", RECORDING), ("--realtime", "--input", RECORDING, RECORDING)]
)
def test_recordings_that_would_be_over_at_once_are_refused(arguments):
    code, out, err = run(*LISTEN, "--page", *arguments)
    assert (code, out) == (2, "")
    assert "--page: goes with a microphone, or with one recording and --realtime" in err
