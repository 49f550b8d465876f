"""The command `ser-stream`. Subcommands import what they need, so that --help answers at once."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from ser_stream import __version__
from ser_stream.commands import (
    demo,
    evaluate,
    listen,
    lists,
    models,
    papers,
    review,
    serve,
    train,
    transcribe,
)
from ser_stream.commands.parser import Parser
from ser_stream.commands.shared import print_error, print_message
from ser_stream.errors import InputError
from ser_stream.extras import missing_extra
from ser_stream.standard_streams import STDOUT, OutputLost, StandardStreams
from ser_stream.termination import Terminated, Termination

CLOSED_STDOUT = InputError(
    "standard output: it is closed; redirect it, to a file or to /dev/null where nobody reads it"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, which docs/listen.md explains.

    0; 1 where standard output cannot be written; 2 for input that cannot be used, and for a command
    whose package is an extra that is not installed; 128 plus its number where a signal has ended
    the command before it was done.
    """
    with StandardStreams() as streams, Termination(streams.output) as termination:
        if STDOUT in streams.missing:
            print_error(CLOSED_STDOUT)
            return 2
        try:
            with termination.raising():
                code = _run(argv, termination)
        except SystemExit as ended:  # of argparse
            raise SystemExit(_ended(int(ended.code or 0), streams)) from None
        except Terminated as ended:
            code = ended.exit_code
        except KeyboardInterrupt:  # where signals are not ours to handle
            code = 128 + signal.SIGINT
        except OutputLost:
            code = 0  # for `_ended` to change
        except Exception:
            if termination.raised is None:
                raise
        if termination.raised is not None:
            code = termination.raised.exit_code
        return _ended(code, streams, hurried=termination.number is not None)


def _ended(code: int, streams: StandardStreams, hurried: bool = False) -> int:
    """Write what is still buffered; return the exit code, 1 if it could not be written."""
    loss = streams.finish(hurried)
    if loss is None:
        return code
    print_message(f"error: standard output: {loss.strerror}")
    return 1


def _run(argv: Sequence[str] | None, termination: Termination) -> int:
    arguments = _parser().parse_args(argv, argparse.Namespace(termination=termination))
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
    for module in (listen, serve, demo, review, transcribe, lists, train, evaluate, papers, models):
        module.add(commands)
    return parser


class _StderrHandler(logging.Handler):
    """Writes to the current sys.stderr, which the live view replaces while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print_message(record.getMessage())


def _log_to_stderr() -> None:
    logger = logging.getLogger("ser_stream")
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
