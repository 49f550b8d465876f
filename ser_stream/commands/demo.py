"""The command `ser-stream demo`: what a model recognises in the recordings of the package."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.shared import add_engine, add_model, print_message
from ser_stream.commands.tally import Tally
from ser_stream.commands.view import text_view
from ser_stream.errors import InputError

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.audio.block import AudioSource
    from ser_stream.audio.playback import Loudspeaker

RECORDINGS = Path(__file__).parent.parent / "demo"
PROGRAM = "ser-stream"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of a parser."""
    demo = commands.add_parser(
        "demo",
        help="recognise recordings that come with the package, and play them",
        description="Play recordings of a synthesised voice, recognise their emotions at the speed "
        "of a microphone, and show those that were intended beside those that were recognised.",
    )
    add_model(demo)
    add_engine(demo)
    demo.add_argument(
        "--no-sound",
        action="store_true",
        help="do not play the recordings, and recognise them as fast as possible",
    )
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ser_stream.commands.listening import Listening
    from ser_stream.commands.supervision import Supervision
    from ser_stream.outputs.intended import IntendedTable
    from ser_stream.stream.recognizer import Recognizer

    tally = Tally(failed=False)
    with contextlib.ExitStack() as stack:
        recognizer = stack.enter_context(Recognizer(arguments.model, engine=arguments.engine))
        loudspeaker = None if arguments.no_sound else _loudspeaker()
        if loudspeaker is not None:
            stack.callback(loudspeaker.close)
        intended, sources = _sources(loudspeaker, realtime=not arguments.no_sound)
        table = IntendedTable(intended)
        try:
            with (
                text_view(recognizer.info) as view,
                Supervision(view, live=False) as supervision,
            ):
                outputs = [view, table, supervision]
                listening = Listening(recognizer, outputs, tally, live=False)
                listening.run_until(arguments.termination, sources)
        finally:
            print(tally.line(), file=sys.stderr)
    print()
    table.print(Console())
    print(f"\nThe voice is synthesised. Your own: {_program()} listen")
    return tally.exit_code


def _loudspeaker() -> Loudspeaker | None:
    """Return the loudspeaker; None where it cannot be used, which a line on stderr says."""
    from ser_stream.audio.playback import Loudspeaker

    try:
        return Loudspeaker()
    except InputError as error:
        print_message(f"the recordings are not played: {error}")
        return None


def _sources(
    loudspeaker: Loudspeaker | None, realtime: bool
) -> tuple[dict[str, str], list[AudioSource]]:
    """Return the recordings, and for the name of each the emotion that was intended."""
    import soundfile

    from ser_stream.audio.playback import PlayedRecording
    from ser_stream.audio.recording import Recording

    intended: dict[str, str] = {}
    sources: list[AudioSource] = []
    for path in sorted(RECORDINGS.glob("*.flac")):
        source: Recording
        if loudspeaker is None:
            source = Recording(path, realtime)
        else:
            source = PlayedRecording(path, loudspeaker)
        emotion = path.stem.partition("-")[2]
        with soundfile.SoundFile(path) as file:
            source.name = f"{emotion}: {file.title}"
        intended[source.name] = emotion
        sources.append(source)
    return intended, sources


def _program() -> str:
    """Return how this program was called, as from a virtual environment that is not active."""
    called = Path(sys.argv[0])
    return sys.argv[0] if called.name == PROGRAM else PROGRAM
