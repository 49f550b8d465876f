"""The command `ser-stream listen`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.shared import add_engine, print_error, print_message
from ser_stream.errors import InputError
from ser_stream.extras import require_extra

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.asr.base import AsrSettings
    from ser_stream.audio.block import AudioSource, Channel
    from ser_stream.outputs.base import Output
    from ser_stream.ros.dds import DdsPublisher
    from ser_stream.stream.recognizer import Recognizer
    from ser_stream.stream.status import StreamStatus
    from ser_stream.words import Speech

STATUS_EVERY_S = 0.1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of a parser."""
    listen = commands.add_parser(
        "listen",
        help="recognise emotions in a microphone or recordings",
        description="Recognise emotions in the sound of a microphone, until Ctrl-C, or in "
        "recordings (--input). Without options: the default microphone and the default model.",
    )
    source = listen.add_mutually_exclusive_group()
    source.add_argument(
        "--input",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings to read instead of a microphone: wav, flac, ogg, opus, mp3",
    )
    source.add_argument(
        "--device",
        metavar="NAME",
        help="microphone: name, part of a name, or index; ser-stream devices lists them",
    )
    listen.add_argument(
        "--model",
        default="default",
        metavar="NAME|DIR",
        help="shipped model (ser-stream models lists them), model folder, or a Hugging Face "
        "checkpoint's folder or name; default: default",
    )
    add_engine(listen)
    listen.add_argument(
        "--window",
        type=float,
        metavar="S",
        help="length of a window in seconds; default: the model's",
    )
    listen.add_argument(
        "--hop", type=float, metavar="S", help="seconds between estimates; default: the model's"
    )
    listen.add_argument(
        "--min-confidence",
        type=float,
        metavar="P",
        help="abstain below this confidence, 0 to 1; default: the model's",
    )
    listen.add_argument(
        "--channel",
        type=_channel,
        default="mix",
        metavar="N|mix|auto",
        help="number of the channel, from 0; mix, the mean of all; or auto, the channel with the "
        "clearest speech; default: mix",
    )
    listen.add_argument(
        "--realtime", action="store_true", help="read recordings at the speed of a microphone"
    )
    _add_words(listen)
    listen.add_argument("--json", action="store_true", help="print one JSON object per estimate")
    _add_dds(listen)
    listen.set_defaults(run=_listen)


def _add_words(listen: argparse.ArgumentParser) -> None:
    listen.add_argument(
        "--asr",
        choices=("pocketsphinx", "faster_whisper"),
        help="speech recogniser, for words too; default: none",
    )
    listen.add_argument(
        "--asr-model",
        metavar="NAME|DIR",
        help="with --asr faster_whisper: its model; default: tiny",
    )
    listen.add_argument(
        "--language",
        metavar="CODE",
        help="with --asr: spoken language, such as en; default: detected",
    )
    listen.add_argument(
        "--grammar",
        metavar="NAME|FILE",
        help="with --asr pocketsphinx: sentences that are expected: robot-commands or demo, which "
        "come with the package, or a file (txt, jsgf, arpa); default: open dictation, which is "
        "slow",
    )
    listen.add_argument(
        "--text-model",
        metavar="NAME|DIR",
        help="with --asr: model of a second estimate from sound and words, such as can-english",
    )


def _add_dds(listen: argparse.ArgumentParser) -> None:
    listen.add_argument(
        "--dds", action="store_true", help="also publish in a robot's ROS 2 graph; needs no ROS"
    )
    listen.add_argument(
        "--domain",
        type=int,
        metavar="N",
        help="with --dds: ROS domain; default: ROS_DOMAIN_ID, or 0",
    )
    listen.add_argument(
        "--namespace", metavar="NAME", help="with --dds: prefix of the topics' names"
    )


