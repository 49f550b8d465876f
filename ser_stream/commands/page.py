"""The live page of `ser-stream listen --page`, and the browser that shows it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ser_stream.child_environment import without_secrets
from ser_stream.commands.shared import print_message
from ser_stream.errors import InputError
from ser_stream.extras import require_extra
from ser_stream.text import valid_text

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.serving.access import Access
    from ser_stream.serving.listen_page import ListenPage
    from ser_stream.stream.recognizer import Recognizer

MICROPHONE = "microphone"


def check_page(arguments: argparse.Namespace) -> None:
    """Check that the source can be shown.

    Raises:
        InputError: it is more than one recording, or one that is read faster than sound.
    """
    if arguments.page and arguments.input and (len(arguments.input) > 1 or not arguments.realtime):
        raise InputError(
            "--page: goes with a microphone, or with one recording and --realtime, which would be "
            "over at once otherwise"
        )


def page_access() -> Access:
    """Return who may see the page.

    Raises:
        InputError: a package is missing, or the token in the environment cannot be used.
    """
    require_extra("--page", "starlette", "uvicorn", "websockets", "prometheus_client")
    from ser_stream.serving.access import Access, read_token

    return Access(read_token(None))


def open_page(arguments: argparse.Namespace, recognizer: Recognizer, access: Access) -> ListenPage:
    """Serve the page, say where, and open it in a browser where there is one."""
    from ser_stream.serving.listen_page import ListenPage

    name = valid_text(arguments.input[0].name) if arguments.input else MICROPHONE
    page = ListenPage(recognizer, name, arguments.channel, access)
    opened = has_browser() and open_browser(page.url)
    what = "live page" if opened else "live page, to be opened in a browser"
    print_message(f"{what}: {page.url}")
    return page


def has_browser(environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Whether a window can be opened before the eyes of whoever started the program."""
    if any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    if system in ("darwin", "win32"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def open_browser(url: str) -> bool:
    """Begin to open a page in the user's browser; return whether that was possible.

    A process of its own does so: it may take seconds, and browsers print what is not ours.
    """
    command = [sys.executable, "-m", "webbrowser", url]
    nothing = subprocess.DEVNULL
    try:
        subprocess.Popen(
            command,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            env=without_secrets(),
            start_new_session=True,
        )
    except OSError:
        return False
    return True
