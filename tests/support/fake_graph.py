"""A ROS graph without ROS, in which a test is every other node."""

from __future__ import annotations

import json
import time

import numpy as np

from audio_messages import audio_data_stamped
from ser_stream.errors import InputError
from ser_stream.ros.messages import DIAGNOSTICS, MESSAGE_TYPES

RATE_HZ = 16_000
AUDIO_TYPE = "audio_common_msgs/msg/AudioDataStamped"


class FakeGraph:
    """The `NodeTransport` of a node, and what the other nodes publish and receive.

    Attributes:
        published: contents of the messages of the node, by full topic name.
        opened: names of the topics that the node has a publisher of.
        others: topics that other nodes publish: name -> type.
    """

    def __init__(self):
        self.published = {}
        self.opened = set()
        self.others = {}
        self.time_ns = 1_000_000_000_000
        self._callbacks = {}

    # What the node calls

    def publish(self, topic, content):
        assert topic == DIAGNOSTICS or topic.name in self.opened, f"no publisher of {topic.name}"
        self.published.setdefault(topic.name, []).append(content)

    def now_ns(self):
        return self.time_ns

    def ok(self):
        return True

    def fields(self, message_type):
        return MESSAGE_TYPES[message_type]

    def open(self, topics):
        self.opened |= {topic.name for topic in topics if topic != DIAGNOSTICS}

    def close(self, topics):
        self.opened -= {topic.name for topic in topics}

    def check_audio_type(self, audio_type):
        if audio_type != "AudioDataStamped":
            raise InputError(f"audio_type: found {audio_type}; accepted are AudioDataStamped")

    def subscribe_to_audio(self, audio, audio_type, topic="audio"):
        self._callbacks[topic] = audio.push_message
        return [topic]

    def subscribe_to_flag(self, topic, on_flag):
        self._callbacks[topic] = on_flag
        return [topic]

    def unsubscribe(self, subscriptions):
        for topic in subscriptions:
            del self._callbacks[topic]

    def topics(self):
        ours = {name: [AUDIO_TYPE] for name in self._callbacks}
        return ours | {name: [found] for name, found in self.others.items()}

    def full_topic_name(self, topic):
        return f"/{topic}"

    def count_publishers(self, topic):
        return int(topic in self.others)

    def other_type_problem(self, audio_type, topic="audio"):
        return ""

    # What other nodes do

    @property
    def subscribed(self):
        """Names of the topics that the node subscribes to."""
        return set(self._callbacks)

    def say(self, topic, value):
        """Publish one message: of audio, or the value of a Bool."""
        self._callbacks[topic](value)

    def play(self, topic, samples, start_s=0.0, block_s=0.032, frame_id=""):
        """Publish samples (n,) as messages of audio, as fast as possible."""
        length = round(block_s * RATE_HZ)
        pcm = (np.asarray(samples) * 32767).astype("<i2")
        for start in range(0, len(pcm), length):
            part = pcm[start : start + length]
            end_s = start_s + (start + len(part)) / RATE_HZ
            self.say(topic, audio_data_stamped(part.tobytes(), end_s, frame_id))

    def received(self, topic):
        """Contents of the messages that the node published on a topic."""
        return self.published.get(topic, [])

    def details(self, namespace):
        """The estimates of a robot, as JSON objects."""
        return [json.loads(m["data"]) for m in self.received(f"{namespace}/emotion/details")]

    def reports(self, name):
        """Level, message and values of each diagnostic status of that name."""
        return [
            (status["level"], status["message"], {v["key"]: v["value"] for v in status["values"]})
            for message in self.received("/diagnostics")
            for status in message["status"]
            if status["name"] == name
        ]


def wait(served, condition):
    """Update a stream or a fleet as the node does, until the condition is true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        served.update()
        time.sleep(0.02)
