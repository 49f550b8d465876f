"""Limits on what arrives in ROS messages: sizes, texts and stamps. Needs no ROS.

Any node of the graph can publish anything. What is over a limit is refused before it is converted,
and no error holds more than the beginning of a text that arrived.
"""

from __future__ import annotations

from typing import Any

from ser_stream.errors import InputError, shown
from ser_stream.units import Seconds

MAX_MESSAGE_MIB = 32
"""Size of a message of audio: a minute of 16 bits at 192 kHz, or of six channels at 44.1 kHz."""

MAX_MESSAGE_S: Seconds = 60.0
"""Length of the sound in a message."""

MAX_FRAME_ID = 255
"""Characters of a frame's name, as many as ROS 2 allows in the name of a node."""

NS_PER_S = 1_000_000_000


def check_size(n_bytes: int) -> None:
    """Check the size of a message of audio.

    Raises:
        InputError: it is too large.
    """
    if n_bytes > MAX_MESSAGE_MIB * 2**20:
        raise InputError(
            f"audio: found a message of {n_bytes / 2**20:.1f} MiB; accepted are up to "
            f"{MAX_MESSAGE_MIB} MiB; publish shorter blocks, such as 0.1 s"
        )


def check_length(length_s: Seconds) -> None:
    """Check how long the sound of a message is.

    Raises:
        InputError: it is too long.
    """
    if length_s > MAX_MESSAGE_S:
        raise InputError(
            f"audio: found a message of {length_s:.1f} s; accepted are up to {MAX_MESSAGE_S:.0f} "
            "s; publish shorter blocks, such as 0.1 s, and check the sample rate"
        )


def check_header(header: Any) -> None:
    """Check a std_msgs/msg/Header, whose frame is published with what is found in the sound.

    Raises:
        InputError: its frame is no name, or its stamp no time.
    """
    frame_id, nanosec = header.frame_id, header.stamp.nanosec
    if len(frame_id) > MAX_FRAME_ID or not frame_id.isprintable():
        raise InputError(
            f"audio: found header.frame_id {shown(frame_id)} ({len(frame_id)} characters); "
            f"accepted are up to {MAX_FRAME_ID} printable characters"
        )
    if not 0 <= nanosec < NS_PER_S:
        raise InputError(
            f"audio: found header.stamp.nanosec {nanosec}; accepted are 0 to {NS_PER_S - 1}"
        )
