"""Messages, and the description of them for programs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import yaml

from estimates import estimate as make_estimate
from paths import ROOT
from ser_stream.errors import InputError
from ser_stream.serving import protocol
from ser_stream.serving.protocol import MESSAGES, Hello, Options, RefusedError, parse
from ser_stream.stream.settings import CHANGEABLE

ASYNCAPI = yaml.safe_load((ROOT / "docs" / "serve.asyncapi.yaml").read_text(encoding="utf-8"))
DESCRIBED = ASYNCAPI["components"]["messages"]


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_description_has_the_keys_of_each_message(kind):
    fields = {field.name for field in dataclasses.fields(MESSAGES[kind])}
    payload = DESCRIBED[kind]["payload"]
    assert set(payload["properties"]) == fields | {"type"}
    for name in set(payload["required"]) - {"type"}:
        minimal = {key: None for key in payload["required"] if key != name} | {"type": kind}
        with pytest.raises(InputError, match=f"settings missing: {name}|{name}"):
            parse(json.dumps(minimal))


def test_the_description_has_the_defaults_of_hello():
    properties = DESCRIBED["hello"]["payload"]["properties"]
    hello = Hello(16_000)
    for name in ("channels", "format", "name", "live", "status"):
        assert getattr(hello, name) == properties[name]["default"]
    assert properties["format"]["enum"] == list(protocol.FORMATS)


def test_options_are_what_may_be_changed_and_the_channel():
    names = {field.name for field in dataclasses.fields(Options)}
    assert names == {*CHANGEABLE, "channel"}
    assert set(ASYNCAPI["components"]["schemas"]["Settings"]["properties"]) == names


def test_a_hello_is_read_with_its_options():
    text = '{"type": "hello", "rate": 8000, "options": {"hop_s": 1, "channel": 2}}'
    hello = parse(text)
    assert hello == Hello(8_000, options=Options(hop_s=1, channel=2))
    assert hello.options.given() == {"hop_s": 1, "channel": 2}


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("u8", b"\x80\xff", [[128], [255]]),
        ("s16le", b"\x01\x00\xff\xff", [[1], [-1]]),
        ("s32le", b"\x00\x00\x01\x00", [[65_536]]),
        ("f32le", np.float32(0.25).tobytes(), [[0.25]]),
    ],
)
def test_samples_of_each_format(kind, content, expected):
    assert Hello(16_000, format=kind).samples(content).tolist() == expected


def test_samples_of_several_channels_are_interleaved():
    found = Hello(16_000, channels=2).samples(np.array([1, 2, 3, 4], "<i2").tobytes())
    assert found.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match="a message of 6 bytes; accepted are multiples of 4"):
        Hello(16_000, channels=2).samples(bytes(6))


def test_an_estimate_has_the_keys_of_the_json_behind_its_type():
    estimate = make_estimate()
    found = json.loads(protocol.estimate(estimate))
    assert found.pop("type") == "estimate"
    assert list(found.items()) == list(json.loads(estimate.to_json()).items())


def test_a_reason_of_an_end_is_cut_at_whole_characters():
    refusal = RefusedError(4400, "ä" * 100)
    assert len(refusal.short_reason.encode()) <= 123
    assert refusal.short_reason == "ä" * 60 + "..."
    assert RefusedError(4400, "short").short_reason == "short"
