"""Make the picture of the live page that docs/serve.md shows.

    python tools/page_screenshot.py docs/figures/live-page.png

Runs `ser-stream serve` with the demo recordings, one after the other, as its source, and with
PocketSphinx, which knows their sentences. Chromium watches (Debian: chromium and chromium-driver;
selenium is in the extra `test`).
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[1]
N_TURNS = 4
SIZE = (1280, 830)
TIMEOUT_S = 120.0
SILENCE_S = 12.0
"""Before the first recording: speech recognition and the browser are loaded meanwhile."""
TURNS = "return document.querySelectorAll('#turns li .words').length"
WORDS = ("--asr", "pocketsphinx", "--grammar", "demo", "--text-model", "can-english")


def write_source(path: Path) -> None:
    """Write the demo recordings, twice, as one."""
    demo = sorted((ROOT / "ser_stream" / "demo").glob("*.flac"))
    recordings = [soundfile.read(file) for file in demo] * 2
    rate = recordings[0][1]
    silence = np.random.default_rng(0).normal(0, 1e-4, round(SILENCE_S * rate))
    soundfile.write(path, np.concatenate([silence, *(samples for samples, _ in recordings)]), rate)


@contextlib.contextmanager
def serving(model: str = "default") -> Iterator[str]:
    """Run the service with the demo recordings; yields the address of its page."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "recordings.wav"
        write_source(source)
        command = [sys.executable, "-m", "ser_stream.cli", "serve", "--model", model]
        command += ["--port", "0", "--source", str(source), *WORDS]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
            try:
                assert service.stderr is not None
                found = (re.search(r"http://\S+/", line) for line in service.stderr)
                yield f"{next(filter(None, found))[0]}?watch="
            finally:
                service.send_signal(signal.SIGINT)


@contextlib.contextmanager
def browser(width: int, height: int, still: bool) -> Iterator[Chrome]:
    """Run Chromium without a window.

    Args:
        width, height: of the page that is shown.
        still: bars move at once, so that none is caught on its way.
    """
    options = ChromeOptions()
    arguments = ["headless=new", "no-sandbox", "hide-scrollbars"]
    for argument in [*arguments, *(["force-prefers-reduced-motion"] if still else [])]:
        options.add_argument(f"--{argument}")
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield driver
    finally:
        driver.quit()


def main() -> None:
    """Serve, take the picture, and end the service."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, metavar="FILE")
    picture = parser.parse_args().picture
    with serving() as address, browser(*SIZE, still=True) as driver:
        driver.get(address)
        WebDriverWait(driver, TIMEOUT_S).until(lambda page: page.execute_script(TURNS) >= N_TURNS)
        driver.save_screenshot(str(picture))


if __name__ == "__main__":
    main()
