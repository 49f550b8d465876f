"""The parser of the command line: numbers as they look, and errors of one line."""

from __future__ import annotations

import argparse
import math
import re
from typing import Any, NoReturn

from ser_stream.errors import message_line, shown

MAX_NUMBER = 2**63 - 1

_WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


class Parser(argparse.ArgumentParser):
    """A parser whose options of the types int and float accept decimal, finite numbers only.

    What is wrong is shown with the first characters of what was found.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.register("type", int, whole_number)
        self.register("type", float, number)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong as one line and exit with code 2."""
        super().error(message_line(message))


def whole_number(text: str) -> int:
    """Return the whole number that a text says.

    Raises:
        ArgumentTypeError: it says none, or one that has no place in 64 bits.
    """
    if not _WHOLE.fullmatch(text) or abs(int(text)) > MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"found {shown(text)}; accepted is a whole number")
    return int(text)


def seed(text: str) -> int:
    """Return the random seed that a text says.

    Raises:
        ArgumentTypeError: it says none.
    """
    from ser_stream.validation import MAX_SEED  # here: --help must answer at once

    found = whole_number(text)
    if not 0 <= found <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"found {found}; accepted are 0 to {MAX_SEED}")
    return found


def number(text: str) -> float:
    """Return the number that a text says.

    Raises:
        ArgumentTypeError: it says none, or one that is not finite.
    """
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise argparse.ArgumentTypeError(
            f"found {shown(text)}; accepted is a finite decimal number, such as 0.5"
        )
    return float(text)
