"""The options of `ser-stream listen`, and what they may be together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.mqtt_options import add_mqtt, check_mqtt
from ser_stream.commands.page import check_page
from ser_stream.commands.shared import add_engine, add_model
from ser_stream.errors import InputError

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.asr.base import AsrSettings
    from ser_stream.audio.block import Channel


def add_options(listen: argparse.ArgumentParser) -> None:
    """Add all options."""
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
    add_model(listen)
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
        "--min-speech",
        type=float,
        metavar="S",
        help="seconds of speech that a turn needs to be judged, 0.1 to 10; default: 0.7",
    )
    listen.add_argument(
        "--min-confidence",
        type=float,
        metavar="P",
        help="abstain below this confidence, 0 to 1; default: the model's",
    )
    listen.add_argument(
        "--label-sets",
        action="store_true",
        help="add label_set to the JSON: the labels that hold the true one in nine of ten cases",
    )
    listen.add_argument(
        "--channel",
        type=channel,
        default="mix",
        metavar="N|mix|auto",
        help="number of the channel, from 0; mix, the mean of all; or auto, the channel with the "
        "clearest speech; default: mix",
    )
    listen.add_argument(
        "--realtime", action="store_true", help="read recordings at the speed of a microphone"
    )
    add_words(listen)
    listen.add_argument("--json", action="store_true", help="print one JSON object per estimate")
    listen.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="store estimates, words and status in a new folder within DIR, which ser-stream "
        "review shows; default: nothing is stored",
    )
    listen.add_argument(
        "--record-audio", action="store_true", help="with --record: store the sound too"
    )
    listen.add_argument(
        "--page",
        action="store_true",
        help="show everything on a live page of this machine, in a browser",
    )
    _add_on_turn(listen)
    add_mqtt(listen)
    _add_dds(listen)


def add_words(listen: argparse.ArgumentParser) -> None:
    """Add --asr and the options that go with it."""
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


def _add_on_turn(listen: argparse.ArgumentParser) -> None:
    listen.add_argument(
        "--on-turn",
        metavar="COMMAND",
        help="run a program after each turn, without a shell; it gets the estimate as JSON on its "
        "standard input",
    )
    listen.add_argument(
        "--on-turn-timeout",
        type=float,
        metavar="S",
        help="with --on-turn: end it after so many seconds, 0.1 to 3600; default: 30",
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


def channel(text: str) -> Channel:
    """Return the channel that an argument names."""
    from ser_stream.audio.block import parse_channel

    try:
        return parse_channel(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def check_options(arguments: argparse.Namespace) -> None:
    """Check that the options go together.

    Raises:
        InputError: one goes with another that is missing.
    """
    if arguments.realtime and not arguments.input:
        raise InputError("--realtime: goes with --input; a microphone is always in real time")
    if arguments.record_audio and not arguments.record:
        raise InputError("--record-audio: goes with --record DIR, the folder of the sessions")
    check_page(arguments)
    check_mqtt(arguments)
    timeout_s = arguments.on_turn_timeout
    if timeout_s is not None and arguments.on_turn is None:
        raise InputError("--on-turn-timeout: goes with --on-turn COMMAND")
    if timeout_s is not None and not 0.1 <= timeout_s <= 3600:
        raise InputError(f"--on-turn-timeout: found {timeout_s:g}; accepted are 0.1 to 3600 s")
    for name in ("domain", "namespace"):
        if getattr(arguments, name) is not None and not arguments.dds:
            raise InputError(f"--{name}: goes with --dds")


def asr_settings(arguments: argparse.Namespace, live: bool) -> AsrSettings:
    """Return the settings of speech recognition.

    Args:
        live: whether recognition is to go on where words cannot be recognised at present.

    Raises:
        InputError: an option goes with --asr, which is missing, or cannot be used.
    """
    from ser_stream.asr.base import AsrSettings
    from ser_stream.asr.factory import check_backend, check_settings

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
    # Live recognition goes on where the model, the language or the grammar cannot be used.
    check = check_backend if live else check_settings
    check(settings)
    return settings
