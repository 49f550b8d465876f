"""Messages of errors."""

import pytest

from ser_stream.errors import MAX_MESSAGE, InputError


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("found 'a'; accepted is b", "found 'a'; accepted is b"),
        ("two\nlines\r\nhere", "two\\nlines\\r\\nhere"),
        ("a\x1b[2J\x07b", "a\\x1b[2J\\x07b"),
        ("half \udcff", "half \\xff"),
        ("日本語, ü", "日本語, ü"),
        (ValueError("other"), "other"),
    ],
)
def test_messages_are_one_line_that_can_be_printed(message, shown):
    assert str(InputError(message)) == shown


def test_the_middle_of_a_long_message_is_left_out():
    message = str(InputError("file a: found " + "x" * 10**6 + "; accepted is b"))
    assert message.startswith("file a: found xxx") and message.endswith("xxx; accepted is b")
    assert len(message) < MAX_MESSAGE
