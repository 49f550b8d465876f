"""The error for input that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_SHOWN = 80
"""Characters of a wrong value that an error message shows."""
MAX_MESSAGE = 2000
"""Characters of the longest message of an `InputError`."""

# Control characters may command a terminal; half of a surrogate pair, as in the name of a file that
# is not UTF-8, cannot be printed or sent everywhere.
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class InputError(ValueError):
    """A file, device, model or parameter given by the user cannot be used.

    The message is one line that says what was found, where, what is accepted and, where it helps,
    what to do. The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: object = ""):
        super().__init__(one_line(str(message)))


def one_line(message: str) -> str:
    """Return a message as one line of printable text; the middle of a very long one is left out."""
    line = _NOT_TEXT.sub(_escaped, " ".join(message.splitlines()))
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE * 2 // 3]} [...] {line[-MAX_MESSAGE // 4 :]}"


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")


def shown(value: object) -> str:
    """Return a value as an error message shows it: one line, cut where it is long.

    Of a large value, only the part that is shown is converted to text.
    """
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > MAX_SHOWN:
            return text[: MAX_SHOWN - 3] + "..."
    return text


def _pieces(value: object) -> Iterator[str]:
    """Yield the text of a value piece by piece, like `repr`."""
    if isinstance(value, list | tuple):
        opening, closing = "[]" if isinstance(value, list) else "()"
        yield opening
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(item)
        yield ",)" if isinstance(value, tuple) and len(value) == 1 else closing
    elif isinstance(value, dict):
        yield "{"
        for number, (name, item) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _pieces(name)
            yield ": "
            yield from _pieces(item)
        yield "}"
    elif isinstance(value, str | bytes):
        yield repr(value[: MAX_SHOWN + 1])
    elif isinstance(value, int) and value.bit_length() > 4 * MAX_SHOWN:
        yield f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    else:
        yield repr(value)
