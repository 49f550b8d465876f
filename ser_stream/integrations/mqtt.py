"""Estimates for programs that talk MQTT, and sensors for Home Assistant."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ser_stream.emotion import UTTERANCE, EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.integrations.home_assistant import discovery, discovery_topic, status_topic
from ser_stream.integrations.mqtt_topics import OFF, OFFLINE, ON, ONLINE, Topics
from ser_stream.outputs.base import Output
from ser_stream.stream.status import StreamStatus
from ser_stream.text import json_line
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

MAX_WAITING = 1_000
"""Estimates that may wait for the broker: eight minutes of speech."""
RETRY_AFTER: tuple[int, int] = (1, 60)
"""Seconds to the next attempt to connect: doubled with each failure, from the first to the
second."""
KEEP_ALIVE_S = 30
"""A broker that does not answer for one and a half times as long is given up."""
CONNECT_WITHIN: Seconds = 5.0
"""Longest time for a TCP connection."""
STABLE_AFTER: Seconds = 10.0
"""A connection that ends earlier, as the one before it did, says that something is wrong."""
CLOSE_WITHIN: Seconds = 2.0
"""Longest time that the end of the program waits for the broker."""
SEND_WITHIN: Seconds = 0.3
"""Time for the last messages to leave this machine, even where the broker does not answer."""


@dataclasses.dataclass(frozen=True)
class Broker:
    """Where the broker is, and how it lets us in.

    Attributes:
        user: "" for none.
        password: None for none.
        tls: whether the connection is encrypted, and the broker's certificate checked.
        ca_file: PEM file with the certificates of the authorities that are trusted; None: those of
            the system.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password: str | None = dataclasses.field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Publication:
    """What is published, and under which names.

    Attributes:
        client_id: distinguishes the program from the broker's other clients.
        topics: under which estimates are published.
        discovery_prefix: under which Home Assistant looks for devices; "" for no description.
        words: whether the words of an estimate are published with it.
    """

    client_id: str
    topics: Topics
    discovery_prefix: str = ""
    words: bool = False


