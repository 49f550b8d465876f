"""`ser-stream listen`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from ser_stream.commands.shared import print_error
from ser_stream.errors import InputError


def add(commands) -> None:
    """Add the command to those of `argparse`."""
    listen = commands.add_parser("listen", help="recognise emotions in a microphone or recordings")
    source = listen.add_mutually_exclusive_group()
    source.add_argument(
        "--input",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings: wav, flac, ogg, opus, mp3",
    )
    source.add_argument(
        "--device", metavar="NAME", help="microphone: name, part of a name, or index"
    )
    listen.add_argument(
        "--model",
        default="default",
        metavar="NAME|DIR",
        help="shipped model, model folder, or a Hugging Face checkpoint's folder or name",
    )
    listen.add_argument("--window", type=float, metavar="S", help="window length in seconds")
    listen.add_argument("--hop", type=float, metavar="S", help="seconds between estimates")
    listen.add_argument(
        "--min-confidence", type=float, metavar="P", help="abstain below this confidence"
    )
    listen.add_argument(
        "--channel", type=_channel, default="mix", metavar="N|mix", help="channel, from 0, or mix"
    )
    listen.add_argument(
        "--realtime", action="store_true", help="play recordings at the speed of a microphone"
    )
    listen.add_argument(
        "--asr", choices=("pocketsphinx", "faster_whisper"), help="recognise words too"
    )
    listen.add_argument(
        "--asr-model", metavar="NAME|DIR", help="of --asr faster_whisper; default base"
    )
    listen.add_argument("--language", metavar="CODE", help="of --asr, such as en")
    listen.add_argument("--grammar", metavar="FILE", help="of --asr pocketsphinx: what may be said")
    listen.add_argument(
        "--text-model",
        metavar="NAME|DIR",
        help="with --asr: a second estimate, of sound and words, by this model",
    )
    listen.add_argument("--json", action="store_true", help="one JSON object per estimate")
    listen.add_argument(
        "--dds", action="store_true", help="publish in a robot's ROS 2 graph too; needs no ROS"
    )
    listen.add_argument(
        "--domain", type=int, metavar="N", help="of --dds: ROS domain; default ROS_DOMAIN_ID, or 0"
    )
    listen.add_argument(
        "--namespace", metavar="NAME", help="of --dds: goes in front of the topics' names"
    )
    listen.set_defaults(run=_listen)


def _channel(text: str) -> int | str:
    if text == "mix" or text.isdecimal():
        return text if text == "mix" else int(text)
    raise argparse.ArgumentTypeError(f"found {text!r}; accepted are mix, or a number from 0")


def _listen(arguments: argparse.Namespace) -> int:
    if arguments.realtime and not arguments.input:
        raise InputError("--realtime: goes with --input; a microphone is always in real time")
    for name in ("domain", "namespace"):
        if getattr(arguments, name) is not None and not arguments.dds:
            raise InputError(f"--{name}: goes with --dds")
    asr = _asr_settings(arguments)
    # Before torch is loaded, which takes a second: a file that cannot be heard says so at once.
    sources, failed = _sources(arguments)
    if not sources:
        return 2
    with contextlib.ExitStack() as graph:
        # The graph is joined first too: by the first estimate, subscribers have found us.
        outputs = [graph.enter_context(_dds(arguments, asr))] if arguments.dds else []
        from ser_stream.stream.recognizer import Recognizer

        recognizer = graph.enter_context(
            Recognizer(
                arguments.model,
                window_s=arguments.window,
                hop_s=arguments.hop,
                min_confidence=arguments.min_confidence,
                channel=arguments.channel,
                asr=asr,
                text_model=arguments.text_model or "",
            )
        )
        for dds in outputs:
            dds.watch(lambda: recognizer.status, recognizer.info.name)
        tally = _Tally(failed)
        view = _view(arguments.json, recognizer, several=len(arguments.input or ()) > 1)
        with contextlib.suppress(KeyboardInterrupt), view:
            _recognise(recognizer, sources, [*outputs, view], tally)
        print(tally.line(), file=sys.stderr)
    return 2 if tally.failed else 0


def _asr_settings(arguments: argparse.Namespace):
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


def _dds(arguments: argparse.Namespace, asr):
    from ser_stream.ros.dds import DdsPublisher

    return DdsPublisher(arguments.domain, arguments.namespace or "", language=asr.spoken_language)


def _sources(arguments: argparse.Namespace) -> tuple[list, bool]:
    """What can be listened to, and whether there was something that cannot."""
    if not arguments.input:
        from ser_stream.audio.microphone import Microphone

        return [Microphone(arguments.device)], False
    from ser_stream.audio.recording import Recording

    sources, failed = [], False
    for path in arguments.input:
        try:
            sources.append(Recording(path, realtime=arguments.realtime))
        except InputError as error:
            print_error(error)
            failed = True
    return sources, failed


def _recognise(recognizer, sources: list, outputs: list, tally: _Tally) -> None:
    def hear(speech) -> None:
        for output in outputs:
            output.hear(speech)

    for source in sources:
        for output in outputs:
            output.title(source.name)
        try:
            for estimate in recognizer.stream(source, hear):
                tally.estimates += 1
                tally.utterances += estimate.trigger == "utterance" and estimate.decisive
                for output in outputs:
                    output.show(estimate)
        except InputError as error:  # the other files are still worth hearing
            print_error(error)
            tally.failed = True
        finally:
            tally.add(recognizer.status)


def _view(as_json: bool, recognizer, several: bool):
    from rich.console import Console

    from ser_stream.outputs.console import LiveView, PlainView
    from ser_stream.outputs.json_lines import JsonLines

    if as_json:
        return JsonLines(sys.stdout, with_source=several)
    console = Console()
    if console.is_terminal:
        return LiveView(console, lambda: recognizer.status, recognizer.info.labels)
    return PlainView(console)


class _Tally:
    """What was done, over all sources, for the closing line and the exit code."""

    def __init__(self, failed: bool) -> None:
        self.failed = failed
        self.estimates = self.utterances = self.skipped = self.gaps = 0
        self.heard_s = 0.0

    def add(self, status) -> None:
        self.heard_s += status.position_s
        self.skipped += status.skipped
        self.gaps += status.gaps

    def line(self) -> str:
        counts = {
            "utterance": self.utterances, "estimate": self.estimates,
            "window skipped": self.skipped, "gap": self.gaps,
        }  # fmt: skip
        told = ", ".join(f"{n} {_plural(what, n)}" for what, n in counts.items())
        speech = "" if self.estimates or not self.heard_s else "; no speech long enough to judge"
        return f"heard {self.heard_s:.1f} s: {told}{speech}"


def _plural(what: str, n: int) -> str:
    """The plural, but of one.

    >>> _plural("window skipped", 2)
    'windows skipped'
    """
    first, *rest = what.split()
    return " ".join([first if n == 1 else f"{first}s", *rest])
