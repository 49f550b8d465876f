"""The command `ser-stream serve`."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.listen_options import add_words, asr_settings, channel
from ser_stream.commands.shared import add_engine, add_model, print_message
from ser_stream.errors import InputError
from ser_stream.extras import require_extra

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.asr.base import AsrSettings
    from ser_stream.serving.local_source import LocalSource
    from ser_stream.serving.words import WordRecognizers
    from ser_stream.stream.settings import RecognizerSettings

MICROPHONE = "microphone"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of a parser."""
    serve = commands.add_parser(
        "serve",
        help="recognise emotions for other programs, over WebSocket, and show them on a web page",
        description="Serve many streams of sound over WebSocket, until Ctrl-C; docs/serve.md "
        "describes the protocol. Without options: on this machine alone, port 8765.",
    )
    _add_address(serve)
    add_model(serve)
    add_engine(serve)
    serve.add_argument(
        "--max-streams",
        type=int,
        default=50,
        metavar="N",
        help="streams at the same time; another one is refused; default: 50",
    )
    serve.add_argument(
        "--source",
        metavar="microphone|FILE",
        help="also serve the microphone of this machine, or a recording at its own speed",
    )
    serve.add_argument(
        "--device",
        metavar="NAME",
        help="with --source microphone: name, part of a name, or index; ser-stream devices lists "
        "them",
    )
    serve.add_argument(
        "--channel",
        type=channel,
        default="mix",
        metavar="N|mix|auto",
        help="channel of all streams whose client chooses none: number from 0, mix, or auto; "
        "default: mix",
    )
    add_words(serve)
    serve.add_argument(
        "--max-words",
        type=int,
        metavar="N",
        help="with --asr: streams whose words are recognised at the same time, each by a process "
        "of its own; default: 1",
    )
    serve.set_defaults(run=_serve)


def _add_address(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; one that other machines reach requires a token; default: "
        "127.0.0.1",
    )
    serve.add_argument(
        "--port", type=int, default=8765, metavar="N", help="0: any that is free; default: 8765"
    )
    serve.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the token that clients need; default: the environment variable "
        "SER_STREAM_TOKEN",
    )
    serve.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="origin of further web pages that may connect, such as https://robot.example",
    )
    serve.add_argument("--certificate", type=Path, metavar="FILE", help="for TLS: PEM file")
    serve.add_argument("--key", type=Path, metavar="FILE", help="for TLS: its private key")


def _serve(arguments: argparse.Namespace) -> int:
    require_extra("serve", "starlette", "uvicorn", "websockets", "prometheus_client")
    from ser_stream.memory import give_back_large_allocations
    from ser_stream.serving.access import Access, read_token
    from ser_stream.serving.limits import Limits
    from ser_stream.serving.server import Address, Server, check_address
    from ser_stream.stream.pool import StreamPool

    # Before the model is loaded: what cannot be used is reported at once.
    address = Address(arguments.host, arguments.port, arguments.certificate, arguments.key)
    access = Access(read_token(arguments.token_file), arguments.allow_origin)
    check_address(address, access)
    _check_numbers(arguments)
    asr = asr_settings(arguments, live=False)
    local = _local_source(arguments)
    limits = Limits(max_streams=arguments.max_streams, max_words=arguments.max_words or 1)
    give_back_large_allocations()
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(
            StreamPool(
                arguments.model,
                limits.max_streams,
                engine=arguments.engine,
                channel=arguments.channel,
            )
        )
        words = _words(pool.settings, asr, arguments.text_model or "", limits.max_words)
        server = Server(pool, address, access, limits, local, words)
        print_message(
            f"serving {pool.info.name} ({pool.engine}) at {server.url}/ for up to "
            f"{limits.max_streams} streams; Ctrl-C ends"
        )
        with arguments.termination.calling(server.stop):
            return 0 if server.run() else 1


def _check_numbers(arguments: argparse.Namespace) -> None:
    """Check the numbers of streams.

    Raises:
        InputError: one is too small, or goes with an option that is missing.
    """
    for name in ("max_streams", "max_words"):
        found = getattr(arguments, name)
        if found is not None and found < 1:
            raise InputError(
                f"--{name.replace('_', '-')}: found {found}; accepted are whole numbers from 1 on"
            )
    if arguments.max_words is not None and not arguments.asr:
        raise InputError("--max-words: goes with --asr")


def _words(
    settings: RecognizerSettings, asr: AsrSettings, text_model: str, most: int
) -> WordRecognizers | None:
    """Return what recognises the words of streams; None where nothing does.

    Args:
        settings: of the pool.

    Raises:
        InputError: the text model cannot be used.
    """
    from ser_stream.asr.base import NONE

    if asr.backend == NONE:
        return None
    from ser_stream.serving.words import WordRecognizers
    from ser_stream.stream.word_recognition import WordRecognition

    chosen = settings.replace(asr=asr, text_model=text_model)
    return WordRecognizers(lambda: WordRecognition(chosen), most)


def _local_source(arguments: argparse.Namespace) -> LocalSource | None:
    """Return the source of this machine that is served too.

    Raises:
        InputError: it is a recording that cannot be used.
    """
    if arguments.device is not None and arguments.source != MICROPHONE:
        raise InputError("--device: goes with --source microphone")
    if arguments.source is None:
        return None
    from ser_stream.serving.local_source import LocalSource

    if arguments.source == MICROPHONE:
        from ser_stream.audio.microphone import Microphone

        microphone = Microphone(arguments.device, arguments.channel, wait=True)
        return LocalSource(microphone, MICROPHONE, arguments.channel)
    from ser_stream.audio.recording import Recording

    recording = Recording(arguments.source, realtime=True)
    return LocalSource(recording, Path(recording.name).name, arguments.channel)
