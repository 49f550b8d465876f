"""The live page for the microphone of `ser-stream listen --page`."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from ser_stream.commands.serve import MICROPHONE, opened, require_serve
from ser_stream.commands.shared import print_message
from ser_stream.errors import InputError

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.stream.settings import RecognizerSettings

WITHOUT = ("input", "json", "record", "dds")
"""Options that do not go with --page."""


def check_page(arguments: argparse.Namespace) -> None:
    """Check that the other options go with --page.

    Raises:
        InputError: one does not, or the packages of the service are missing.
    """
    for name in WITHOUT:
        if getattr(arguments, name):
            raise InputError(
                f"--page: does not go with --{name}; the page shows a microphone, and ser-stream "
                "serve --source FILE a recording"
            )
    require_serve("--page")


def show_page(arguments: argparse.Namespace, settings: RecognizerSettings) -> int:
    """Serve the microphone on this machine alone, and open the page; return the exit code.

    Raises:
        InputError: see `opened`.
    """
    from ser_stream.audio.microphone import Microphone
    from ser_stream.serving.access import Access
    from ser_stream.serving.limits import Limits
    from ser_stream.serving.local_source import LocalSource
    from ser_stream.serving.server import Address

    microphone = Microphone(arguments.device, arguments.channel, wait=True)
    local = LocalSource(microphone, MICROPHONE, arguments.channel)
    with opened(settings, Address(port=0), Access(), Limits(), local) as (_, server):
        url = f"{server.url}/?watch={MICROPHONE}"
        print_message(f"the page is {url}; Ctrl-C ends")
        if _has_display():
            # Some browsers return only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with arguments.termination.calling(server.stop):
            return 0 if server.run() else 1


def _has_display() -> bool:
    """Return whether a browser has a place of its own: one in the terminal would be in the way."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
