"""The command `ser-stream listen`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

from ser_stream.commands.listen_options import add_options, asr_settings, check_options
from ser_stream.commands.listen_outputs import open_dds, open_recorder, open_turn_command
from ser_stream.commands.mqtt_options import broker_of, open_mqtt, publication_of
from ser_stream.commands.page import open_page, page_access
from ser_stream.commands.shared import print_error
from ser_stream.commands.tally import Tally
from ser_stream.commands.view import json_view, text_view
from ser_stream.errors import InputError

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.asr.base import AsrSettings
    from ser_stream.audio.block import AudioSource
    from ser_stream.outputs.base import Output
    from ser_stream.sessions.record import SessionRecorder
    from ser_stream.stream.recognizer import Recognizer


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the subcommands of a parser."""
    listen = commands.add_parser(
        "listen",
        help="recognise emotions in a microphone or recordings",
        description="Recognise emotions in the sound of a microphone, until Ctrl-C, or in "
        "recordings (--input). Without options: the default microphone and the default model.",
    )
    add_options(listen)
    listen.set_defaults(run=_listen)


def _listen(arguments: argparse.Namespace) -> int:
    from ser_stream.commands.listening import Listening
    from ser_stream.commands.supervision import Supervision
    from ser_stream.memory import give_back_large_allocations
    from ser_stream.outputs.turn_command import split

    check_options(arguments)
    asr = asr_settings(arguments, live=not arguments.input)
    # Before the model is loaded: what cannot be used is reported at once.
    sources, failed = _sources(arguments)
    if not sources:
        return 2
    access = page_access() if arguments.page else None
    mqtt = None if arguments.mqtt is None else (broker_of(arguments), publication_of(arguments))
    on_turn = None if arguments.on_turn is None else split(arguments.on_turn)
    give_back_large_allocations()
    tally = Tally(failed)
    with contextlib.ExitStack() as stack:
        # DDS starts before the model is loaded: subscribers find it by the first estimate.
        published = [stack.enter_context(open_dds(arguments, asr))] if arguments.dds else []
        recognizer = stack.enter_context(_recognizer(arguments, asr))
        for dds in published:
            dds.on_model(recognizer.info.name)
        if arguments.input:  # here: one error, however many recordings there are
            recognizer.wait_for_words()
        outputs: list[Output] = [*published]
        recorders: list[SessionRecorder] = []
        if arguments.record:
            recorders.append(stack.enter_context(open_recorder(arguments, recognizer)))
            sources = [recorders[0].recorded(source) for source in sources]
        outputs += recorders
        if mqtt is not None:
            several = len(arguments.input or ()) > 1
            outputs.append(stack.enter_context(open_mqtt(*mqtt, recognizer, several)))
        if access is not None:
            page = stack.enter_context(open_page(arguments, recognizer, access))
            sources = [page.shown(source) for source in sources]
            outputs.append(page)
        commands: list[Output] = []
        if on_turn is not None:  # the last one: it ends first, before a second signal may come
            commands.append(stack.enter_context(open_turn_command(arguments, on_turn)))
        try:
            with (
                _view(arguments, recognizer) as view,
                Supervision(view, live=not arguments.input, others=commands) as supervision,
            ):
                outputs += [view, *commands, supervision]
                listening = Listening(recognizer, outputs, tally, live=not arguments.input)
                listening.run_until(arguments.termination, sources)
        finally:
            print(tally.line(), file=sys.stderr)
    tally.failed |= any(not recorder.complete for recorder in recorders)
    return tally.exit_code


def _recognizer(arguments: argparse.Namespace, asr: AsrSettings) -> Recognizer:
    from ser_stream.stream.recognizer import Recognizer
    from ser_stream.stream.settings import RecognizerSettings

    min_speech_s = arguments.min_speech
    return Recognizer(
        arguments.model,
        window_s=arguments.window,
        hop_s=arguments.hop,
        min_speech_s=RecognizerSettings.min_speech_s if min_speech_s is None else min_speech_s,
        min_confidence=arguments.min_confidence,
        label_sets=arguments.label_sets,
        channel=arguments.channel,
        engine=arguments.engine,
        asr=asr,
        text_model=arguments.text_model or "",
    )


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


def _view(
    arguments: argparse.Namespace, recognizer: Recognizer
) -> contextlib.AbstractContextManager[Output]:
    if arguments.json:
        return json_view(several_sources=len(arguments.input or ()) > 1)
    recorded = ("sound" if arguments.record_audio else "estimates") if arguments.record else ""
    return text_view(recognizer.info, recorded)
