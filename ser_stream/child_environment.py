"""The environment of programs that are started for the user, such as a command or a browser."""

from __future__ import annotations

import os
from collections.abc import Mapping

TOKEN_VARIABLE = "SER_STREAM_TOKEN"
"""Holds what clients of the service must know."""
MQTT_PASSWORD_VARIABLE = "SER_STREAM_MQTT_PASSWORD"
"""Holds the password for the MQTT broker."""
SECRETS = (TOKEN_VARIABLE, MQTT_PASSWORD_VARIABLE)


def without_secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without the secrets of this program."""
    return {name: value for name, value in environment.items() if name not in SECRETS}
