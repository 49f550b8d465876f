"""The live page, checked by axe-core for people with disabilities, as a real browser shows it."""

from __future__ import annotations

import pytest
import soundfile

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from axe import check_page, require_axe
from browser import browser, eventually, text_of
from ser_stream.serving.access import Access
from ser_stream.serving.limits import Limits
from service import HELLO, TIMEOUT_S, Client, running, samples_of

require_axe()

RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""
TURNS = "return document.querySelectorAll('#turns li').length >= arguments[0]"
LISTENS = "return document.querySelector('#connection').dataset.state === 'on'"
FAILED = "return !document.querySelector('#problem').hidden"
WAITS = "return /waiting for it/.test(document.querySelector('#connection').textContent)"


@pytest.fixture(scope="module")
def url():
    with running(Limits(idle_s=10 * TIMEOUT_S)) as url:  # a busy machine opens the page slowly
        yield url


@pytest.fixture(scope="module")
def driver():
    with browser() as found:
        yield found


def test_no_violations_before_anything_is_heard(driver, url):
    driver.get(url)
    check_page(driver)


def test_no_violations_while_a_stream_is_watched(driver, url):
    with Client(url, HELLO | {"name": "watched"}) as client:
        client.until("ready")
        driver.get(f"{url}/?watch=watched")
        eventually(driver, LISTENS)
        client.send_sound(samples_of(RECORDING))
        eventually(driver, TURNS, 1)
        check_page(driver)
        client.send({"type": "finish"})
        assert client.end() == 1000
    eventually(driver, WAITS)  # for a stream of that name
    check_page(driver, "light", "dark, phone")


def test_no_violations_while_the_microphone_is_heard_and_paused(url, tmp_path):
    path = tmp_path / "microphone.wav"
    soundfile.write(path, samples_of(RECORDING), 16_000, subtype="PCM_16")
    with browser(microphone=path) as driver:
        driver.get(url)
        driver.execute_script("document.querySelector('#start').click()")
        eventually(driver, "return !document.querySelector('#pause').disabled")
        driver.execute_script("document.querySelector('#pause').click()")
        assert text_of(driver, "#pause") == "Continue"
        check_page(driver, "light", "dark, phone")
        driver.execute_script("document.querySelector('#pause').click()")
        check_page(driver)


def test_no_violations_where_a_token_is_asked_for_and_a_reason_is_shown(driver):
    with running(access=Access("a-token.of_24~characters")) as url:
        driver.get(f"{url}/?watch=")
        eventually(driver, FAILED)
        assert driver.execute_script("return document.activeElement.id") == "token"
        check_page(driver)
