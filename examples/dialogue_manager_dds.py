"""A dialogue manager on a robot's graph, without ROS: hears emotions, decides, says why.

    pip install "cyclonedds>=11"
    python examples/dialogue_manager_dds.py [NAMESPACE]     # ROS_DOMAIN_ID chooses the domain

Start it beside `ser-stream listen --dds`, or beside the ROS 2 node. Nothing of ser_stream is used
but its messages: this is all that another program needs to hear them. Which network: see
CYCLONEDDS_URI in the manual of Cyclone DDS.
"""

import argparse
import contextlib
import os
from dataclasses import dataclass

from cyclonedds.core import InstanceState, Policy, Qos, ReadCondition, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, int32, uint32
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration
from decisions import DialogueManager


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
    parser = argparse.ArgumentParser(description="Decides by the emotions that it hears of.")
    parser.add_argument("namespace", nargs="?", help="of the robot, such as robot1")
    namespace = parser.parse_args().namespace
    # /robot1/emotion is DDS's rt/robot1/emotion
    prefix = f"rt/{namespace.strip('/')}" if namespace else "rt"
    participant = DomainParticipant(int(os.environ.get("ROS_DOMAIN_ID") or 0))
    qos = Qos(Policy.Reliability.Reliable(duration(seconds=1)), Policy.History.KeepLast(10))
    readers = {
        name: DataReader(participant, Topic(participant, f"{prefix}/{name}", Expression), qos)
        for name in ("emotion", "emotion/utterance")
    }
    news = WaitSet(participant)
    for reader in readers.values():
        news.attach(ReadCondition(reader, InstanceState.Alive))

    manager = DialogueManager()
    print(f"listening to {prefix}/emotion and {prefix}/emotion/utterance", flush=True)
    while True:
        news.wait(duration(seconds=0.5))
        for name, reader in readers.items():
            for message in reader.take(N=10):
                if message.sample_info.valid_data:  # or else: the publisher has gone
                    respond(manager, message, whole_turn=name == "emotion/utterance")


def respond(manager: DialogueManager, message: Expression, whole_turn: bool) -> None:
    stamp = message.header.stamp
    time_s = stamp.sec + stamp.nanosec * 1e-9
    decision = manager.hear(message.expression, message.confidence, time_s, whole_turn)
    heard = f"{message.expression} {message.confidence:.2f}"
    kind = "turn  " if whole_turn else "window"
    print(f"{kind} {heard:16} -> {decision.action}: {decision.reason}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
