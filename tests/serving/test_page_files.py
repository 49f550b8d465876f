"""The live page: its files, and what a real browser shows of a stream."""

from __future__ import annotations

import json
import re
import socket
import urllib.request

import pytest
import soundfile

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from browser import browser, eventually, text_of
from ser_stream.cli import main
from ser_stream.serving.limits import Limits
from ser_stream.serving.page_files import FOLDER, HEADERS, page_files
from ser_stream.serving.server import Address
from service import HELLO, TIMEOUT_S, Client, running, same_estimates, samples_of

CONNECTION = "document.querySelector('#connection')"
CONNECTED = "return document.querySelector('#connection').dataset.state === 'on'"
SHOWS_EMOTIONS = "return document.querySelectorAll('.bar').length > 0"
TURNS = "return document.querySelectorAll('#turns li').length >= arguments[0]"
RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""


def test_the_page_loads_nothing_from_elsewhere():
    for name, (content, _) in page_files().items():
        addresses = re.findall(r"""(?:https?:)?//[\w.]+\.\w+[^\s"']*""", content.decode())
        assert not [each for each in addresses if "www.w3.org/2000/svg" not in each], name


def test_every_file_that_the_page_names_is_served():
    served = page_files()
    for name, (content, _) in served.items():
        for found in re.findall(
            r"""["'(](?:\./)?([\w-]+\.(?:js|css|svg|html))["')]""", content.decode()
        ):
            assert found in served, f"{name} names {found}"
    assert {path.name for path in FOLDER.iterdir()} == set(served) - {""}


def test_the_page_is_sent_with_headers_that_forbid_everything_else():
    with running() as url:
        for name, kind in [
            ("", "text/html"),
            ("main.js", "text/javascript"),
            ("page.css", "text/css"),
        ]:
            with urllib.request.urlopen(f"{url}/{name}", timeout=TIMEOUT_S) as answer:
                assert answer.headers["content-type"].startswith(kind)
                for header, value in HEADERS.items():
                    assert answer.headers[header] == value
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


@pytest.fixture(scope="module")
def url():
    with running(Limits(idle_s=10 * TIMEOUT_S)) as url:  # a busy machine opens the page slowly
        yield url


@pytest.fixture(scope="module")
def driver():
    with browser() as found:
        yield found


def shown_turns(driver):
    """The turns that the page shows, the oldest first: emotion, and confidence or reason."""
    items = driver.execute_script(
        "return [...document.querySelectorAll('#turns li')].map((item) => item.textContent)"
    )
    return items[::-1]


def test_a_watched_stream_is_shown_as_listen_prints_it(driver, url, capfd):
    assert main(["listen", "--model", "tiny", "--json", "--input", str(RECORDING)]) == 0
    listened = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    with Client(url, HELLO | {"name": "kitchen 1"}) as client:
        client.until("ready")
        driver.get(f"{url}/?watch=kitchen%201")
        eventually(driver, CONNECTED)
        eventually(driver, SHOWS_EMOTIONS)
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
        eventually(driver, TURNS, 2)
        # Nothing is wrong: it says so calmly, and looks for the stream now and then.
        eventually(driver, f"return {CONNECTION}.textContent.startsWith('the stream has ended')")
        eventually(driver, f"return {CONNECTION}.dataset.state === 'off'")
    same_estimates(client.of("estimate"), listened)
    turns = [found for found in listened if found["trigger"] == "utterance"]
    for text, turn in zip(shown_turns(driver), turns, strict=True):
        assert text.startswith(turn["expression"] or "no emotion named")
        assert not turn["expression"] or f" {round(100 * turn['confidence'])} %" in text
    last = listened[-1]
    for label, score in last["scores"].items():
        selector = f".track[aria-label={label}]"
        value = driver.execute_script(
            "return document.querySelector(arguments[0]).getAttribute('aria-valuenow')", selector
        )
        assert abs(int(value) - 100 * score) <= 1
    plane = driver.execute_script("return document.querySelector('#plane').ariaLabel")
    assert f"valence {last['valence']:.2f}, arousal {last['arousal']:.2f}" in plane
    drawn = driver.execute_script(
        "const canvas = document.querySelector('#spectrum');"
        "const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        "return new Set(data).size"
    )
    assert drawn > 50  # many colours: sound was drawn
    problems = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert problems == []


def test_every_control_has_a_name_and_the_page_fits_a_phone(driver, url):
    driver.get(url)
    nameless = driver.execute_script(
        "return [...document.querySelectorAll('button, select, input, canvas, [role=meter]')]"
        ".filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length))"
        ".map((each) => each.outerHTML)"
    )
    assert nameless == []
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    width = driver.execute_script("return document.documentElement.scrollWidth")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 360


def test_keys_pause_the_page_and_the_stream_goes_on(driver, url):
    with Client(url, HELLO | {"name": "paused"}) as client:
        client.until("ready")
        driver.get(f"{url}/?watch=paused")
        eventually(driver, SHOWS_EMOTIONS)
        press = "dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true }))"
        driver.execute_script(f"document.body.{press}", "p")
        assert text_of(driver, "#pause") == "Continue"
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
        assert shown_turns(driver) == []
        assert client.of("estimate")
        driver.execute_script(f"document.body.{press}", "p")
        assert text_of(driver, "#pause") == "Pause"


def test_the_page_comes_back_when_the_service_does(driver):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for attempt in range(2):
        hello = HELLO | {"name": "again"}
        limits = Limits(idle_s=10 * TIMEOUT_S)
        with running(limits, address=Address(port=port)) as url, Client(url, hello) as client:
            client.until("ready")
            if attempt == 0:
                driver.get(f"{url}/?watch=again")
            eventually(driver, CONNECTED)
        eventually(driver, f"return {CONNECTION}.dataset.state === 'bad'")


def test_the_microphone_of_the_browser_from_end_to_end(url, tmp_path):
    """Chromium plays a WAV file as its microphone."""
    path = tmp_path / "microphone.wav"
    soundfile.write(path, samples_of(RECORDING), 16_000, subtype="PCM_16")
    with browser(microphone=path) as driver:
        driver.get(url)
        driver.execute_script("document.querySelector('#start').click()")
        eventually(driver, TURNS, 1)
        assert text_of(driver, "#problem") == ""
        driver.execute_script("document.querySelector('#start').click()")
        assert text_of(driver, "#start") == "Start"
