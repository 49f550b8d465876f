"""The command `ser-stream transcribe`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_stream.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ser_stream.asr.base import AsrSettings
    from ser_stream.asr.transcription import SpokenTurn

WHISPER = "base"
"""Model of faster-whisper. A live stream's default is smaller, to keep up with speech."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `argparse`."""
    transcribe = commands.add_parser(
        "transcribe", help="print the words of a recording, with times"
    )
    transcribe.add_argument(
        "file", type=Path, metavar="FILE", help="recording: wav, flac, ogg, opus, mp3"
    )
    transcribe.add_argument(
        "--asr",
        choices=("faster_whisper", "pocketsphinx"),
        help="speech recogniser; default: faster_whisper, or pocketsphinx with --grammar or --text",
    )
    transcribe.add_argument(
        "--asr-model",
        default="",
        metavar="NAME|DIR",
        help=f"model of faster_whisper; default: {WHISPER}; it need not keep up with speech",
    )
    what = transcribe.add_mutually_exclusive_group()
    what.add_argument(
        "--grammar",
        default="",
        metavar="NAME|FILE",
        help="sentences that are expected: robot-commands or demo, which come with the package, or "
        "a file: txt (one a line), jsgf or arpa",
    )
    what.add_argument(
        "--text",
        metavar="TEXT",
        help="the spoken text, if it is known: only the times of its words are found",
    )
    transcribe.add_argument(
        "--language",
        default="",
        metavar="CODE",
        help="spoken language, such as en; default: detected",
    )
    transcribe.add_argument(
        "--format",
        choices=("json", "textgrid", "srt"),
        default="json",
        help="JSON Lines, Praat's TextGrid, or subtitles; default: json",
    )
    transcribe.set_defaults(run=_transcribe)


def _transcribe(arguments: argparse.Namespace) -> int:
    from ser_stream.asr.base import FASTER_WHISPER, POCKETSPHINX, AsrSettings
    from ser_stream.asr.factory import check_settings
    from ser_stream.audio.speech import read_what_can_be_read
    from ser_stream.outputs.transcript import json_line, srt, textgrid
    from ser_stream.units import SAMPLE_RATE_HZ

    text_is_known = arguments.grammar or arguments.text is not None
    backend = arguments.asr or (POCKETSPHINX if text_is_known else FASTER_WHISPER)
    settings = AsrSettings(
        backend,
        model=arguments.asr_model or (WHISPER if backend == FASTER_WHISPER else ""),
        language=arguments.language,
        grammar=arguments.grammar,
    )
    check_settings(settings)
    samples, skipped = read_what_can_be_read(arguments.file)
    turns, missing = _spoken_turns(settings, arguments.text, samples)
    if arguments.format == "json":
        for turn in turns:
            print(json_line(turn), flush=True)
    elif arguments.format == "textgrid":
        print(textgrid(list(turns), len(samples) / SAMPLE_RATE_HZ), end="")
    else:
        print(srt(turns), end="")
    if missing:
        skipped = InputError(f"{skipped or arguments.file}: {missing}")
    if skipped is not None:
        raise skipped
    return 0


def _spoken_turns(
    settings: AsrSettings, text: str | None, samples: np.ndarray
) -> tuple[Iterable[SpokenTurn], str]:
    """Return the turns with their words, and a line on missing words, "" for none."""
    from ser_stream.asr.base import POCKETSPHINX
    from ser_stream.asr.factory import open_recognizer
    from ser_stream.asr.transcription import align, transcribe

    if text is None:
        return transcribe(samples, open_recognizer(settings)), ""
    if settings.backend != POCKETSPHINX:
        raise InputError(f"--text: goes with --asr {POCKETSPHINX}; found {settings.backend}")
    return align(samples, text)