def _channel(text: str) -> Channel:
    from ser_stream.audio.block import parse_channel

    try:
        return parse_channel(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listen(arguments: argparse.Namespace) -> int:
    if arguments.realtime and not arguments.input:
        raise InputError("--realtime: goes with --input; a microphone is always in real time")
    for name in ("domain", "namespace"):
        if getattr(arguments, name) is not None and not arguments.dds:
            raise InputError(f"--{name}: goes with --dds")
    asr = _asr_settings(arguments)
    # Before the model is loaded: unusable files are reported at once.
    sources, failed = _sources(arguments)
    if not sources:
        return 2
    with contextlib.ExitStack() as stack:
        # DDS starts before the model is loaded: subscribers find it by the first estimate.
        published = [stack.enter_context(_dds(arguments, asr))] if arguments.dds else []
        recognizer = stack.enter_context(_recognizer(arguments, asr))
        for dds in published:
            dds.on_model(recognizer.info.name)
        tally = _Tally(failed)
        view = _view(arguments.json, recognizer, several=len(arguments.input or ()) > 1)
        outputs = [*published, view]
        with contextlib.suppress(KeyboardInterrupt), view, _reporting(recognizer, outputs):
            _recognise(recognizer, sources, outputs, tally)
        print(tally.line(), file=sys.stderr)
    return 2 if tally.failed else 0


def _asr_settings(arguments: argparse.Namespace) -> AsrSettings:
    from ser_stream.asr.base import AsrSettings
    from ser_stream.asr.factory import check_settings

    if not arguments.asr:
        for name in ("asr_model", "language", "grammar", "text_model"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name.replace('_', '-')}: goes with --asr")
        return AsrSettings()
    settings = AsrSettings(
        arguments.asr,
        model=arguments.asr_model or "",
        language=arguments.language or "",
        grammar=arguments.grammar or "",
    )
    check_settings(settings)
    return settings


def _recognizer(arguments: argparse.Namespace, asr: AsrSettings) -> Recognizer:
    from ser_stream.stream.recognizer import Recognizer

    return Recognizer(
        arguments.model,
        window_s=arguments.window,
        hop_s=arguments.hop,
        min_confidence=arguments.min_confidence,
        channel=arguments.channel,
        engine=arguments.engine,
        asr=asr,
        text_model=arguments.text_model or "",
    )


def _dds(arguments: argparse.Namespace, asr: AsrSettings) -> DdsPublisher:
    require_extra("--dds", "cyclonedds")
    from ser_stream.ros.dds import DdsPublisher

    publisher = DdsPublisher(
        arguments.domain,
        arguments.namespace or "",
        language=asr.spoken_language,
        asr=bool(arguments.asr),
        text_model=bool(arguments.text_model),
    )
    print_message(publisher.network)
    return publisher


def _sources(arguments: argparse.Namespace) -> tuple[list[AudioSource], bool]:
    """Return the usable sources, and whether there was one that cannot be used."""
    if not arguments.input:
        from ser_stream.audio.microphone import Microphone

        return [Microphone(arguments.device, arguments.channel)], False
    from ser_stream.audio.recording import Recording

    sources: list[AudioSource] = []
    failed = False
    for path in arguments.input:
        try:
            sources.append(Recording(path, realtime=arguments.realtime))
        except InputError as error:
            print_error(error)
            failed = True
    return sources, failed


def _view(as_json: bool, recognizer: Recognizer, several: bool) -> Output:
    from ser_stream.outputs.console import LiveView, PlainView, ViewConsole
    from ser_stream.outputs.json_lines import JsonLines

    if as_json:
        return JsonLines(sys.stdout, with_source=several)
    console = ViewConsole()
    if console.is_terminal:
        return LiveView(console, recognizer.info.labels)
    return PlainView(console)


@contextlib.contextmanager
def _reporting(recognizer: Recognizer, outputs: list[Output]) -> Iterator[None]:
    """Report the status of the stream ten times a second, in a thread of its own."""
    stopped = threading.Event()

    def report() -> None:
        while not stopped.wait(STATUS_EVERY_S):
            status = recognizer.status
            for output in outputs:
                output.on_status(status)

    thread = threading.Thread(target=report, name="ser_stream-status", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _recognise(
    recognizer: Recognizer, sources: list[AudioSource], outputs: list[Output], tally: _Tally
) -> None:
    def on_speech(speech: Speech) -> None:
        for output in outputs:
            output.on_speech(speech)

    for source in sources:
        for output in outputs:
            output.on_source(source.name)
        try:
            for estimate in recognizer.stream(source, on_speech):
                tally.estimates += 1
                tally.utterances += estimate.trigger == "utterance" and estimate.decisive
                for output in outputs:
                    output.on_estimate(estimate)
        except InputError as error:  # the other files can still be used
            print_error(error)
            tally.failed = True
        finally:
            tally.add(recognizer.status)


class _Tally:
    """Counts over all sources, for the closing line and the exit code."""

    def __init__(self, failed: bool) -> None:
        self.failed = failed
        self.estimates = self.utterances = self.skipped = self.gaps = self.failed_windows = 0
        self.sound_s = 0.0

    def add(self, status: StreamStatus) -> None:
        """Add a source that has ended."""
        self.sound_s += status.position_s
        self.skipped += status.skipped
        self.gaps += status.gaps
        self.failed_windows += status.failed_windows

    def line(self) -> str:
        """Return the closing line."""
        counts = {
            "utterance": self.utterances, "estimate": self.estimates,
            "window skipped": self.skipped, "gap": self.gaps,
        }  # fmt: skip
        if self.failed_windows:
            counts["window without a finite answer"] = self.failed_windows
        listed = ", ".join(f"{n} {_plural(what, n)}" for what, n in counts.items())
        none = "" if self.estimates or not self.sound_s else "; no speech long enough to score"
        return f"heard {self.sound_s:.1f} s: {listed}{none}"


def _plural(what: str, n: int) -> str:
    """Return the plural of a phrase's first word, unless there is exactly one.

    >>> _plural("window skipped", 2)
    'windows skipped'
    """
    first, *rest = what.split()
    return " ".join([first if n == 1 else f"{first}s", *rest])
