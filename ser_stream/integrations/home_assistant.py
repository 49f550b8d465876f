"""What Home Assistant is told of the device and its sensors, so that it finds them by itself.

One message describes the device with all of its sensors, as "device discovery" of
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (2024.11 and newer).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ser_stream import __version__
from ser_stream.integrations.mqtt_topics import OFF, OFFLINE, ON, ONLINE, PROGRAM, Topics

DEFAULT_PREFIX = "homeassistant"
"""Home Assistant's own default of where it looks."""


def discovery_topic(prefix: str, client_id: str) -> str:
    """Return the topic of the description of a device."""
    return f"{prefix}/device/{client_id}/config"


def status_topic(prefix: str) -> str:
    """Return the topic on which Home Assistant says that it has started."""
    return f"{prefix}/status"


def discovery(client_id: str, topics: Topics, labels: Sequence[str], model: str) -> dict[str, Any]:
    """Return the description of the device.

    Args:
        client_id: of the program that publishes; the device's name and the ids of its sensors.
        labels: every emotion that may be named.
        model: name of the model.
    """
    emotion = {
        "platform": "sensor",
        "device_class": "enum",
        "options": list(labels),
        "value_template": "{{ value_json.emotion }}",
    }
    number = {
        "platform": "sensor",
        "state_class": "measurement",
        "state_topic": topics.emotion,
    }
    affect = {**number, "suggested_display_precision": 2}
    components: dict[str, dict[str, Any]] = {
        "emotion": {
            **emotion,
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "state_topic": topics.emotion,
        },
        "turn_emotion": {
            **emotion,
            "name": "Turn emotion",
            "icon": "mdi:account-voice",
            "state_topic": topics.turn_emotion,
        },
        "confidence": {
            **number,
            "name": "Confidence",
            "icon": "mdi:percent-outline",
            "unit_of_measurement": "%",
            "suggested_display_precision": 0,
            "value_template": "{{ value_json.confidence }}",
        },
        "valence": {
            **affect,
            "name": "Valence",
            "icon": "mdi:arrow-left-right",
            "value_template": "{{ value_json.valence }}",
        },
        "arousal": {
            **affect,
            "name": "Arousal",
            "icon": "mdi:arrow-up-down",
            "value_template": "{{ value_json.arousal }}",
        },
        "speaking": {
            "platform": "binary_sensor",
            "device_class": "sound",
            "name": "Speaking",
            "state_topic": topics.speaking,
            "payload_on": ON,
            "payload_off": OFF,
        },
    }
    return {
        "device": {
            "identifiers": [client_id],
            "name": client_id,
            "manufacturer": PROGRAM,
            "model": model,
            "sw_version": __version__,
        },
        "origin": {"name": PROGRAM, "sw_version": __version__},
        "components": {
            name: {**content, "unique_id": f"{client_id}_{name}"}
            for name, content in components.items()
        },
        "availability_topic": topics.availability,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "qos": 1,
    }
