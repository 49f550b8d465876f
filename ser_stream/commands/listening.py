"""Passes the results of a recogniser to outputs, until its sources end or it is stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ser_stream.commands.shared import print_error
from ser_stream.commands.tally import Tally
from ser_stream.emotion import UTTERANCE
from ser_stream.errors import InferenceError, InputError
from ser_stream.termination import Terminated, Termination
from ser_stream.units import Seconds

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.audio.block import AudioSource
    from ser_stream.outputs.base import Output
    from ser_stream.stream.recognizer import Recognizer
    from ser_stream.words import Speech

STATUS_EVERY: Seconds = 0.1


class Listening:
    """One run over one source or several.

    Args:
        outputs: receive the results, in this order.
        tally: counts the results.
        live: whether the source is a microphone.
    """

    def __init__(self, recognizer: Recognizer, outputs: list[Output], tally: Tally, live: bool):
        self._recognizer = recognizer
        self._outputs = outputs
        self._tally = tally
        self._live = live
        self._stopped = threading.Event()
        self._source: AudioSource | None = None

    def stop(self) -> None:
        """Let `run` return after the estimates of the sound so far. Called from any thread."""
        self._stopped.set()
        if (source := self._source) is not None:
            source.close()

    def end_outputs(self) -> None:
        """End all outputs, where the process ends although `run` does not return."""
        for output in self._outputs:
            output.__exit__(None, None, None)

    def run_until(self, termination: Termination, sources: list[AudioSource]) -> None:
        """Run as `run` does, until a signal or the loss of standard output stops it.

        Raises:
            Terminated: a signal has stopped the reading of recordings, whose results are then
                incomplete; those that come at the speed of a microphone can end at any time.
        """
        with termination.calling(self.stop, at_worst=self.end_outputs):
            self.run(sources)
        if termination.number is not None and not sources[0].live:
            raise Terminated(termination.number)

    def run(self, sources: list[AudioSource]) -> None:
        """Pass on the results of the sources, one after the other.

        A source that cannot be used is reported, and the others are used.

        Raises:
            Exception: an output or the recogniser has failed.
        """
        with self._reporting():
            for source in sources:
                self._source = source  # before the check: `stop` sets the event first
                if self._stopped.is_set():
                    return
                self._recognise(source)

    def _recognise(self, source: AudioSource) -> None:
        for output in self._outputs:
            output.on_source(source.name)
        asr_errors: dict[int, str] = {}  # by turn; words that come late replace one by ""
        try:
            with contextlib.closing(self._recognizer.stream(source, self._on_speech)) as estimates:
                for estimate in estimates:
                    if estimate.trigger == UTTERANCE:
                        asr_errors[estimate.turn] = estimate.asr_error
                    whole_turn = estimate.trigger == UTTERANCE and estimate.decisive
                    self._tally.estimates += 1
                    self._tally.utterances += whole_turn
                    for output in self._outputs:
                        output.on_estimate(estimate)
            if not self._live:
                asr_error = next(filter(None, asr_errors.values()), "")
                _check_complete(source.name, asr_error, self._recognizer.status.failed_windows)
        except InputError as error:  # the other files can still be used
            print_error(error)
            self._tally.failed = True
        except InferenceError as error:
            print_error(InputError(str(error)))
            self._tally.failed, self._tally.must_restart = True, self._live
        finally:
            self._tally.add(self._recognizer.status)

    def _on_speech(self, speech: Speech) -> None:
        for output in self._outputs:
            output.on_speech(speech)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report the status of the stream ten times a second, in a thread of its own.

        Raises:
            Exception: an output has failed in that thread, which has stopped the run.
        """
        ended = threading.Event()
        failures: list[Exception] = []

        def report() -> None:
            try:
                while not ended.wait(STATUS_EVERY):
                    status = self._recognizer.status
                    for output in self._outputs:
                        output.on_status(status)
            except Exception as error:  # raised again in the caller's thread
                failures.append(error)
                self.stop()

        thread = threading.Thread(target=report, name="ser_stream-status", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if failures:
            raise failures[0]


def _check_complete(name: str, asr_error: str, failed_windows: int) -> None:
    """Check that nothing of a recording is missing.

    Raises:
        InputError: words of a turn, or estimates of windows.
    """
    if asr_error:
        raise InputError(f"{name}: speech recognition: {asr_error}; words are missing")
    if failed_windows:
        raise InputError(f"{name}: the model failed in {failed_windows} windows; see above")
