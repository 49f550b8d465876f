"""Hashes are those of a ROS 2 Jazzy, from its share/*/msg/*.json."""

import pytest

from ser_stream.ros.messages import MESSAGE_TYPES
from ser_stream.ros.type_hash import type_hash

HASHES = {
    "std_msgs/msg/String": "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18",
    "hri_msgs/msg/Expression": "411b88e0604397d44775d8ec6a4bc69398fb0dfbfe864c33a40fa99ee85f1b00",
    "vision_msgs/msg/Classification": (
        "f74db28d0eaef3afb78f48bf2161cd709a1383a0309d3454383b25be11345143"
    ),
    "std_msgs/msg/Bool": "feb91e995ff9ebd09c0cb3d2aed18b11077585839fb5db80193b62d74528f6c9",
    "hri_msgs/msg/LiveSpeech": "de61fbbcc7ef8727328315f4600d9e7cdab1b4e71e718f45e7a1eeb2d5d58080",
    "hri_msgs/msg/IdsList": "7e0812d1ac945c98fd3e393568d581ad0ab567f37b24eff633eab778c1bfe62d",
    "diagnostic_msgs/msg/DiagnosticArray": (
        "5a8a36efb05fb25070fa0fb3810290c0e6cd4862b54a8fb975a1ee8dc55a333e"
    ),
    "rmw_dds_common/msg/ParticipantEntitiesInfo": (
        "91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e"
    ),
    "audio_common_msgs/msg/AudioDataStamped": (
        "6fc679d5a868ed68e4d301f1ef42abecc86140afb57d255656ff2d9e476ea9e3"
    ),
}

OTHERS = {
    "hri_msgs/msg/LiveSpeech": {  # of hri_msgs 2.0.0
        "header": "std_msgs/msg/Header",
        "incremental": "string",
        "final": "string",
        "confidence": "float64",
        "language": "string",
    },
    "audio_common_msgs/msg/AudioData": {"data": "uint8[]"},
    "audio_common_msgs/msg/AudioDataStamped": {
        "header": "std_msgs/msg/Header",
        "audio": "audio_common_msgs/msg/AudioData",
    },
}


@pytest.mark.parametrize("name", HASHES)
def test_hashes_are_those_that_ros_computes(name):
    assert type_hash(name, MESSAGE_TYPES | OTHERS) == f"RIHS01_{HASHES[name]}"
