"""The error for input that cannot be used."""

from __future__ import annotations

import re

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
