"""The addresses that answer over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from prometheus_client.parser import text_string_to_metric_families

from ser_stream.serving.access import Access
from service import HELLO, TIMEOUT_S, Client, running, samples_of

TOKEN = "a-token.of_24~characters"


def get(url, **headers):
    """Return status, headers and body of an answer."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def metrics_of(url):
    """Name and labels of each sample -> its value."""
    _, _, text = get(f"{url}/metrics")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_health_streams_and_metrics_follow_the_streams():
    with running() as url:
        status, headers, body = get(f"{url}/health")
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(body)["status"] == "ok"
        assert json.loads(body)["streams"] == 0
        with Client(url, HELLO | {"name": "kitchen"}) as client:
            client.until("ready")
            assert json.loads(get(f"{url}/health")[2])["streams"] == 1
            (found,) = json.loads(get(f"{url}/v1/streams")[2])["streams"]
            assert found["name"] == "kitchen" and found["viewers"] == 0
            assert found["status"]["speaking"] is False
            client.send_sound(samples_of(SPOKEN / "2-happy.flac"))
            client.send({"type": "finish"})
            client.end()
        with Client(url, "no hello") as client:
            client.end()
        metrics = metrics_of(url)
        given = client_estimates(url)
    assert given == []
    n_intervals = metrics["ser_stream_latency_seconds_count",]
    assert n_intervals >= 3
    assert metrics["ser_stream_streams",] == 0
    assert metrics["ser_stream_streams_opened_total",] == 1
    assert metrics["ser_stream_sound_seconds_total",] == pytest.approx(
        len(samples_of(SPOKEN / "2-happy.flac")) / 16_000, abs=0.01
    )
    assert metrics["ser_stream_windows_skipped_total",] == 0
    assert metrics["ser_stream_refused_total", "4400"] == 1
    assert "kitchen" not in str(metrics)


def client_estimates(url):
    """Names of the streams that are open."""
    return json.loads(get(f"{url}/v1/streams")[2])["streams"]


def test_without_the_token_only_health_is_answered():
    with running(access=Access(TOKEN)) as url:
        for path in ("/metrics", "/v1/streams"):
            status, _, body = get(url + path)
            assert status == 401 and "token: missing or wrong" in json.loads(body)["error"]
            assert get(url + path, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert get(f"{url}/health")[0] == 200
        assert get(f"{url}/v1/nothing")[0] == 404


def test_another_sites_name_for_this_machine_gets_nothing():
    with running() as url:
        for path in ("/health", "/metrics", "/v1/streams"):
            status, _, body = get(url + path, Host="evil.example")
            assert status == 403 and "host: found 'evil.example'" in json.loads(body)["error"]
