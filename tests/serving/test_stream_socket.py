"""`/v1/stream` over real sockets: uvicorn in this process, the client of the package websockets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from command import estimates, run
from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from ser_stream.serving.limits import Limits
from service import HELLO, Client, running, same_estimates, samples_of

RECORDING = SPOKEN / "3-sad.flac"
"""Two turns."""


@pytest.fixture(scope="module")
def url():
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def listened():
    """What `ser-stream listen --json` prints for the recording."""
    code, out, err = run("listen", "--model", "tiny", "--input", RECORDING, "--json")
    assert code == 0, err
    return estimates(out)


def test_estimates_are_those_of_listen(url, listened):
    with Client(url) as client:
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
    same_estimates(client.of("estimate"), listened)
    assert client.messages[0]["type"] == "ready"
    assert client.messages[-1]["type"] == "finished"
    assert client.messages[-1]["skipped"] == 0
    assert client.messages[-1]["windows"] == len(listened)


@pytest.mark.parametrize(
    ("kind", "numpy_kind", "scale"),
    [("s32le", "<i4", 2.0**31), ("f32le", "<f4", 1.0), ("s16le", "<i2", 2.0**15)],
)
def test_each_format_and_several_channels_give_the_same_estimates(
    url, listened, kind, numpy_kind, scale
):
    samples = samples_of(RECORDING)
    stereo = (np.stack([samples, samples], axis=1) * scale).astype(numpy_kind)
    with Client(url, HELLO | {"format": kind, "channels": 2}) as client:
        for block in np.array_split(stereo, 37):
            client.send(block.tobytes())
        client.send({"type": "finish"})
        assert client.end() == 1000
    same_estimates(client.of("estimate"), listened)


def test_streams_side_by_side_have_the_estimates_of_each_alone(url, listened):
    samples = samples_of(RECORDING)
    clients = [Client(url, HELLO | {"name": f"robot {number}"}) for number in range(3)]
    for block in np.array_split(samples, 50):
        for client in clients:
            client.send_sound(block)
    for client in clients:
        client.send({"type": "finish"})
        assert client.end() == 1000
        same_estimates(client.of("estimate"), listened)


def test_speaking_is_told_around_the_estimates_of_a_turn(url):
    with Client(url) as client:
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        client.end()
    events = [
        message["speaking"] if message["type"] == "speaking" else message["trigger"]
        for message in client.messages
        if message["type"] in ("speaking", "estimate")
    ]
    turns = [event for event in events if event != "interval"]
    assert turns == [True, False, "utterance", True, False, "utterance"]
    assert events[0] is True


def test_the_answer_to_hello_describes_stream_and_model(url):
    with Client(url, HELLO | {"name": "kitchen", "options": {"hop_s": 1.0}}) as client:
        ready = client.until("ready")
    assert ready["stream"] == "kitchen"
    assert ready["model"] == "tiny"
    assert "happy" in ready["labels"]
    assert ready["settings"]["hop_s"] == 1.0
    assert ready["valence_arousal"] == "model"


def test_the_service_chooses_names_for_streams_without_one(url):
    with Client(url) as one, Client(url) as other:
        names = {client.until("ready")["stream"] for client in (one, other)}
    assert len(names) == 2


def test_options_and_changes_apply_to_one_stream_alone(url):
    sure, other = Client(url, HELLO | {"options": {"min_confidence": 1.0}}), Client(url)
    changing = Client(url)
    changing.send({"type": "change", "settings": {"min_confidence": 1.0}})
    assert changing.until("changed")["settings"]["min_confidence"] == 1.0
    reasons = []
    for client in (sure, changing, other):
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
        reasons.append({found["reason"] for found in client.of("estimate")})
    assert reasons[0] == reasons[1] == {"unsure"}
    assert "" in reasons[2]


def test_a_change_that_is_not_accepted_is_refused_and_the_stream_goes_on(url, listened):
    with Client(url) as client:
        client.send({"type": "change", "settings": {"hop_s": 0.123}})
        assert "hop: found 0.123 s; this model takes" in client.until("refused")["message"]
        client.send({"type": "change", "settings": {"model": 1.0}})
        assert "accepted are window_s, hop_s" in client.until("refused")["message"]
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
    same_estimates(client.of("estimate"), listened)


def test_nothing_is_recognised_while_the_robot_speaks(url):
    with Client(url) as client:
        client.send({"type": "mute", "muted": True})
        assert client.until("muted")["muted"] is True
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        assert client.end() == 1000
    assert client.of("estimate") == [] and client.of("speaking") == []
    assert client.messages[-1]["muted"] is True


def test_status_is_sent_to_clients_that_ask_for_it(url):
    with Client(url, HELLO | {"status": True}) as client:
        client.send_sound(samples_of(RECORDING))
        client.send({"type": "finish"})
        client.end()
    assert client.statuses
    assert client.statuses[-1]["position_s"] == pytest.approx(7.8, abs=0.5)


BAD_HELLOS = {
    "no JSON": ("hello", "message: not JSON"),
    "no object": ("[1]", "found the type [1]"),
    "no type": ({"rate": 16_000}, "found the type None"),
    "another message": ({"type": "mute", "muted": True}, "accepted is a hello first"),
    "binary": (b"\0\0", "accepted is a hello in JSON first"),
    "no rate": ({"type": "hello"}, "settings missing: rate"),
    "rate": ({"type": "hello", "rate": 1_000}, "rate: found 1000; accepted"),
    "rate as text": ({"type": "hello", "rate": "16000"}, "rate: found '16000'"),
    "channels": (HELLO | {"channels": 33}, "channels: found 33"),
    "format": (HELLO | {"format": "mp3"}, "format: found 'mp3'"),
    "name": (HELLO | {"name": "a\n"}, "name: found"),
    "unknown key": (HELLO | {"volume": 3}, "unknown setting volume"),
    "option": (HELLO | {"options": {"hop_s": 0.123}}, "hop: found 0.123 s"),
    "channel": (HELLO | {"options": {"channel": "left"}}, "channel: found 'left'"),
    "unknown option": (HELLO | {"options": {"hop": 1}}, "unknown setting hop"),
    "deep": ("[" * 10_000, "not JSON"),
    "long": (" " * 20_000, "a text of 20000 characters"),
}


@pytest.mark.parametrize("hello", BAD_HELLOS)
def test_a_hello_that_is_not_accepted_ends_the_connection_with_its_reason(url, hello):
    message, reason = BAD_HELLOS[hello]
    with Client(url, message) as client:
        assert client.end() == 4400
    (error,) = client.of("error")
    assert error["code"] == 4400
    assert reason in error["message"]
    assert "\n" not in error["message"]
    assert client.reason and error["message"].startswith(client.reason.removesuffix("..."))


def test_bad_messages_end_their_stream_alone(url, listened):
    good = Client(url)
    samples = samples_of(RECORDING)
    good.send_sound(samples[:40_000])
    bad = {
        "odd bytes": (b"\0\0\0", 4400, "a message of 3 bytes; accepted are multiples of 2"),
        "second hello": (HELLO, 4400, "found a second one"),
        "no JSON": ("{", 4400, "message: not JSON"),
        "mute": ({"type": "mute", "muted": "yes"}, 4400, "muted: found 'yes'"),
        "oversized": (bytes(300_000), 1009, ""),
    }
    for message, code, reason in bad.values():
        with Client(url) as client:
            client.until("ready")
            client.send(message)
            assert client.end() == code
            assert reason in json.dumps(client.of("error"))
    good.send_sound(samples[40_000:])
    good.send({"type": "finish"})
    assert good.end() == 1000
    same_estimates(good.of("estimate"), listened)


def test_a_name_that_is_in_use_is_refused_until_its_stream_ends(url):
    with Client(url, HELLO | {"name": "one"}) as first:
        first.until("ready")
        with Client(url, HELLO | {"name": "one"}) as second:
            assert second.end() == 4409
        first.send({"type": "finish"})
        assert first.end() == 1000
    with Client(url, HELLO | {"name": "one"}) as third:
        assert third.until("ready")


def test_live_sound_that_comes_much_faster_than_real_time_is_refused(url):
    with Client(url, HELLO | {"live": True}) as client:
        client.send_sound(np.zeros(25 * 16_000), length=16_000)
        assert client.end() == 4429
    assert "say hello with live: false" in client.of("error")[0]["message"]


def test_too_many_text_messages_end_the_connection(url):
    with Client(url) as client:
        for _ in range(100):
            client.send({"type": "mute", "muted": False})
        assert client.end() == 4429


def test_a_client_that_goes_without_finish_frees_its_name(url):
    with Client(url, HELLO | {"name": "leaving"}) as client:
        client.until("ready")
        client.send_sound(samples_of(RECORDING))
    for _ in range(100):
        with Client(url, HELLO | {"name": "leaving"}) as again:
            if again.receive()["type"] == "ready":
                return
    raise AssertionError("the name is still in use")


def test_limits_of_streams_and_of_time():
    limits = Limits(max_streams=1, hello_s=0.5, idle_s=2.0)
    with running(limits) as url, Client(url, HELLO | {"name": "idle"}) as first:
        assert first.until("ready")
        with Client(url) as second:
            assert second.end() == 1013
            assert "1 streams are open, and this service accepts 1" in second.reason
        with Client(url, hello=None) as silent:
            assert silent.end() == 4408
            assert silent.reason == "hello: none within 0.5 s"
        first.send_sound(samples_of(RECORDING)[:32_000])
        assert first.end() == 4408
        assert first.of("error")[0]["message"] == "idle: no message for 2 s"
        # Its last turn has been delivered nevertheless.
        assert first.of("estimate")[-1]["trigger"] == "utterance"
        with Client(url) as later:
            assert later.until("ready")


def test_the_end_of_the_service_delivers_the_last_turn(listened):
    with running() as url:
        client = Client(url)
        client.send_sound(samples_of(RECORDING)[: 6 * 16_000])
        client.until("estimate")
    assert client.end() == 1001
    assert client.of("estimate")[-1]["trigger"] == "utterance"
