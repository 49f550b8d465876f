"""A mosquitto broker of the test's own, and a client that sees everything on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from importlib.util import find_spec

TIMEOUT_S = 120.0
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
"""Debian installs the broker where only root looks."""


def missing():
    """Why no broker can run here; "" where one can."""
    if shutil.which("mosquitto", path=PATH) is None:
        return "no mosquitto; on Debian: apt install mosquitto"
    return "" if find_spec("paho") else "no paho-mqtt; pip install paho-mqtt"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Mosquitto:
    """A context manager: a broker on a port of its own of the loopback interface.

    Args:
        folder: for its settings and its log.
        settings: lines of its configuration, besides the listener.

    Attributes:
        port: stays the same when the broker is started again.
    """

    def __init__(self, folder, *settings):
        self.port = free_port()
        self._log = folder / "mosquitto.log"
        self._settings = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", *(settings or ["allow_anonymous true"])]
        if os.geteuid() == 0:
            lines.insert(0, "user root")  # otherwise it could not read files of the test
        self._settings.write_text("\n".join(lines) + "\n")
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Returns when the broker accepts connections."""
        program = shutil.which("mosquitto", path=PATH)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", self._settings], stdout=log, stderr=log
            )
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.05)

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(TIMEOUT_S)
            self._process = None


class Subscriber:
    """A context manager: a client that keeps all messages of a broker.

    Args:
        client_id: with it, a broker that stores sessions keeps messages while the client is away.

    Attributes:
        messages: (topic, text, whether the broker had retained it), in their order.
    """

    def __init__(self, port, user=None, password=None, ca_file=None, client_id=None):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=client_id is None
        )
        self._client.username_pw_set(user, password)
        if ca_file is not None:
            self._client.tls_set(ca_file)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("localhost", port)

    def __enter__(self):
        self._client.loop_start()
        assert self._subscribed.wait(TIMEOUT_S)
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic, text):
        self._client.publish(topic, text, qos=1).wait_for_publish(TIMEOUT_S)

    def of(self, topic):
        """The texts of one topic so far."""
        with self._changed:
            return [text for found, text, _ in self.messages if found == topic]

    def wait(self, topic, text=None, count=1):
        """Wait until so many messages of a topic have come, with that text if one is given."""

        def enough():
            found = [t for name, t, _ in self.messages if name == topic and text in (None, t)]
            return len(found) >= count

        with self._changed:
            assert self._changed.wait_for(enough, TIMEOUT_S), self.messages

    def _on_message(self, _client, _data, message):
        with self._changed:
            found = (message.topic, message.payload.decode(), message.retain)
            self.messages.append(found)
            self._changed.notify_all()


def make_certificates(folder):
    """Make an authority and, signed by it, a certificate of localhost, by openssl.

    Returns:
        Paths of the authority's certificate, and of the certificate and the key of the server.
    """

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    new = ["req", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    openssl(*new, "-x509", "-subj", "/CN=test authority", "-keyout", ca_key, "-out", ca)
    request, key, certificate = folder / "server.csr", folder / "server.key", folder / "server.pem"
    openssl(*new[:-2], "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
            "-days", "30", "-extfile", names, "-out", certificate)  # fmt: skip
    return ca, certificate, key
