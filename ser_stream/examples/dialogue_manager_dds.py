"""A dialogue manager in a robot's graph, without ROS: subscribes to emotions and decides.

    pip install 'ser_stream[dds]'
    python -m ser_stream.examples.dialogue_manager_dds [NAMESPACE]   # domain: ROS_DOMAIN_ID, or 0

Run it beside `ser-stream listen --dds` or the ROS 2 node. The types below are all that a program
needs to receive its messages: it works without ser_stream. The network is configured by
CYCLONEDDS_URI, see the manual of Cyclone DDS.
"""

import argparse
import contextlib
import os
from dataclasses import dataclass
from typing import Any

from cyclonedds.core import InstanceState, Policy, Qos, ReadCondition, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, int32, uint32
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from ser_stream.examples.decisions import DialogueManager


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time
    frame_id: str


@dataclass
class Expression(IdlStruct, typename="hri_msgs::msg::dds_::Expression_"):
    header: Header
    expression: str
    valence: float32
    arousal: float32
    confidence: float32


def main() -> None:
    parser = argparse.ArgumentParser(description="Decides by the emotions in a robot's graph.")
    parser.add_argument("namespace", nargs="?", help="namespace of the robot, such as robot1")
    namespace = parser.parse_args().namespace
    # The ROS topic /robot1/emotion is the DDS topic rt/robot1/emotion.
    prefix = f"rt/{namespace.strip('/')}" if namespace else "rt"
    participant = DomainParticipant(int(os.environ.get("ROS_DOMAIN_ID") or 0))
    qos = Qos(Policy.Reliability.Reliable(duration(seconds=1)), Policy.History.KeepLast(10))
    readers: dict[str, Any] = {
        name: DataReader(participant, Topic(participant, f"{prefix}/{name}", Expression), qos)
        for name in ("emotion", "emotion/utterance")
    }
    waitset = WaitSet(participant)
    for reader in readers.values():
        waitset.attach(ReadCondition(reader, InstanceState.Alive))

    manager = DialogueManager()
    print(f"listening to {prefix}/emotion and {prefix}/emotion/utterance", flush=True)
    while True:
        waitset.wait(duration(seconds=0.5))
        for name, reader in readers.items():
            for message in reader.take(N=10):
                if message.sample_info.valid_data:  # otherwise the publisher has gone
                    respond(manager, message, whole_turn=name == "emotion/utterance")


def respond(manager: DialogueManager, message: Expression, whole_turn: bool) -> None:
    stamp = message.header.stamp
    time_s = stamp.sec + stamp.nanosec * 1e-9
    decision = manager.add(message.expression, message.confidence, time_s, whole_turn)
    emotion = f"{message.expression} {message.confidence:.2f}"
    kind = "turn  " if whole_turn else "window"
    print(f"{kind} {emotion:16} -> {decision.action}: {decision.reason}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
