"""Make the picture of the live page that docs/serve.md shows.

    python tools/page_screenshot.py docs/figures/live-page.png

Runs `ser-stream serve` with the demo recordings, one after the other, as its source, and lets
Chromium watch them (Debian: chromium and chromium-driver; selenium is in the extra `test`).
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[1]
N_TURNS = 4
SIZE = (1280, 960)
TIMEOUT_S = 120.0
TURNS = "return document.querySelectorAll('#turns li').length"


def write_source(path: Path) -> None:
    """Write the demo recordings, twice, as one."""
    demo = sorted((ROOT / "ser_stream" / "demo").glob("*.flac"))
    recordings = [soundfile.read(file) for file in demo] * 2
    soundfile.write(path, np.concatenate([samples for samples, _ in recordings]), recordings[0][1])


def browser() -> Chrome:
    """Return Chromium without a window. Bars move at once: none is caught on its way."""
    options = ChromeOptions()
    width, height = SIZE
    for argument in (
        "headless=new", "no-sandbox", f"window-size={width},{height}",
        "force-prefers-reduced-motion",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    return Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))


def take(address: str, picture: Path) -> None:
    """Write what the page shows of the only stream after `N_TURNS` turns."""
    driver = browser()
    try:
        driver.get(f"{address}?watch=")
        WebDriverWait(driver, TIMEOUT_S).until(lambda page: page.execute_script(TURNS) >= N_TURNS)
        driver.save_screenshot(str(picture))
    finally:
        driver.quit()


def main() -> None:
    """Serve, take the picture, and end the service."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, metavar="FILE")
    picture = parser.parse_args().picture
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "recordings.wav"
        write_source(source)
        command = [sys.executable, "-m", "ser_stream.cli", "serve", "--model", "small"]
        command += ["--port", "0", "--source", str(source)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
            try:
                assert service.stderr is not None
                found = (re.search(r"http://\S+/", line) for line in service.stderr)
                take(next(filter(None, found))[0], picture)
            finally:
                service.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
