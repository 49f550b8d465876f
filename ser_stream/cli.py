"""The command `ser-stream`. Subcommands import what they need, so that --help answers at once."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from ser_stream import __version__
from ser_stream.commands import evaluate, listen, lists, models, papers, train, transcribe
from ser_stream.commands.parser import Parser
from ser_stream.commands.shared import print_error
from ser_stream.errors import InputError
from ser_stream.extras import missing_extra


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 2 for input that cannot be used.

    2 is also the code of a command whose package is an extra that is not installed.
    """
    arguments = _parser().parse_args(argv)
    _log_to_stderr()
    try:
        return arguments.run(arguments)
    except InputError as error:
        print_error(error)
        return 2
    except ModuleNotFoundError as error:
        missing = missing_extra(arguments.command, error)
        if missing is None:
            raise
        print_error(missing)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of the output has gone, as in `ser-stream ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a file that cannot be read or written
        if error.filename is None:
            raise
        print_error(InputError(f"{error.filename}: {error.strerror}"))
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="ser-stream", description="Real-time speech emotion recognition for robots."
    )
    parser.add_argument("--version", action="version", version=f"ser-stream {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )
    for module in (listen, transcribe, lists, train, evaluate, papers, models):
        module.add(commands)
    return parser


class _StderrHandler(logging.Handler):
    """Writes to the current sys.stderr, which the live view replaces while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"ser-stream: {record.getMessage()}", file=sys.stderr)


def _log_to_stderr() -> None:
    logger = logging.getLogger("ser_stream")
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
