"""Audio messages as rclpy passes them on: bytes, of which not all are messages."""

from __future__ import annotations

from array import array

import pytest

from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.audio_topic import AudioTopic

pytestmark = pytest.mark.ros


def test_bytes_that_are_no_message_are_left_out_and_a_message_is_received():
    msg = pytest.importorskip("audio_common_msgs.msg")
    if not hasattr(msg, "AudioDataStamped"):
        pytest.skip("the installed audio_common_msgs carries no bytes")
    from rclpy.serialization import serialize_message

    from ser_stream.ros.rclpy_transport import push_bytes

    message = msg.AudioDataStamped()
    message.audio.data = array("B", bytes(3200))
    data = serialize_message(message)
    topic = AudioTopic(AudioFormat(), now_s=lambda: 7.0)
    damaged = [data[:length] for length in (0, 1, 3, 4, 8, 20, len(data) - 1)]
    damaged += [bytes(33 * 2**20), data[:4] + b"\xff" * 40]
    for count, part in enumerate(damaged, start=1):
        push_bytes(topic, msg.AudioDataStamped, part)
        assert topic.left_out == count
        assert topic.last_error.isprintable() and len(topic.last_error) < 300
    push_bytes(topic, msg.AudioDataStamped, data)
    topic.close()
    (block,) = topic.blocks()
    assert (block.time_s, len(block.samples)) == (7.0, 1600)
    assert topic.last_error == ""