class MqttPublisher(Output):
    """Publishes estimates, and whether someone speaks.

    The library's thread connects, and connects again after a pause that grows; nothing else waits
    for the broker. Estimates of the meantime are kept, the newest `MAX_WAITING` of them. No state
    is retained by the broker but whether the program is there.

    Args:
        labels: every emotion that may be named.
        model: name of the model.
        with_source: whether messages have `source`, the name of the source.

    Raises:
        InputError: the file of certificates cannot be used.
    """

    def __init__(
        self,
        broker: Broker,
        publication: Publication,
        labels: Sequence[str],
        model: str,
        with_source: bool = False,
    ) -> None:
        self._broker = broker
        self._source, self._with_source = "", with_source
        self._publication = publication
        self._topics = publication.topics
        self._description = discovery(publication.client_id, self._topics, labels, model)
        self._lock = threading.Lock()  # of what follows; held for moments
        self._connected = self._closed = False
        self._waiting: deque[tuple[str, str]] = deque()
        self._left_out = 0
        self._state: dict[str, str] = {self._topics.speaking: OFF}
        self._problem = ""  # what was said last, and is not over
        self._refused = False  # whether the broker has said why it ends the connection
        self._connected_at: Seconds = 0.0  # monotonic
        self._short_connections = 0  # in a row
        self._settled = threading.Event()  # the first attempt to connect has succeeded or failed
        self._client = self._new_client()
        self._client.connect_async(broker.host, broker.port, KEEP_ALIVE_S)
        self._client.loop_start()

    def __exit__(self, *_: object) -> None:
        """Publish what is left, and that the program has gone; wait for the broker for a while."""
        ends_at = time.monotonic() + CLOSE_WITHIN
        if not self._problem:
            self._settled.wait(CLOSE_WITHIN)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            connected = self._connected
        if connected:
            if self._state[self._topics.speaking] != OFF:
                self._client.publish(self._topics.speaking, OFF)
            last = self._client.publish(self._topics.availability, OFFLINE, qos=1, retain=True)
            confirmed = False
            with contextlib.suppress(RuntimeError, ValueError):  # the connection has been lost
                last.wait_for_publish(max(0.0, ends_at - time.monotonic()))
                confirmed = last.is_published()
            if not confirmed:
                logger.warning(
                    "MQTT broker %s: it has not confirmed the last messages", self._broker
                )
        self._client.disconnect()
        # It may still be looking up a name, which nothing can interrupt.
        stopping = threading.Thread(target=self._client.loop_stop, daemon=True)
        stopping.start()
        stopping.join(max(SEND_WITHIN, ends_at - time.monotonic()))
        if left_out := self._left_out + len(self._waiting):
            logger.warning("MQTT broker %s: %d messages were not delivered", self._broker, left_out)

    def on_source(self, name: str) -> None:
        self._source = name

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        message = self._message(estimate)
        is_turn = estimate.trigger == UTTERANCE and estimate.decisive
        with self._lock:
            self._send(self._topics.estimate, message)
            if is_turn:
                self._send(self._topics.turn, message)
            if estimate.abstains or estimate.late:
                return
            self._set(self._topics.emotion, _short(estimate))
            if is_turn:
                self._set(self._topics.turn_emotion, _short(estimate))

    def on_status(self, status: StreamStatus) -> None:
        speaking = ON if status.speaking else OFF
        with self._lock:
            if self._state[self._topics.speaking] != speaking:
                self._set(self._topics.speaking, speaking)

    def _new_client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self._publication.client_id)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_timeout = CONNECT_WITHIN
        client.reconnect_delay_set(*RETRY_AFTER)
        client.max_queued_messages_set(2 * MAX_WAITING)
        client.will_set(self._topics.availability, OFFLINE, qos=1, retain=True)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(_tls_context(self._broker.ca_file))
        return client

    def _message(self, estimate: EmotionEstimate) -> str:
        content: dict[str, Any] = json.loads(estimate.to_json())
        if not self._publication.words:
            content["words"] = []
        if self._with_source:
            content = {"source": self._source, **content}
        now = datetime.datetime.now(datetime.timezone.utc)
        return json_line({"time": now.isoformat(timespec="milliseconds"), **content})

    def _send(self, topic: str, message: str) -> None:
        """Publish a message now or, where there is no connection, later."""
        if self._connected:
            sent = self._client.publish(topic, message, qos=1)
            self._left_out += sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
            return
        if len(self._waiting) == MAX_WAITING:
            self._waiting.popleft()
            self._left_out += 1
        self._waiting.append((topic, message))

    def _set(self, topic: str, message: str) -> None:
        """Publish a state; without a connection, the newest one is published later."""
        self._state[topic] = message
        if self._connected:
            self._client.publish(topic, message)

    def _publish_all(self) -> None:
        """Publish what was missed without a connection."""
        publication = self._publication
        if publication.discovery_prefix:
            self._client.subscribe(status_topic(publication.discovery_prefix), qos=1)
            topic = discovery_topic(publication.discovery_prefix, publication.client_id)
            self._client.publish(topic, json_line(self._description), qos=1, retain=True)
        self._client.publish(self._topics.availability, ONLINE, qos=1, retain=True)
        with self._lock:
            self._connected = True
            left_out, self._left_out = self._left_out, 0
            while self._waiting:
                self._send(*self._waiting.popleft())
            self._publish_state()
        if left_out:
            logger.warning("MQTT broker %s: %d messages were left out", self._broker, left_out)

    def _publish_state(self) -> None:
        for topic, message in self._state.items():
            self._client.publish(topic, message)

    # Called in the library's thread.

    def _on_connect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            advice = "" if self._broker.password else "; it may want --mqtt-user and a password"
            self._refused = True
            self._tell(f"{reason}{advice}")
        else:
            self._connected_at = time.monotonic()
            if self._short_connections < 2:
                self._problem = ""
                logger.info("MQTT broker %s: connected", self._broker)
            self._publish_all()
        self._settled.set()

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        if not self._problem:  # else it has been said that there is no connection
            error = sys.exc_info()[1]  # the library calls this where it has caught it
            self._tell(_reason(error) if error else "it cannot be reached")
        self._settled.set()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: paho.DisconnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._lock:
            was_connected, self._connected = self._connected, False
        if not was_connected:
            if not self._refused:
                self._tell("it has closed the connection at once; it may want --mqtt-tls")
            self._refused = False
            self._settled.set()
            return
        is_short = time.monotonic() - self._connected_at < STABLE_AFTER
        self._short_connections = self._short_connections + 1 if is_short else 0
        if self._short_connections < 2:
            self._tell("the connection is lost")
        else:
            client_id = self._publication.client_id
            self._tell(
                "connections are lost again and again; another program may have the client id "
                f"{client_id}: --mqtt-client-id"
            )

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.payload == ONLINE.encode():  # Home Assistant has started, and knows no state
            with self._lock:
                self._publish_state()

    def _tell(self, problem: str) -> None:
        """Say once what is wrong."""
        if problem != self._problem and not self._closed:
            logger.error(
                "MQTT broker %s: %s; recognition goes on, and so do attempts to connect",
                self._broker,
                problem,
            )
            self._problem = problem


def _short(estimate: EmotionEstimate) -> str:
    """Return what sensors show of an estimate that names an emotion."""
    return json_line(
        {
            "emotion": estimate.expression,
            "confidence": round(100 * estimate.confidence, 1),
            "valence": round(estimate.valence, 3),
            "arousal": round(estimate.arousal, 3),
        }
    )


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        reason = (
            "no certificate in PEM format" if isinstance(error, ssl.SSLError) else error.strerror
        )
        raise InputError(
            f"--mqtt-ca-file: found {ca_file}: {reason}; accepted is a PEM file"
        ) from error


def _reason(error: BaseException) -> str:
    """Return why a connection failed, without the numbers that Python adds."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer"
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
