"""Words of the service's streams."""

from __future__ import annotations

import contextlib

import pytest

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from browser import browser, eventually, text_of
from ser_stream.asr.base import AsrSettings
from ser_stream.serving.limits import Limits
from ser_stream.serving.words import WordRecognizers
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.word_recognition import WordRecognition
from service import HELLO, TIMEOUT_S, Client, running, same_estimates, samples_of

RECORDING = SPOKEN / "2-happy.flac"
"""One turn, and the silence behind it."""
FAKE = AsrSettings("fake_recognizers:FakeRecognizer")
ASKING = HELLO | {"status": True, "words": True}


@contextlib.contextmanager
def running_with_words(asr=FAKE, text_model="", most=1):
    settings = RecognizerSettings("tiny", asr=asr, text_model=text_model)
    words = WordRecognizers(lambda: WordRecognition(settings), most)
    # A busy machine opens a browser, and starts processes, slowly.
    with running(Limits(idle_s=10 * TIMEOUT_S), words=words) as url:
        yield url


def until_words_may_come(client):
    """Receive until speech recognition has been loaded: nobody waits for it."""
    assert client.until("ready")["words"]
    while not client.statuses or client.statuses[-1]["asr"]["state"] != "ready":
        client.receive_any()


def final_words(client):
    """Receive up to the words of a whole turn."""
    while not (found := client.until("speech"))["final"]:
        pass
    return found


def estimate_with_words(client):
    """Receive up to an estimate of a whole turn that has words."""
    for estimate in client.of("estimate"):
        if estimate["words"] and estimate["trigger"] == "utterance":
            return estimate
    client.until("estimate")
    return estimate_with_words(client)


def test_client_and_viewers_get_the_words_of_each_turn():
    with running_with_words() as url, Client(url, ASKING) as client:
        until_words_may_come(client)
        with Client(url, None, "/v1/watch") as viewer:
            assert viewer.until("ready")["words"]
            client.send_sound(samples_of(RECORDING))
            speech = final_words(client)
            assert speech["text"].startswith("w0 w1") and speech["language"] == "eo"
            assert [word["text"] for word in speech["words"]] == speech["text"].split()
            assert estimate_with_words(client)["words"] == speech["words"]
            client.send({"type": "finish"})
            assert client.end() == viewer.end() == 1000
    assert viewer.of("speech") == client.of("speech")


def test_the_page_shows_the_words_of_each_turn():
    with browser() as driver, running_with_words() as url, Client(url, ASKING) as client:
        until_words_may_come(client)
        driver.get(f"{url}/?watch=")
        eventually(driver, "return document.querySelectorAll('.bar').length > 0")
        client.send_sound(samples_of(RECORDING))
        said = final_words(client)["text"]
        eventually(
            driver,
            "return document.querySelector('#turns .words')?.textContent === arguments[0]",
            said,
        )
        assert text_of(driver, "#words") == said


def test_words_change_no_estimate_of_sound_alone():
    found = []
    with running_with_words() as url:
        for hello in (ASKING, HELLO):
            with Client(url, hello) as client:
                if hello is ASKING:
                    until_words_may_come(client)
                else:
                    assert not client.until("ready")["words"]
                client.send_sound(samples_of(RECORDING))
                client.send({"type": "finish"})
                assert client.end() == 1000
            # An estimate of a turn that waited in vain for its words is published again with them.
            estimates = client.of("estimate")
            whole = [each for each in estimates if each["trigger"] == "utterance"][:1]
            parts = [each for each in estimates if each["trigger"] == "interval"] + whole
            found.append([each | {"words": [], "decisive": True} for each in parts])
    same_estimates(*found)


def test_words_are_for_as_many_streams_as_there_are_recognisers():
    with (
        running_with_words(most=2) as url,
        Client(url, ASKING) as first,
        Client(url, ASKING) as second,
    ):
        assert first.until("ready")["words"] and second.until("ready")["words"]
        with Client(url, ASKING) as third:
            assert not third.until("ready")["words"]
        first.send({"type": "finish"})
        assert first.end() == 1000
        with Client(url, ASKING) as fourth:
            until_words_may_come(fourth)
            fourth.send_sound(samples_of(RECORDING))
            assert final_words(fourth)["text"].startswith("w0 w1")


def test_a_network_for_sound_and_words_gives_a_second_estimate(tiny_can):
    with running_with_words(text_model=tiny_can) as url, Client(url, ASKING) as client:
        until_words_may_come(client)
        client.send_sound(samples_of(RECORDING))
        while client.until("estimate")["modality"] != "audio+text":
            pass
        assert client.of("estimate")[-1]["words"][0]["text"] == "w0"


def test_a_service_without_a_recogniser_says_that_there_are_no_words():
    with running() as url, Client(url, ASKING) as client:
        assert client.until("ready")["words"] is False
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
    assert client.of("estimate") and not client.of("speech")
    assert client.statuses[-1]["asr"] is None
