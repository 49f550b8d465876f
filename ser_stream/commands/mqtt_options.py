"""The options of `ser-stream listen` for an MQTT broker."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.child_environment import MQTT_PASSWORD_VARIABLE
from ser_stream.commands.shared import print_message
from ser_stream.errors import InputError, shown
from ser_stream.extras import require_extra

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.integrations.mqtt import Broker, MqttPublisher, Publication
    from ser_stream.stream.recognizer import Recognizer

MAX_PASSWORD_FILE = 4096
PORT, TLS_PORT = 1883, 8883
NO_DISCOVERY = "none"
OPTIONS = (
    "mqtt_user", "mqtt_password_file", "mqtt_tls", "mqtt_ca_file", "mqtt_client_id", "mqtt_prefix",
    "mqtt_discovery", "mqtt_words",
)  # fmt: skip

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/@\[\]]+))(?::(?P<port>\d{1,5}))?"
)


def add_mqtt(listen: argparse.ArgumentParser) -> None:
    """Add all options."""
    listen.add_argument(
        "--mqtt",
        metavar="HOST[:PORT]",
        help="also publish to this MQTT broker, with sensors for Home Assistant; docs/mqtt.md",
    )
    listen.add_argument("--mqtt-user", metavar="NAME", help="with --mqtt: name of the user")
    listen.add_argument(
        "--mqtt-password-file",
        type=Path,
        metavar="FILE",
        help="with --mqtt-user: file with the password; default: the environment variable "
        f"{MQTT_PASSWORD_VARIABLE}",
    )
    listen.add_argument(
        "--mqtt-tls",
        action="store_true",
        default=None,
        help="with --mqtt: encrypt, and check the broker's certificate; the port is then "
        f"{TLS_PORT} by default",
    )
    listen.add_argument(
        "--mqtt-ca-file",
        type=Path,
        metavar="FILE",
        help="the same, with the certificate of the authority to trust (PEM) instead of the "
        "system's",
    )
    listen.add_argument(
        "--mqtt-client-id",
        metavar="ID",
        help="with --mqtt: name of this client, and of the device in Home Assistant; default: "
        "ser_stream- and the name of this machine",
    )
    listen.add_argument(
        "--mqtt-prefix",
        metavar="TOPIC",
        help="with --mqtt: what the topics begin with; default: ser_stream/ and that name",
    )
    listen.add_argument(
        "--mqtt-discovery",
        metavar="TOPIC|none",
        help="with --mqtt: where Home Assistant looks for devices, or none; default: homeassistant",
    )
    listen.add_argument(
        "--mqtt-words",
        action="store_true",
        default=None,
        help="with --mqtt and --asr: publish what is said, too; default: words stay here",
    )


def check_mqtt(arguments: argparse.Namespace) -> None:
    """Check that the options go together.

    Raises:
        InputError: one goes with another that is missing.
    """
    for name in OPTIONS:
        if arguments.mqtt is None and getattr(arguments, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: goes with --mqtt HOST")
    if arguments.mqtt_password_file is not None and not arguments.mqtt_user:
        raise InputError("--mqtt-password-file: goes with --mqtt-user NAME")
    if arguments.mqtt_words and not arguments.asr:
        raise InputError("--mqtt-words: goes with --asr, which recognises words")


def broker_of(arguments: argparse.Namespace) -> Broker:
    """Return the broker that the options describe.

    Raises:
        InputError: the address or the password cannot be used.
    """
    require_extra("--mqtt", "paho")
    from ser_stream.integrations.mqtt import Broker

    tls = bool(arguments.mqtt_tls) or arguments.mqtt_ca_file is not None
    found = _ADDRESS.fullmatch(arguments.mqtt)
    port = int((found and found["port"]) or (TLS_PORT if tls else PORT))
    if found is None or not 1 <= port <= 65_535:
        raise InputError(
            f"--mqtt: found {shown(arguments.mqtt)}; accepted are a name or address and, where it "
            f"is not {PORT} ({TLS_PORT} with TLS), a port: broker.local:1884, [::1]:1883"
        )
    user = arguments.mqtt_user or ""
    password = read_password(arguments.mqtt_password_file) if user else None
    return Broker(found["ipv6"] or found["name"], port, user, password, tls, arguments.mqtt_ca_file)


def publication_of(arguments: argparse.Namespace) -> Publication:
    """Return what is published, and under which names.

    Raises:
        InputError: a name cannot be used.
    """
    from ser_stream.integrations.home_assistant import DEFAULT_PREFIX
    from ser_stream.integrations.mqtt import Publication
    from ser_stream.integrations.mqtt_topics import (
        Topics,
        check_client_id,
        check_prefix,
        default_client_id,
        default_prefix,
    )

    client_id = arguments.mqtt_client_id
    client_id = default_client_id() if client_id is None else client_id
    check_client_id(client_id)
    prefix = arguments.mqtt_prefix
    topics = Topics(default_prefix(client_id) if prefix is None else prefix)
    discovery = arguments.mqtt_discovery
    discovery = DEFAULT_PREFIX if discovery is None else discovery
    if discovery == NO_DISCOVERY:
        discovery = ""
    else:
        check_prefix("--mqtt-discovery", discovery)
    return Publication(client_id, topics, discovery, bool(arguments.mqtt_words))


def read_password(path: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password of a file, or else that of the environment; None for none.

    Raises:
        InputError: it cannot be read, or the file holds none.
    """
    from ser_stream.files import read_limited

    if path is None:
        return environment.get(MQTT_PASSWORD_VARIABLE)
    try:
        password = read_limited(path, MAX_PASSWORD_FILE).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(f"--mqtt-password-file {path}: {reason}") from error
    if not password:
        raise InputError(f"--mqtt-password-file {path}: is empty; accepted is a file of one line")
    return password


def open_mqtt(
    broker: Broker, publication: Publication, recognizer: Recognizer, several_sources: bool
) -> MqttPublisher:
    """Begin to publish, and say so."""
    from ser_stream.integrations.mqtt import MqttPublisher
    from ser_stream.serving.access import is_loopback

    # Labels of both networks, each once.
    labels = dict.fromkeys(recognizer.info.labels)
    if recognizer.text_info is not None:
        labels |= dict.fromkeys(recognizer.text_info.labels)
    publisher = MqttPublisher(
        broker, publication, list(labels), recognizer.info.name, with_source=several_sources
    )
    words = "with words" if publication.words else "without words"
    print_message(
        f"publishing emotions to the MQTT broker {broker} under {publication.topics.prefix}/, "
        f"{words}; tell the people who are heard"
    )
    if not broker.tls and not is_loopback(broker.host):
        secret = "the password and what is published" if broker.password else "what is published"
        print_message(f"MQTT broker {broker}: without TLS, {secret} can be read in the network")
    return publisher
