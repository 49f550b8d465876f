"""A DDS subscriber, as a process of its own: how old stamped messages are when they arrive.

    python -m benchmarks.dds_subscriber NAMESPACE/TOPIC=TYPE ...

It prints "ready" when its readers exist. When its standard input ends, it prints, as JSON, each
topic's milliseconds from the messages' stamps to their reception. It joins the domain that
ROS_DOMAIN_ID names, over the network that `ser_stream.ros.dds_network` describes.
"""

from __future__ import annotations

import json
import os
import sys
import time

from cyclonedds.core import Listener, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic as DdsTopic

from ser_stream.ros.dds import MessageClasses, qos_policies
from ser_stream.ros.dds_network import domain_id, network_configuration
from ser_stream.ros.messages import MESSAGE_TYPES, published_topics


class Ages(Listener):
    """Notes the age of each message at the moment that DDS announces it."""

    def __init__(self) -> None:
        super().__init__()
        self.milliseconds: list[float] = []

    def on_data_available(self, reader: DataReader) -> None:
        messages = reader.take(N=100)
        now_ns = time.time_ns()
        for message in messages:
            if message.sample_info.valid_data:
                stamp = message.header.stamp
                stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
                self.milliseconds.append(round((now_ns - stamp_ns) * 1e-6, 4))


def main() -> None:
    requested = dict(argument.split("=") for argument in sys.argv[1:])
    domain = domain_id(None, os.environ)
    configured = Domain(domain, network_configuration(os.environ))  # ends with its last reference
    participant = DomainParticipant(domain)
    classes = MessageClasses(MESSAGE_TYPES)
    published = {topic.name: topic for topic in published_topics(asr=True, text_model=True)}
    ages, readers = {}, []
    for name, kind in requested.items():
        ages[name] = Ages()
        topic: DdsTopic = DdsTopic(participant, f"rt/{name}", classes[kind])
        qos = Qos(*qos_policies(published[name.partition("/")[2]]))
        readers.append(DataReader(participant, topic, qos, ages[name]))
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps({name: each.milliseconds for name, each in ages.items()}))
    del readers, configured


if __name__ == "__main__":
    main()
