"""What Home Assistant is told, compared with the keys that its documentation names."""

from __future__ import annotations

import json
import re

import pytest

from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.integrations.home_assistant import discovery, discovery_topic
from ser_stream.integrations.mqtt_topics import Topics

# https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
SHARED = {
    "availability", "availability_mode", "availability_template", "availability_topic",
    "command_topic", "encoding", "payload_available", "payload_not_available", "qos", "state_topic",
}  # fmt: skip
DEVICE = {
    "configuration_url", "connections", "hw_version", "identifiers", "manufacturer", "model",
    "model_id", "name", "serial_number", "suggested_area", "sw_version", "via_device",
}  # fmt: skip
ORIGIN = {"name", "sw_version", "support_url"}
ENTITY = {
    "device_class", "enabled_by_default", "entity_category", "entity_picture", "expire_after",
    "force_update", "icon", "json_attributes_template", "json_attributes_topic", "name",
    "platform", "state_topic", "unique_id", "value_template",
}  # fmt: skip
# https://www.home-assistant.io/integrations/sensor.mqtt/ and .../binary_sensor.mqtt/
PLATFORMS = {
    "sensor": ENTITY | {
        "last_reset_value_template", "options", "state_class", "suggested_display_precision",
        "unit_of_measurement",
    },
    "binary_sensor": ENTITY | {"off_delay", "payload_off", "payload_on"},
}  # fmt: skip

TOPICS = Topics("ser_stream/robot1")


@pytest.fixture
def description():
    found = discovery("robot1", TOPICS, BASIC_EMOTIONS, "default")
    return json.loads(json.dumps(found))


def test_all_keys_are_those_that_home_assistant_documents(description):
    own = {"device", "origin", "components"}
    assert own <= set(description) <= own | SHARED
    assert set(description["device"]) <= DEVICE
    assert set(description["origin"]) <= ORIGIN
    for content in description["components"].values():
        assert set(content) <= PLATFORMS[content["platform"]]


def test_what_home_assistant_requires_is_there(description):
    assert description["device"]["identifiers"] == ["robot1"]
    assert description["origin"]["name"] == "ser_stream"
    assert description["availability_topic"] == TOPICS.availability
    contents = description["components"].values()
    assert all(content["state_topic"].startswith("ser_stream/robot1/") for content in contents)
    ids = {content["unique_id"] for content in contents}
    assert len(ids) == len(contents)
    assert all(unique_id.startswith("robot1_") for unique_id in ids)


def test_an_emotion_is_one_of_the_labels(description):
    for name in ("emotion", "turn_emotion"):
        content = description["components"][name]
        assert (content["platform"], content["device_class"]) == ("sensor", "enum")
        assert content["options"] == list(BASIC_EMOTIONS)
        # Home Assistant accepts neither with device_class enum.
        assert not {"state_class", "unit_of_measurement"} & set(content)


def test_numbers_are_measurements(description):
    units = {}
    for name in ("confidence", "valence", "arousal"):
        content = description["components"][name]
        assert (content["platform"], content["state_class"]) == ("sensor", "measurement")
        units[name] = content.get("unit_of_measurement")
    assert units == {"confidence": "%", "valence": None, "arousal": None}
    speaking = description["components"]["speaking"]
    assert (speaking["platform"], speaking["payload_on"]) == ("binary_sensor", "ON")


def test_the_topic_is_one_that_home_assistant_reads():
    topic = discovery_topic("homeassistant", "ser_stream-robot1")
    assert re.fullmatch(r"homeassistant/device/[A-Za-z0-9_-]+/config", topic)
