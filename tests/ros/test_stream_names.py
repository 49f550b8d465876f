"""The parameter `streams`."""

from __future__ import annotations

import pytest

from ser_stream.errors import InputError
from ser_stream.ros.stream_names import StreamNames, StreamTopic, stream_entries


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        ("", ()),
        ([""], ()),
        ([], ()),
        (None, ()),
        ("robot1", ("robot1",)),
        ("robot1 robot2", ("robot1", "robot2")),
        ("robot1, robot2,", ("robot1", "robot2")),
        (["robot1", "/*/audio"], ("robot1", "/*/audio")),
        (["robot1 robot2", "robot3"], ("robot1 robot2", "robot3")),
    ],
)
def test_a_list_and_text_give_the_same_entries(value, entries):
    assert stream_entries(value) == entries


@pytest.mark.parametrize(
    ("entry", "node_namespace", "expected"),
    [
        ("robot1", "/", StreamTopic("/robot1", "/robot1/audio")),
        ("/robot1", "/lab", StreamTopic("/robot1", "/robot1/audio")),
        ("robot1", "/lab", StreamTopic("/lab/robot1", "/lab/robot1/audio")),
        ("lab/robot1", "", StreamTopic("/lab/robot1", "/lab/robot1/audio")),
    ],
)
def test_a_name_is_a_namespace_relative_to_that_of_the_node(entry, node_namespace, expected):
    assert StreamNames([entry, entry], node_namespace).named == (expected,)


@pytest.mark.parametrize(
    ("pattern", "topic", "namespace"),
    [
        ("/*/audio", "/robot1/audio", "/robot1"),
        ("*/audio", "/robot1/audio", "/robot1"),
        ("/robot*/audio", "/robot17/audio", "/robot17"),
        ("/robot*/audio", "/robot/audio", "/robot"),
        ("/*/mic/audio", "/robot1/mic/audio", "/robot1"),
        ("/lab/*/*", "/lab/robot1/sound", "/lab/robot1/sound"),
        ("/lab/*/audio", "/lab/robot1/audio", "/lab/robot1"),
        ("/*/audio", "/audio", None),
        ("/*/audio", "/robot1/audio_info", None),
        ("/*/audio", "/lab/robot1/audio", None),
        ("/robot*/audio", "/chair1/audio", None),
        ("robot1", "/robot1/audio", None),
    ],
)
def test_the_namespace_of_a_pattern_ends_with_its_last_asterisk(pattern, topic, namespace):
    expected = namespace and StreamTopic(namespace, topic)
    assert StreamNames([pattern]).match(topic) == expected


@pytest.mark.parametrize("value", [3, True, [1, 2], ["robot1", 2]])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InputError, match=r"streams: found .*; accepted are namespaces"):
        stream_entries(value)


@pytest.mark.parametrize("entry", ["1robot", "robot 1", "robot1/", "//robot1", "robot-1", "/", "~"])
def test_what_cannot_be_a_name_is_refused(entry):
    with pytest.raises(InputError, match=f"streams: found '{entry}'; accepted are namespaces"):
        StreamNames([entry])


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("/r1/audio", "; did you mean /r1?"),
        ("lab/r1/audio", "; did you mean lab/r1?"),
        ("audio", "/*/audio"),
        ("/audio", "/*/audio"),
    ],
)
def test_a_topic_in_place_of_a_namespace_is_refused_with_a_hint(entry, hint):
    with pytest.raises(InputError) as error:
        StreamNames([entry])
    assert str(error.value).startswith(f"streams: found '{entry}', a topic; accepted are namespa")
    assert str(error.value).endswith(hint)
