"""Limits of what arrives in messages."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from audio_messages import (
    audio,
    audio_buffer,
    audio_data,
    audio_data_stamped,
    audio_stamped,
    info,
)
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import AudioFormat, format_from_info, message_length
from ser_stream.ros.message_limits import check_size

ONE_S = np.zeros(16_000, "<i2").tobytes()


class Endless:
    """Samples that nobody has memory for: whatever reads one of them fails."""

    itemsize = 2

    def __len__(self):
        return 10**12

    def __getitem__(self, index):
        raise MemoryError

    tobytes = __iter__ = __array__ = __getitem__


def endless(message, *path):
    """Return the message with endless data in the field that the path names."""
    *parents, last = path
    owner = message
    for name in parents:
        owner = getattr(owner, name)
    setattr(owner, last, Endless())
    return message


@pytest.mark.parametrize(
    "message",
    [
        endless(audio_data(ONE_S), "data"),
        endless(audio_data_stamped(ONE_S, 1.0), "audio", "data"),
        endless(audio_stamped(audio("int16", [1], 8), 1.0), "audio", "audio_data", "int16_data"),
        # in a field that the format does not use
        endless(audio_stamped(audio("int16", [1], 8), 1.0), "audio", "audio_data", "uint8_data"),
        endless(audio_buffer([1, 2, 3, 4]), "data"),
        endless(audio_buffer([1, 2, 3, 4]), "channel_map"),
    ],
)
def test_a_message_that_is_too_large_is_refused_without_reading_it(message):
    with pytest.raises(InputError, match=r"found a message of 1907348\.6 MiB; accepted are up to"):
        message_length(message, AudioFormat())


def test_the_largest_message_is_accepted():
    check_size(32 * 2**20)
    with pytest.raises(InputError, match="publish shorter blocks"):
        check_size(32 * 2**20 + 1)


@pytest.mark.parametrize(
    "message",
    [
        audio_data_stamped(bytes(16_000 * 2 * 61), 1.0),
        audio_buffer(array("h", bytes(4 * 2 * 48_000 * 61))),
        audio_stamped(audio("int8", array("b", bytes(16_000 * 61)), 16), 1.0),
    ],
)
def test_a_message_that_lasts_too_long_is_refused(message):
    with pytest.raises(InputError, match=r"a message of 61\.0 s; accepted are up to 60 s"):
        message_length(message, AudioFormat())


@pytest.mark.parametrize(
    "frame_id", ["m" * 256, "mic\nERROR: forged", "mic\x1b[2J", "mic\0", "mic\u202e", "m" * 10**7]
)
def test_a_frame_that_is_no_name_is_refused_in_one_short_line(frame_id):
    message = audio_data_stamped(ONE_S, 1.0, frame_id)
    with pytest.raises(InputError, match="accepted are up to 255 printable characters") as error:
        message_length(message, AudioFormat())
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 250
    assert f"({len(frame_id)} characters)" in str(error.value)


def test_a_frame_may_have_255_characters_of_any_script():
    message_length(audio_data_stamped(ONE_S, 1.0, "麦" * 255), AudioFormat())


def test_a_stamp_that_is_no_time_is_refused():
    message = audio_data_stamped(ONE_S, 1.0)
    message.header.stamp.nanosec = 4_294_967_295
    with pytest.raises(InputError, match=r"found header\.stamp\.nanosec 4294967295; accepted are"):
        message_length(message, AudioFormat())


@pytest.mark.parametrize("field", ["coding_format", "sample_format"])
def test_an_announced_format_is_quoted_in_one_short_line(field):
    with pytest.raises(InputError) as error:
        format_from_info(info(**{field: "x\n" * 10**6}))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 450
