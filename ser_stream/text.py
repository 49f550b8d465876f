"""Text of any origin, such as file names of any bytes, made safe to show and to write as JSON."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")
"""A byte that is not UTF-8, or half of a pair."""
_ESCAPED_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def valid_text(text: str) -> str:
    r"""Return the text with each byte of a file name that is not UTF-8 written as `\xNN`.

    Python represents such bytes as single surrogates, which no encoding accepts.

    >>> print(valid_text(b"caf\xe9.wav".decode("utf-8", "surrogateescape")))
    caf\xe9.wav
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a pair that is no byte
        return text.encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    r"""Return valid text in which control characters, line ends among them, are written as escapes.

    A file name can hold them, and could otherwise begin a new line or command a terminal.

    >>> print(one_line("a\nb.wav: is empty"))
    a\nb.wav: is empty
    """
    text = _ESCAPED_BYTE.sub(r"\\x\1", valid_text(text))  # as `repr` has written it
    return _CONTROL.sub(lambda found: _NAMED.get(found[0]) or f"\\x{ord(found[0]):02x}", text)


def shell_word(text: str) -> str:
    r"""Return the text as one word of a shell's command line; bash reads bytes in `$'...'`.

    >>> print(shell_word("my model"), shell_word(b"caf\xe9".decode("utf-8", "surrogateescape")))
    'my model' $'caf\xe9'
    """
    if valid_text(text) == text:
        return shlex.quote(text)
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{one_line(escaped)}'"


def valid_texts(value: Any) -> Any:
    """Return a value of JSON in which all texts, and all keys, are valid text."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, dict):
        return {valid_texts(key): valid_texts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [valid_texts(each) for each in value]
    return value


def json_line(value: Any) -> str:
    """Return a value as one line of ASCII JSON whose texts are all valid text."""
    return json.dumps(valid_texts(value))
