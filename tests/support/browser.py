"""Chromium without a window, driven by Selenium."""

from __future__ import annotations

import contextlib
import shutil
from importlib.util import find_spec

import pytest

TIMEOUT_S = 240.0
BINARIES = ("chromium", "chromium-browser", "google-chrome")


def missing():
    """Why no browser can be driven here; "" where one can."""
    if find_spec("selenium") is None:
        return "selenium is not installed"
    if not any(map(shutil.which, BINARIES)):
        return "no chromium; on Debian: apt install chromium chromium-driver"
    if not shutil.which("chromedriver"):
        return "no chromedriver; on Debian: apt install chromium-driver"
    return ""


@contextlib.contextmanager
def browser(microphone=None):
    """A browser; skips the test where there is none.

    Args:
        microphone: WAV file that its microphone hears once; None: it may not use one.
    """
    if reason := missing():
        pytest.skip(reason)
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BINARIES)))
    arguments = ["headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,1000"]
    if microphone is not None:
        arguments += ["use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"]
        arguments += [f"use-file-for-fake-audio-capture={microphone}%noloop"]
    for argument in arguments:
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = ChromeService(shutil.which("chromedriver"))
    driver = Chrome(options=options, service=service)
    driver.set_page_load_timeout(TIMEOUT_S)
    try:
        yield driver
    finally:
        driver.quit()


def eventually(driver, script, *arguments):
    """Return what a script returns once that is true."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, TIMEOUT_S, poll_frequency=0.5).until(
        lambda found: found.execute_script(script, *arguments)
    )


def text_of(driver, selector):
    """Return the text of the first element that a selector finds."""
    return driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)
