"""The errors that the package raises on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from ser_stream.text import one_line

MAX_SHOWN = 80
"""Characters of a wrong value that an error message shows."""
MAX_MESSAGE = 2000
"""Characters of the longest message of an `InputError`."""


class InputError(ValueError):
    """A file, device, model or parameter given by the user cannot be used.

    The message is one line that says what was found, where, what is accepted and, where it helps,
    what to do. The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: object = ""):
        super().__init__(message_line(str(message)))


def message_line(message: str) -> str:
    """Return a message as one line of text; the middle of a very long one is left out."""
    line = one_line(message)
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE * 2 // 3]} [...] {line[-MAX_MESSAGE // 4 :]}"


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


class InferenceError(RuntimeError):
    """A network fails at every window, also after it was opened again.

    The message is one line. The command line prints it and exits with code 1: a new process may
    help, since a driver or a GPU may be in a state that nothing inside this process can leave.
    """
