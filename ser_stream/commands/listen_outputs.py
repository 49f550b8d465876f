"""The outputs of `ser-stream listen` besides its view, each for an option."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ser_stream.commands.shared import print_message
from ser_stream.extras import require_extra

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.asr.base import AsrSettings
    from ser_stream.outputs.turn_command import TurnCommand
    from ser_stream.ros.dds import DdsPublisher
    from ser_stream.sessions.record import SessionRecorder
    from ser_stream.stream.recognizer import Recognizer

TURN_TIMEOUT_S = 30.0


def open_dds(arguments: argparse.Namespace, asr: AsrSettings) -> DdsPublisher:
    """Return the publisher of --dds, and say where it publishes."""
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


def open_recorder(arguments: argparse.Namespace, recognizer: Recognizer) -> SessionRecorder:
    """Return the recorder of --record, and say what it records."""
    from ser_stream.sessions.record import SessionRecorder

    settings = dataclasses.asdict(recognizer.settings)
    recorder = SessionRecorder(
        arguments.record, recognizer.info, settings, arguments.record_audio, arguments.channel
    )
    print_message(recorder.announcement)
    return recorder


def open_turn_command(arguments: argparse.Namespace, command: Sequence[str]) -> TurnCommand:
    """Return what runs the command of --on-turn, which is split into words."""
    from ser_stream.outputs.turn_command import TurnCommand

    timeout_s = arguments.on_turn_timeout
    return TurnCommand(
        command,
        TURN_TIMEOUT_S if timeout_s is None else timeout_s,
        live=not arguments.input or arguments.realtime,
        with_source=len(arguments.input or ()) > 1,
        ending=lambda: arguments.termination.begun,
    )
