"""Make the picture of the live page in docs/serve.md: a real service, a real browser.

    python tools/page_screenshot.py docs/figures/page.png

Needs the extra `serve`, selenium, chromium and chromedriver. Recordings of the demo are streamed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import soundfile
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.support.wait import WebDriverWait
from websockets.sync.client import connect

RECORDINGS = Path(__file__).parents[1] / "ser_stream" / "demo"
TIMEOUT_S = 300.0
SETTLE_S = 2.0
"""Time for the last column of the picture of the sound."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--model", default="default", help="shipped model; default: default")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "ser_stream.cli", "serve", "--port", "0"]
    service = subprocess.Popen(
        [*command, "--model", arguments.model], stderr=subprocess.PIPE, text=True
    )
    try:
        take(url_of(service), arguments.picture)
    finally:
        service.terminate()
        service.wait()


def url_of(service: subprocess.Popen[str]) -> str:
    """Return where the service says that it is reached."""
    assert service.stderr is not None
    for line in service.stderr:
        if found := re.search(r" at (http://[^/]+)/ ", line):
            return found[1]
    raise SystemExit("the service did not start")


def take(url: str, picture: Path) -> None:
    """Stream the recordings while a browser watches, and write what it shows."""
    options = ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "window-size=1280,1040"):
        options.add_argument(f"--{argument}")
    stream = url.replace("http", "ws", 1) + "/v1/stream"
    with connect(stream, ping_interval=None) as service, Chrome(options=options) as browser:
        hello = {"type": "hello", "rate": 16_000, "name": "demo", "live": False}
        service.send(json.dumps(hello))
        browser.get(f"{url}/?watch=demo")
        wait(browser, "return document.querySelectorAll('.bar').length > 0")
        paths = sorted(RECORDINGS.glob("*.flac"))
        for path in paths:
            samples, _ = soundfile.read(path, dtype="int16")
            for start in range(0, len(samples), 1_600):
                service.send(samples[start : start + 1_600].tobytes())
        wait(browser, f"return document.querySelectorAll('#turns li').length >= {len(paths) - 1}")
        time.sleep(SETTLE_S)
        browser.save_screenshot(str(picture))


def wait(browser: Chrome, script: str) -> None:
    """Wait until a script returns true."""
    WebDriverWait(browser, TIMEOUT_S).until(lambda found: found.execute_script(script))


if __name__ == "__main__":
    main()
