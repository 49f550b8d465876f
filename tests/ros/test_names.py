"""Names that ROS 2 allows."""

from __future__ import annotations

import pytest

from ser_stream.errors import InputError
from ser_stream.ros.messages import published_topics, voice_topics
from ser_stream.ros.names import check_name, check_namespace
from ser_stream.ros.stream_names import StreamNames


def test_names_are_those_that_ros_allows():
    assert check_name("namespace", "lab/robot1") == "lab/robot1"
    with pytest.raises(InputError, match="node name: found 'lab/robot1'"):
        check_name("node name", "lab/robot1", nested=False)


@pytest.mark.parametrize(
    "name",
    ["", "1st", "robot-1", "a//b", "a/", "a b", "a\nb", "é", "a\x00", "a" * 10**7 + "-"],
)
def test_other_characters_are_refused_in_one_short_line(name):
    with pytest.raises(InputError, match="accepted are letters, digits and _") as error:
        check_name("namespace", name)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 250


def test_a_name_has_the_length_that_ros_allows():
    assert check_name("node name", "n" * 255)
    with pytest.raises(InputError, match=r"\(256 characters\); accepted are up to 255"):
        check_name("node name", "n" * 256)


def test_the_topics_of_a_namespace_have_at_most_247_characters():
    topics = [topic.name for topic in published_topics(asr=True, text_model=True)]
    longest = "emotion/multimodal"
    namespace = "n" * (247 - len(f"//{longest}"))
    assert check_namespace("namespace", namespace, topics) == namespace
    with pytest.raises(InputError, match=r"\(228 characters\); accepted are up to 227"):
        check_namespace("namespace", namespace + "n", topics)


def test_the_topics_of_a_voice_have_at_most_247_characters():
    names = [topic.name for topic in voice_topics("v" * 220).values()]
    assert max(map(len, names)) == 247
    with pytest.raises(InputError, match=r"voice_id: found 'v+\.\.\. \(221 characters\)"):
        voice_topics("v" * 221)


def test_the_topics_of_streams_have_at_most_247_characters():
    StreamNames(["s" * 228])
    with pytest.raises(InputError, match=r"streams: found 's+\.\.\. \(229 characters\)"):
        StreamNames(["s" * 229])
    with pytest.raises(InputError, match=r"streams: found 'lab/s+\.\.\. \(229 characters\)"):
        StreamNames(["s" * 225], "/lab")
    with pytest.raises(InputError, match="accepted are up to 247"):
        StreamNames([f"/*/{'s' * 245}"])
